import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from defusedxml.ElementTree import fromstring

from exporter.demo import SampleServer

VERSIONS = ("2.9.4", "3.5.3", "4.3.2", "4.6.0")
TIMEOUT_SECONDS = 5.0
ACTIVITY = "application/activity+json"
ACCOUNT_ID = "109348684093124871"
XRD = "{http://docs.oasis-open.org/ns/xri/xrd-1.0}"
AVATAR = "http://webfinger.net/rel/avatar"

every_version = pytest.mark.parametrize("version", VERSIONS)
before_4 = pytest.mark.parametrize("version", ["2.9.4", "3.5.3"])
since_4 = pytest.mark.parametrize("version", ["4.3.2", "4.6.0"])


class Page(HTMLParser):
    """The parts of a page that probes look at."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.properties: dict[str, str] = {}
        self.ids: set[str] = set()
        self.assets: set[str] = set()
        self.alternates: set[str] = set()
        self._script: dict[str, str] | None = None
        self.initial_state: Any = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self._script = found if tag == "script" else None
        self.ids.update({found["id"]} if "id" in found else ())
        self.assets.update(found[name] for name in ("src", "href") if found.get(name, "").startswith("/packs/"))
        if tag == "meta" and "property" in found:
            self.properties[found["property"]] = found["content"]
        if found.get("rel") == "alternate":
            self.alternates.add(found["href"])

    def handle_endtag(self, tag: str) -> None:
        self._script = None

    def handle_data(self, data: str) -> None:
        if self._script and (self._script.get("id"), self._script.get("type")) == ("initial-state", "application/json"):
            self.initial_state = json.loads(data)


@dataclass(frozen=True)
class Running:
    """A sample server, and how it is asked."""

    sample: SampleServer

    @property
    def url(self) -> str:
        return self.sample.url

    @property
    def domain(self) -> str:
        return self.sample.domain

    def get(self, url: str, accept: str = "*/*", **headers: str) -> requests.Response:
        full = url if url.startswith("https:") else self.url + url
        return requests.get(
            full,
            params={"unique": "1"},
            headers={"Accept": accept, **headers},
            verify=str(self.sample.ca_file),
            allow_redirects=False,
            timeout=TIMEOUT_SECONDS,
        )

    def page(self, path: str) -> Page:
        answer = self.get(path, "text/html")
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        return Page(answer.text)

    def webfinger(self, resource: str, accept: str = "application/jrd+json") -> requests.Response:
        return self.get(f"/.well-known/webfinger?resource={resource}", accept)

    def links(self, resource: str) -> dict[str, str]:
        """Return the links of a resource by their relation."""
        answer = self.webfinger(resource)
        assert answer.headers["Content-Type"] == "application/jrd+json; charset=utf-8"
        return {link["rel"]: link.get("href", link.get("template")) for link in answer.json()["links"]}

    @property
    def announced(self) -> Any:
        return self.get("/api/v1/instance").json()

    @property
    def streaming_url(self) -> str:
        base: str = self.announced["urls"]["streaming_api"]
        return base.replace("wss:", "https:", 1)

    @property
    def storage_url(self) -> str:
        parts = urlsplit(self.announced["thumbnail"])
        return f"{parts.scheme}://{parts.netloc}"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Running]]:
    """Give the server of a version, started when it is first asked for."""
    started: dict[str, Running] = {}
    with ExitStack() as stack:

        def run(version: str) -> Running:
            if version not in started:
                folder = tmp_path_factory.mktemp("sample")
                started[version] = Running(stack.enter_context(SampleServer(folder, version=version)))
            return started[version]

        yield run


@pytest.fixture
def server(running: Callable[[str], Running], version: str) -> Running:
    return running(version)


@pytest.fixture
def newest(running: Callable[[str], Running]) -> Running:
    return running("4.6.0")


# Pages


@before_4
def test_the_old_front_page_leads_to_about(server: Running) -> None:
    answer = server.get("/")

    assert (answer.status_code, answer.headers["Location"]) == (302, f"{server.url}/about")


@since_4
def test_the_new_front_page_is_the_application(server: Running) -> None:
    assert "mastodon" in server.page("/").ids


@before_4
@pytest.mark.parametrize("path", ["/about", "/about/more"])
def test_the_old_about_pages_name_the_domain_and_the_contact(path: str, server: Running) -> None:
    page = server.page(path)

    assert page.properties["og:site_name"] == f"Mastodon hosted on {server.domain}"
    assert page.assets
    assert page.initial_state is None
    assert f"@admin@{server.domain}" in server.get(path).text


@since_4
def test_the_new_about_page_names_the_domain_in_its_state(server: Running) -> None:
    page = server.page("/about")

    assert page.initial_state["meta"]["domain"] == server.domain
    assert page.properties["og:site_name"] == f"Mastodon hosted on {server.domain}"
    assert "mastodon" in page.ids
    assert page.assets


@since_4
def test_the_new_about_page_names_no_account(server: Running) -> None:
    assert "admin" not in server.get("/about").text.lower()


@since_4
def test_about_more_has_become_a_redirect(server: Running) -> None:
    answer = server.get("/about/more")

    assert (answer.status_code, answer.headers["Location"]) == (301, f"{server.url}/about")


@every_version
def test_the_profile_names_the_account_where_probes_look(server: Running) -> None:
    page = server.page("/@admin")

    assert page.properties["profile:username"] == f"admin@{server.domain}"
    assert page.properties["og:title"] == f"Sample Admin (@admin@{server.domain})"
    assert page.alternates == {server.links(f"acct:admin@{server.domain}")["self"]}


@every_version
@pytest.mark.parametrize("path", ["/about", "/@admin"])
def test_pages_allow_media_from_the_storage(path: str, server: Running) -> None:
    policy = server.get(path).headers["Content-Security-Policy"]

    directives = {name: sources.split() for name, _, sources in (part.partition(" ") for part in policy.split("; "))}
    assert server.storage_url in directives["img-src"]
    assert server.storage_url in directives["media-src"]
    assert server.announced["urls"]["streaming_api"] in directives["connect-src"]


@every_version
def test_the_assets_of_a_page_are_there(server: Running) -> None:
    assert {server.get(asset).status_code for asset in server.page("/about").assets} == {200}


@every_version
def test_answers_pass_through_a_cache_that_has_not_seen_them(server: Running) -> None:
    assert server.get("/about").headers["X-Cached"] == "MISS"


# Unknown paths


@every_version
@pytest.mark.parametrize("accept", ["*/*", "text/html", "application/json, */*"])
def test_an_unknown_path_is_a_page_for_people(accept: str, server: Running) -> None:
    answer = server.get("/nowhere", accept)

    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert "X-Cached" not in answer.headers


@every_version
def test_an_unknown_path_is_json_for_programs(server: Running) -> None:
    answer = server.get("/nowhere", "application/json")

    assert (answer.status_code, answer.json()) == (404, {"error": "Not Found"})


@every_version
@pytest.mark.parametrize("path", ["/@somebody", "/users/somebody"])
def test_an_unknown_account_is_not_found(path: str, server: Running) -> None:
    assert server.get(path, ACTIVITY).status_code == 404


def test_nothing_can_be_posted(newest: Running) -> None:
    answer = requests.post(
        f"{newest.url}/about", data="x" * 1000, verify=str(newest.sample.ca_file), timeout=TIMEOUT_SECONDS
    )

    assert answer.status_code == 404


def test_head_sends_the_headers_of_get_without_its_body(newest: Running) -> None:
    head = requests.head(f"{newest.url}/about", verify=str(newest.sample.ca_file), timeout=TIMEOUT_SECONDS)

    assert head.content == b""
    assert int(head.headers["Content-Length"]) == len(newest.get("/about").content)


# Instance API and nodeinfo


@every_version
def test_the_older_instance_api_is_there_on_every_version(server: Running, version: str) -> None:
    answer = server.get("/api/v1/instance")

    document = answer.json()
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert (document["version"], document["uri"]) == (version, server.domain)
    assert document["stats"] == {"user_count": 42, "status_count": 1337, "domain_count": 256}
    assert document["urls"]["streaming_api"].startswith("wss://127.0.0.1:")
    assert document["contact_account"]["acct"] == "admin"
    assert document["contact_account"]["avatar"].startswith(server.storage_url)


def test_the_older_instance_api_is_deprecated_in_new_versions(newest: Running) -> None:
    assert newest.get("/api/v1/instance").headers["Deprecation"] == "@1668384000"


@before_4
def test_the_newer_instance_api_is_not_there_before_4(server: Running) -> None:
    answer = server.get("/api/v2/instance", "application/json")

    assert (answer.status_code, answer.json()) == (404, {"error": "Not Found"})


@since_4
def test_the_newer_instance_api_announces_the_same_as_the_older(server: Running, version: str) -> None:
    document = server.get("/api/v2/instance").json()

    assert (document["version"], document["domain"]) == (version, server.domain)
    assert document["configuration"]["urls"]["streaming"] == server.announced["urls"]["streaming_api"]
    assert document["configuration"]["urls"]["status"].startswith("https://")
    assert document["thumbnail"]["url"] == server.announced["thumbnail"]
    assert document["contact"]["account"] == server.announced["contact_account"]


@pytest.mark.parametrize("version", ["3.5.3", "4.3.2", "4.6.0"])
def test_nodeinfo_leads_to_the_numbers(server: Running, version: str) -> None:
    (link,) = server.get("/.well-known/nodeinfo").json()["links"]

    document = server.get(link["href"]).json()
    assert document["software"] == {"name": "mastodon", "version": version}
    assert (document["usage"]["users"]["total"], document["usage"]["localPosts"]) == (42, 1337)


@pytest.mark.parametrize("version", ["2.9.4"])
@pytest.mark.parametrize("path", ["/.well-known/nodeinfo", "/nodeinfo/2.0", "/actor", "/health"])
def test_what_came_with_3_is_not_there_before(path: str, server: Running) -> None:
    assert server.get(path).status_code == 404


@pytest.mark.parametrize("version", ["3.5.3", "4.3.2", "4.6.0"])
def test_health_says_ok(server: Running) -> None:
    answer = server.get("/health")

    assert (answer.status_code, answer.text) == (200, "OK")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


# Streaming


@every_version
def test_the_streaming_host_says_exactly_ok(server: Running) -> None:
    answer = server.get(f"{server.streaming_url}/api/v1/streaming/health")

    assert (answer.status_code, answer.content, answer.headers["Content-Type"]) == (200, b"OK", "text/plain")


@since_4
def test_a_websocket_without_a_token_is_refused(server: Running) -> None:
    answer = server.get(f"{server.streaming_url}/api/v1/streaming", Upgrade="websocket", Connection="Upgrade")

    assert (answer.status_code, answer.headers["X-Error-Message"]) == (401, "Missing access token")


@before_4
def test_a_websocket_without_a_token_is_let_in_by_old_versions(server: Running) -> None:
    # Key and proof are the example of RFC 6455, section 1.3.
    key = "dGhlIHNhbXBsZSBub25jZQ=="
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": key}

    answer = server.get(f"{server.streaming_url}/api/v1/streaming", **headers)

    assert answer.status_code == 101
    assert answer.headers["Sec-WebSocket-Accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@every_version
def test_an_event_stream_without_a_token_is_refused(server: Running) -> None:
    answer = server.get(f"{server.streaming_url}/api/v1/streaming/user")

    assert (answer.status_code, answer.json()) == (401, {"error": "Missing access token"})


@every_version
def test_the_streaming_host_knows_nothing_else(server: Running) -> None:
    answer = server.get(f"{server.streaming_url}/about")

    assert (answer.status_code, answer.json()) == (404, {"error": "Not found"})


@since_4
def test_the_main_host_sends_streaming_to_the_host_it_announces(server: Running) -> None:
    answer = server.get("/api/v1/streaming/health")

    expected = f"{server.streaming_url}/api/v1/streaming/health?unique=1"
    assert (answer.status_code, answer.headers["Location"]) == (301, expected)


@before_4
def test_old_main_hosts_keep_their_port_and_know_the_base_path_only(server: Running) -> None:
    base = server.get("/api/v1/streaming")

    assert (base.status_code, base.headers["Location"]) == (301, f"{server.url}/api/v1/streaming?unique=1")
    assert server.get("/api/v1/streaming/health").status_code == 404


# Storage


@every_version
@pytest.mark.parametrize("name", ["thumbnail", "avatar"])
def test_the_media_that_are_announced_are_images(name: str, server: Running) -> None:
    url = {"thumbnail": server.announced["thumbnail"], "avatar": server.announced["contact_account"]["avatar"]}[name]

    answer = server.get(url)

    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/png")
    assert answer.content.startswith(b"\x89PNG\r\n\x1a\n")
    assert answer.content.endswith(b"IEND\xaeB`\x82")


@every_version
def test_the_storage_has_a_file_to_check(server: Running) -> None:
    assert server.get(f"{server.storage_url}/check.txt").text.strip() == "OK"


@every_version
@pytest.mark.parametrize(("path", "status", "code"), [("/", 403, "AccessDenied"), ("/nothing", 404, "NoSuchKey")])
def test_the_storage_refuses_as_s3_does(path: str, status: int, code: str, server: Running) -> None:
    answer = server.get(server.storage_url + path)

    assert answer.status_code == status
    assert fromstring(answer.content).findtext("Code") == code


# Discovery


@every_version
def test_host_meta_leads_to_webfinger(server: Running) -> None:
    answer = server.get("/.well-known/host-meta", "application/xrd+xml")

    (link,) = fromstring(answer.content).findall(f"{XRD}Link")
    assert answer.headers["Content-Type"] == "application/xrd+xml; charset=utf-8"
    assert link.get("rel") == "lrdd"
    assert link.get("template") == f"{server.url}/.well-known/webfinger?resource={{uri}}"


@every_version
def test_host_meta_names_a_type_before_3_only(server: Running, version: str) -> None:
    (link,) = fromstring(server.get("/.well-known/host-meta").content).findall(f"{XRD}Link")

    assert (link.get("type") == "application/xrd+xml") is (version == "2.9.4")


@since_4
@pytest.mark.parametrize("path", ["/.well-known/host-meta", "/.well-known/host-meta.json"])
def test_host_meta_can_be_json_in_new_versions(path: str, server: Running) -> None:
    (link,) = server.get(path, "application/json").json()["links"]

    assert link["template"].endswith("?resource={uri}")


@before_4
def test_host_meta_is_never_json_in_old_versions(server: Running) -> None:
    assert server.get("/.well-known/host-meta", "application/json").content.startswith(b"<?xml")
    assert server.get("/.well-known/host-meta.json").status_code == 404


@every_version
def test_webfinger_leads_from_the_account_to_its_actor(server: Running) -> None:
    resource = f"acct:admin@{server.domain}"

    actor = server.get(server.links(resource)["self"], ACTIVITY)

    assert server.webfinger(resource).json()["subject"] == resource
    assert actor.headers["Content-Type"] == f"{ACTIVITY}; charset=utf-8"
    assert (actor.json()["preferredUsername"], actor.json()["type"]) == ("admin", "Person")
    assert actor.json()["id"] == server.links(resource)["self"]


@every_version
def test_the_self_link_is_the_numbered_form_in_4_6_only(server: Running, version: str) -> None:
    expected = f"{server.url}/ap/users/{ACCOUNT_ID}" if version == "4.6.0" else f"{server.url}/users/admin"

    assert server.links(f"acct:admin@{server.domain}")["self"] == expected


@every_version
@pytest.mark.parametrize("form", ["admin@{domain}", "ACCT:Admin@{domain}", "{url}/@admin", "{url}/users/admin"])
def test_webfinger_knows_the_account_by_its_other_names(form: str, server: Running) -> None:
    resource = form.format(domain=server.domain, url=server.url)

    assert server.webfinger(resource).json()["subject"] == f"acct:admin@{server.domain}"


@every_version
def test_webfinger_names_the_avatar_since_4_2(server: Running, version: str) -> None:
    assert (AVATAR in server.links(f"acct:admin@{server.domain}")) is (version >= "4.2")


@pytest.mark.parametrize("version", ["2.9.4"])
def test_webfinger_is_xml_for_who_asks_so_before_3(server: Running) -> None:
    answer = server.webfinger(f"acct:admin@{server.domain}", "application/xrd+xml")

    assert answer.headers["Content-Type"] == "application/xrd+xml; charset=utf-8"
    assert fromstring(answer.content).findtext(f"{XRD}Subject") == f"acct:admin@{server.domain}"


@pytest.mark.parametrize("version", ["3.5.3", "4.3.2", "4.6.0"])
def test_webfinger_knows_the_instance_actor(server: Running) -> None:
    resource = f"acct:{server.domain}@{server.domain}"

    actor = server.get(server.links(resource)["self"], ACTIVITY).json()

    assert server.webfinger(resource).json()["subject"] == resource
    assert (actor["id"], actor["type"]) == (f"{server.url}/actor", "Application")


@pytest.mark.parametrize("version", ["2.9.4"])
def test_webfinger_knows_no_instance_actor_before_3(server: Running) -> None:
    assert server.webfinger(f"acct:{server.domain}@{server.domain}").status_code == 404


@every_version
@pytest.mark.parametrize("resource", ["acct:somebody@{domain}", "acct:admin@another.example", "{url}/@somebody"])
def test_webfinger_says_nothing_about_others(resource: str, server: Running) -> None:
    answer = server.webfinger(resource.format(domain=server.domain, url=server.url))

    assert (answer.status_code, answer.content) == (404, b"")


@every_version
@pytest.mark.parametrize("path", ["/.well-known/webfinger?resource=admin", "/.well-known/webfinger"])
def test_webfinger_refuses_what_is_no_resource(path: str, server: Running, version: str) -> None:
    assert server.get(path).status_code == (404 if version == "2.9.4" else 400)


# The account's other addresses


@every_version
@pytest.mark.parametrize("path", ["/@admin", "/users/admin"])
@pytest.mark.parametrize("accept", [ACTIVITY, 'application/ld+json; profile="https://www.w3.org/ns/activitystreams"'])
def test_the_account_is_an_actor_for_servers(path: str, accept: str, server: Running) -> None:
    assert server.get(path, accept).json()["preferredUsername"] == "admin"


@every_version
@pytest.mark.parametrize("accept", ["text/html", f"{ACTIVITY}, */*"])
def test_the_account_is_a_page_for_people_and_whoever_accepts_like_them(accept: str, server: Running) -> None:
    answer = server.get("/users/admin", accept)

    assert server.get("/@admin", accept).headers["Content-Type"] == "text/html; charset=utf-8"
    assert (answer.status_code, answer.headers["Location"]) == (301, f"{server.url}/@admin")


@every_version
def test_the_numbered_address_is_there_in_4_6_only(server: Running, version: str) -> None:
    expected = 200 if version == "4.6.0" else 404

    assert server.get(f"/ap/users/{ACCOUNT_ID}", ACTIVITY).status_code == expected
