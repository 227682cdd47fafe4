"""What is asked to learn whether deliveries would be harmed, and what is not."""

import asyncio
import ssl
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from exporter.authorities import trusted_authorities
from exporter.config.model import Instance
from exporter.mastodon.delivery import Verdict
from exporter.mastodon.instance import Announcement
from exporter.probes.look import Surroundings
from exporter.probes.maintenance import MaintenanceReport, entrances, look_for_harm
from exporter.probes.memory import Memory
from exporter.probes.prober import Prober
from exporter.probes.resolver import Resolver
from exporter.probes.transfer import Transfers
from exporter.probes.visit import Network
from tests.probes import mastodon_site
from tests.probes.conftest import instance_at
from tests.probes.site import Reply, Site, document, page, redirect, say_nothing, send

CALLBACK = "/api/subscriptions/9223372036854775807"
RAILS = (("X-Request-Id", "0b2a4a4e-6c1c-4f0e-9d2b-111111111111"), ("X-Runtime", "0.01"))


def paths(account: str = "maintenance") -> tuple[str, ...]:
    inboxes = ("/inbox", "/actor/inbox", f"/users/{account}/inbox", "/ap/users/9223372036854775807/inbox")
    return (CALLBACK, *inboxes)


def answer_all(site: Site, reply: Reply, account: str = "maintenance") -> None:
    site.routes.update(dict.fromkeys(paths(account), reply))


def asked(site: Site) -> Counter[tuple[str, str]]:
    return Counter((asked.method, asked.path) for asked in site.asked)


def verdicts(report: MaintenanceReport) -> set[Verdict]:
    return {finding.verdict for finding in report.findings}


def test_each_path_is_asked_once_by_each_method(prober: Prober, site: Site) -> None:
    prober.look_for_harm(instance_at(site, account="me"))
    posts = {("POST", path): 1 for path in paths("me")}
    assert asked(site) == {("GET", CALLBACK): 1, **posts, ("GET", "/api/v2/instance"): 1}


def test_the_account_is_the_configured_one_else_the_one_remembered(prober: Prober, site: Site) -> None:
    prober.probe(instance_at(site), ["api"], 5.0)
    prober.look_for_harm(instance_at(site))
    assert asked(site)["POST", "/users/admin/inbox"] == 1
    prober.look_for_harm(instance_at(site, account="a/b"))
    assert asked(site)["POST", "/users/a%2Fb/inbox"] == 1


def test_posts_are_empty_unsigned_and_named_as_what_senders_send(prober: Prober, site: Site) -> None:
    prober.look_for_harm(instance_at(site))
    (inbox,) = site.asked_for("/inbox")
    callback = next(one for one in site.asked_for(CALLBACK) if one.method == "POST")
    assert (inbox.headers["content-length"], inbox.headers["content-type"]) == ("0", "application/activity+json")
    assert callback.headers["content-type"] == "application/atom+xml"
    assert "signature" not in inbox.headers
    assert (inbox.query, callback.query) == ({}, {})


def test_redirects_are_never_followed(prober: Prober, site: Site, other_site: Site) -> None:
    site.routes.clear()
    for path in (*paths(), "/api/v2/instance", "/api/v1/instance"):
        site.routes[path] = redirect(f"{other_site.url}/sorry", 307)
    report = prober.look_for_harm(instance_at(site))
    assert (verdicts(report), other_site.asked) == ({Verdict.HARM}, [])
    assert all(f"{other_site.url}/sorry" in finding.judgement.detail for finding in report.findings)


def test_a_remembered_version_is_not_asked_for(tmp_path: Path, site: Site) -> None:
    memory = Memory(tmp_path)
    memory.learn(instance_at(site), Announcement(version="2.9.4"))
    with Prober(memory) as prober:
        prober.look_for_harm(instance_at(site))
    assert not site.asked_for("/api/v2/instance")


def test_a_refused_connection_does_no_harm(prober: Prober, site: Site) -> None:
    site.stop()
    report = prober.look_for_harm(instance_at(site))
    assert report.safe
    assert {finding.http_status for finding in report.findings} == {None}


def test_a_server_that_says_nothing_does_no_harm_and_takes_no_longer_than_its_timeout(
    prober: Prober, site: Site
) -> None:
    answer_all(site, Reply(misbehave=say_nothing))
    assert prober.look_for_harm(instance_at(site, timeout_seconds=0.5)).safe


def test_a_name_that_is_not_found_is_neither_safe_nor_harm() -> None:
    with Prober(Memory(None), Resolver()) as prober:
        report = prober.look_for_harm(Instance("test", "https://nowhere.invalid", "nowhere.invalid"))
    assert (verdicts(report), report.safe) == ({Verdict.UNKNOWN}, False)


def test_the_status_counts_even_if_the_body_does_not_end(prober: Prober, site: Site) -> None:
    site.routes["/inbox"] = Reply(misbehave=send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 100\r\n\r\nhalf"))
    report = prober.look_for_harm(instance_at(site))
    (inbox,) = (finding for finding in report.findings if finding.url == f"{site.url}/inbox")
    assert (inbox.verdict, inbox.http_status) == (Verdict.HARM, 404)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.example", ("https://a.example", "http://a.example")),
        ("https://[2001:db8::1]", ("https://[2001:db8::1]", "http://[2001:db8::1]")),
        ("https://a.example:8443", ("https://a.example:8443",)),
        ("http://a.example", ("http://a.example",)),
        ("http://a.example:8080", ("http://a.example:8080",)),
    ],
)
def test_plain_http_is_asked_too_where_https_has_its_own_port(url: str, expected: tuple[str, ...]) -> None:
    assert entrances(Instance("a", url, "a.example")) == expected


class Pair:
    """A healthy server over https, beside it one over http that redirects all deliveries."""

    def __init__(self, https: Site, http: Site, ca_file: Path) -> None:
        self.https, self.http, self.ca_file = https, http, ca_file
        answer_all(https, Reply(404, headers=RAILS))
        answer_all(http, redirect(f"{https.url}/", 301))

    def report(self) -> MaintenanceReport:
        return asyncio.run(self._report())

    async def _report(self) -> MaintenanceReport:
        surroundings = Surroundings(Network(Transfers(), Resolver(), trusted_authorities()), Memory(None))
        try:
            instance = instance_at(self.https, ca_file=self.ca_file)
            return await look_for_harm(surroundings, instance, [self.https.url, self.http.url])
        finally:
            await surroundings.network.transfers.aclose()


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with Site(tls=context) as https, Site() as http:
        yield Pair(https, http, tmp_path / "ca.pem")


def test_the_redirect_to_https_does_a_modern_server_no_harm(pair: Pair) -> None:
    pair.https.routes |= {"/api/v2/instance": document(mastodon_site.instance_v2(pair.https))}
    assert pair.report().safe


def test_limited_federation_is_a_modern_server_too(pair: Pair) -> None:
    closed = document({"error": "This API requires an authenticated user"}, status=401)
    pair.https.routes |= {"/api/v2/instance": closed, "/api/v1/instance": closed}
    assert pair.report().safe


@pytest.mark.parametrize("version", ["2.9.4", None], ids=["before 3.0", "not known"])
def test_the_redirect_to_https_harms_the_callbacks_of_a_server_that_may_be_old(pair: Pair, version: str | None) -> None:
    api = document(mastodon_site.instance_v1(pair.https, version)) if version else page("down", 503)
    pair.https.routes |= {"/api/v1/instance": api}
    harmed = {(finding.method, finding.url) for finding in pair.report().findings if finding.verdict is Verdict.HARM}
    assert harmed == {("GET", pair.http.url + CALLBACK), ("POST", pair.http.url + CALLBACK)}
