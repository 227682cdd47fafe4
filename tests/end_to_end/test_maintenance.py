"""A real nginx under maintenance: with the snippet as it is shipped and documented, and with what people do instead."""

import http.client
import json
import re
import ssl
import subprocess
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from exporter.config.model import Instance
from exporter.mastodon.instance import Announcement
from exporter.probes.memory import Memory
from tests.end_to_end.programs_under_test import free_port, run, started
from tests.probes.site import Reply, Site
from tests.programs import need_program
from tests.server.certificates import Authority

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "maintenance.md").read_text()
SNIPPET = ROOT / "docs" / "nginx" / "federation-maintenance.conf"
THE_REST = "# and all the rest, as it is\n"

CONFIG = """
user root; # else, as root, its worker may not enter the test's folder; others cannot change user and are not asked to
pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes 1;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  upstream backend {{ server {backend}; }}
  server {{ listen 127.0.0.1:{ready_port}; return 204; }}
{servers}
}}
"""
# What an administrator may have beside the snippet: each line is something that could spoil its answers.
OWN_LINES = """
    client_max_body_size 1k;
    add_header X-Own server;
    error_page 500 502 504 /own-page.html;
    error_page 503 =200 /own-page.html;
    root {folder}/www;
    location = /own-page.html {{ internal; }}
    location = /closed {{ return 503; }}
    location = /inbox {{ add_header X-Own inbox; deny all; }}
    location ^~ /users/ {{ add_header X-Own users; proxy_pass http://backend; }}
    location ~* /inbox {{ return 302 https://elsewhere.example/; }}
    location / {{ proxy_pass http://backend; }}
"""
DELIVERIES = (
    "/api/subscriptions/1",
    "/api/subscriptions/1/",
    "/api/subscriptions/9223372036854775807?hub.mode=subscribe&hub.challenge=x",
    "//api//subscriptions///1",
    "/inbox",
    "//inbox",
    "/inbox/",
    "/inbox?x=1",
    "/actor/inbox",
    "/users/alice/inbox",
    "/users//alice//inbox",
    "/users/al%20ice/inbox",
    "/ap/users/116/inbox",
)
OTHERS = (
    "/", "/about", "/users/alice", "/users/alice/outbox", "/users/alice/inbox/x", "/ap/users/116/outbox", "/my/inbox",
    "/api/v1/instance", "/api/subscriptionsx/1", "/api/v1/subscriptions/1", "/inboxes", "/federation-maintenance-x",
)  # fmt: skip
RAILS = (("X-Request-Id", "0b2a4a4e-6c1c-4f0e-9d2b-111111111111"), ("X-Runtime", "0.01"))


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Nginx:
    """A running nginx; `folder` takes the place of /etc/nginx, /etc/letsencrypt and the state folder."""

    folder: Path
    http: str
    https: str
    authority: Authority
    backend: Site

    @property
    def flag(self) -> Path:
        return self.folder / "federation-maintenance.on"

    def ask(self, origin: str, method: str, path: str, body: bytes = b"") -> Answer:
        """Send a request as it stands: no path is tidied, no redirect followed."""
        port = urlsplit(origin).port
        context = ssl.create_default_context(cafile=self.authority.file)
        connection = (
            http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=context)
            if origin == self.https
            else http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        )
        connection.request(method, path, body or None)
        answer = connection.getresponse()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        try:
            return Answer(answer.status, headers, answer.read())
        finally:
            connection.close()

    def check(self, url: str, version: str | None = None) -> tuple[int, dict[str, dict[str, object]]]:
        """Return the exit code of `check --maintenance` and the requests it tells of, by method and path."""
        state = self.folder / "state"
        state.mkdir(exist_ok=True)
        if version is not None:
            Memory(state).learn(Instance("qdon", url, "127.0.0.1"), Announcement(version=version))
        settings = {"name": "qdon", "url": url, "ca_file": str(self.authority.file)}
        config = self.folder / "config.yml"
        config.write_text(yaml.safe_dump({"state_dir": str(state), "instances": [settings]}))
        result = run("check", "--maintenance", "-c", str(config), "--format", "json")
        assert result.stdout, result.stderr
        (report,) = json.loads(result.stdout)
        assert (report["instance"], report["url"], report["safe"]) == ("qdon", url, result.returncode == 0)
        assert all(set(request) == FIELDS for request in report["requests"])
        return result.returncode, {
            f"{request['method']} {urlsplit(request['url']).path}": request for request in report["requests"]
        }


FIELDS = {"method", "url", "http_status", "retry_after", "verdict", "detail"}
CALLBACKS = {f"{method} /api/subscriptions/9223372036854775807" for method in ("GET", "POST")}
INBOXES = {
    f"POST {path}"
    for path in ("/inbox", "/actor/inbox", "/users/maintenance/inbox", "/ap/users/9223372036854775807/inbox")
}


@pytest.fixture
def backend() -> Iterator[Site]:
    """Answer deliveries as Mastodon does: nobody of that name, nothing signed."""
    with Site() as site:
        site.routes["/about"] = Reply(200, b"about")
        site.routes["/api/subscriptions/9223372036854775807"] = Reply(404, headers=RAILS)
        site.routes |= {request.removeprefix("POST "): Reply(401, headers=RAILS) for request in INBOXES}
        yield site


@contextmanager
def running(folder: Path, backend: Site, servers: str) -> Iterator[Nginx]:
    """Run nginx with these server blocks, which listen on 80 and 443 as far as they know."""
    authority = Authority.in_folder(folder / "tls")
    certificate, key = authority.issue("server")
    (folder / "www").mkdir()
    (folder / "www" / "own-page.html").write_text("own page")
    (folder / SNIPPET.name).write_text(in_folder(SNIPPET.read_text(), folder))
    http_port, https_port, ready_port = free_port(), free_port(), free_port()
    servers = in_folder(servers, folder)
    servers = servers.replace("listen 80;", f"listen 127.0.0.1:{http_port};")
    servers = servers.replace("listen 443 ssl;", f"listen 127.0.0.1:{https_port} ssl;")
    servers = re.sub(r"ssl_certificate \S+;", f"ssl_certificate {certificate};", servers)
    servers = re.sub(r"ssl_certificate_key \S+;", f"ssl_certificate_key {key};", servers)
    config = folder / "nginx.conf"
    address = backend.url.removeprefix("http://")
    config.write_text(CONFIG.format(folder=folder, backend=address, ready_port=ready_port, servers=servers))
    program = need_program("nginx")
    test = subprocess.run(
        [program, "-t", "-q", "-c", config, "-p", folder], capture_output=True, text=True, check=False
    )
    assert (test.returncode, re.sub(r'.*"user" directive.*\n', "", test.stderr)) == (0, "")
    arguments = [program, "-c", str(config), "-p", str(folder), "-g", "daemon off;"]
    with started(arguments, f"http://127.0.0.1:{ready_port}", folder / "nginx.log"):
        yield Nginx(folder, f"http://127.0.0.1:{http_port}", f"https://127.0.0.1:{https_port}", authority, backend)


def in_folder(text: str, folder: Path) -> str:
    assert "/etc/nginx/" in text or "include" not in text
    return text.replace("/etc/nginx/", f"{folder}/")


def documented(marker: str) -> str:
    """Return the one block of nginx configuration in docs/maintenance.md that holds a text."""
    blocks = re.findall(r"^( *)```nginx\n(.*?)^ *```", PAGE, re.MULTILINE | re.DOTALL)
    (block,) = (textwrap.dedent(text) for _, text in blocks if marker in text)
    return block


def with_own_lines(folder: Path, more: str = "") -> str:
    block = documented(THE_REST)
    assert block.count(THE_REST) == 1
    return block.replace(THE_REST, OWN_LINES.format(folder=folder) + more)


@pytest.fixture(params=["", "merge_slashes off;"], ids=["slashes merged", "slashes kept"])
def snippet(request: pytest.FixtureRequest, tmp_path: Path, backend: Site) -> Iterator[Nginx]:
    """The documented configuration in the hardest of surroundings."""
    with running(tmp_path, backend, with_own_lines(tmp_path, request.param)) as nginx:
        yield nginx


def test_while_the_file_exists_every_delivery_is_answered_503_over_http_and_https(snippet: Nginx) -> None:
    snippet.flag.touch()
    for origin in (snippet.http, snippet.https):
        for path in DELIVERIES:
            for method in ("GET", "POST"):
                answer = snippet.ask(origin, method, path)
                told = (answer.status, answer.headers.get("retry-after"), answer.headers.get("content-type"))
                assert told == (503, "300", "text/plain"), (origin, method, path, answer)
                assert len(answer.body) < 100
    assert snippet.backend.asked == []


def test_a_delivery_larger_than_the_server_allows_is_answered_503_too(snippet: Nginx) -> None:
    body = b"x" * 2000
    assert snippet.ask(snippet.https, "POST", "/users/alice/inbox", body).status == 413
    snippet.flag.touch()
    assert snippet.ask(snippet.https, "POST", "/users/alice/inbox", body).status == 503


def test_all_other_paths_are_what_they_are_without_the_snippet(snippet: Nginx, tmp_path: Path) -> None:
    def answers() -> list[Answer]:
        paths = (*OTHERS, "/closed", "/federation-maintenance")
        found = [snippet.ask(origin, "GET", path) for origin in (snippet.http, snippet.https) for path in paths]
        for answer in found:
            answer.headers.pop("date", None)
        return found

    without = answers()
    snippet.flag.touch()
    assert answers() == without


def test_the_administrators_own_pages_and_headers_stay(snippet: Nginx) -> None:
    snippet.flag.touch()
    closed = snippet.ask(snippet.https, "GET", "/closed")
    assert (closed.status, closed.body, closed.headers["x-own"]) == (200, b"own page", "server")
    assert snippet.ask(snippet.https, "GET", "/users/alice").headers.get("retry-after") is None
    assert snippet.ask(snippet.https, "GET", "/about").body == b"about"
    redirected = snippet.ask(snippet.http, "GET", "/about")
    assert (redirected.status, redirected.headers["location"]) == (301, "https://127.0.0.1/about")


def test_the_file_counts_at_once_and_without_it_nothing_is_changed(snippet: Nginx) -> None:
    def statuses() -> list[int]:
        return [snippet.ask(snippet.https, "POST", path).status for path in ("/inbox", "/users/maintenance/inbox")]

    assert statuses() == [403, 401]
    snippet.flag.touch()
    assert statuses() == [503, 503]
    snippet.flag.unlink()
    assert statuses() == [403, 401]


def test_nobody_outside_can_ask_for_the_answer_itself(snippet: Nginx) -> None:
    assert snippet.ask(snippet.https, "GET", "/federation-maintenance").status == 404


def test_check_passes_with_the_snippet_whatever_else_stands_there(snippet: Nginx) -> None:
    assert snippet.check(snippet.https)[0] == 1
    snippet.flag.touch()
    for url in (snippet.https, snippet.http):
        code, requests = snippet.check(url)
        assert (code, set(requests)) == (0, CALLBACKS | INBOXES)
        told = {(request["http_status"], request["retry_after"], request["verdict"]) for request in requests.values()}
        assert told == {(503, "300", "safe")}


def on_443(lines: str) -> str:
    return f"server {{ listen 443 ssl; ssl_certificate x; ssl_certificate_key x; {lines} }}"


STATIC_PAGE = "root www; location / {{ try_files /own-page.html =404; }}"


PAGE_ANSWERED_200 = (
    "error_page 502 =200 /own-page.html; root www; location = /own-page.html {{ }} "
    "location / {{ proxy_pass http://127.0.0.1:1; }}"
)


@pytest.mark.parametrize(
    ("lines", "statuses"),
    [
        (STATIC_PAGE, {200, 405}),
        ("return 404;", {404}),
        ("deny all;", {403}),
        ("return 302 http://127.0.0.1:{elsewhere}/;", {302}),
        (PAGE_ANSWERED_200, {200}),
        ("error_page 502 http://127.0.0.1:{elsewhere}/; location / {{ proxy_pass http://127.0.0.1:1; }}", {302}),
    ],
    ids=["static page", "404", "deny all", "redirect", "page answered 200", "error page elsewhere"],
)
def test_check_finds_the_harm_of_what_people_do_instead(
    tmp_path: Path, backend: Site, lines: str, statuses: set[int]
) -> None:
    with Site() as elsewhere:
        with running(tmp_path, backend, on_443(lines.format(elsewhere=elsewhere.port))) as nginx:
            code, requests = nginx.check(nginx.https, "2.9.4")
        assert code == 1
        assert {request["http_status"] for request in requests.values()} == statuses
        assert {request["verdict"] for request in requests.values()} == {"harm"}
        assert elsewhere.asked == []


def test_check_passes_where_mastodon_is_merely_stopped(tmp_path: Path, backend: Site) -> None:
    own_page = "root www; error_page 502 /own-page.html; location = /own-page.html { internal; }"
    with running(tmp_path, backend, on_443(own_page + "location / { proxy_pass http://backend; }")) as nginx:
        backend.stop()
        code, requests = nginx.check(nginx.https)
    assert (code, {request["http_status"] for request in requests.values()}) == (0, {502})


def test_check_passes_where_mastodon_answers_as_it_does(tmp_path: Path, backend: Site) -> None:
    with running(tmp_path, backend, on_443("location / { proxy_pass http://backend; }")) as nginx:
        code, requests = nginx.check(nginx.https, "2.9.4")
    assert (code, {request["http_status"] for request in requests.values()}) == (0, {401, 404})
    assert {request["detail"] for request in requests.values()} == {"Mastodon itself answered"}


TO_HTTPS = "server { listen 80; location / { return 301 https://$host$request_uri; } }"


@pytest.mark.parametrize(("version", "harmed"), [("4.6.0", set()), ("2.9.4", CALLBACKS), (None, CALLBACKS)])
def test_the_redirect_to_https_harms_the_callbacks_of_old_servers_only(
    tmp_path: Path, backend: Site, version: str | None, harmed: set[str]
) -> None:
    with running(tmp_path, backend, TO_HTTPS) as nginx:
        code, requests = nginx.check(nginx.http, version)
    assert {name for name, request in requests.items() if request["verdict"] == "harm"} == harmed
    assert code == bool(harmed)


def test_the_documented_way_for_http_callbacks_spares_those_of_old_servers(tmp_path: Path, backend: Site) -> None:
    block = documented("location /api/subscriptions/")
    with running(tmp_path, backend, f"server {{ listen 80; {block} }}") as nginx:
        assert nginx.check(nginx.http, "2.9.4")[0] == 0
        (asked, _) = backend.asked_for("/api/subscriptions/9223372036854775807")
        assert asked.headers["x-forwarded-proto"] == "https"
