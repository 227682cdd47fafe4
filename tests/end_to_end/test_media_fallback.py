"""A real nginx with the documented host of the media, before two stores that speak TLS."""

import http.client
import re
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.end_to_end.programs_under_test import free_port, started
from tests.probes.site import Reply, Site
from tests.programs import need_program
from tests.server.certificates import Authority

DOCS = Path(__file__).parents[2] / "docs"
SNIPPET = DOCS / "nginx" / "media-new-then-old.conf"
FOLDER_LINE = re.compile(r"# (root /home/mastodon/live/public/system; try_files \$uri =404;)")

CONFIG = """
user root; # else, as root, its worker may not enter the test's folder; others cannot change user and are not asked to
pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes 1;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  server {{ listen 127.0.0.1:{ready_port}; return 204; }}
  {snippet}
}}
"""
IMAGE = Reply(200, b"image", "image/png", (("Cache-Control", "public, max-age=315576000, immutable"),))


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Host:
    """nginx as the host of the media, and the stores behind it."""

    port: int
    authority: Authority
    new: Site
    old: Site

    def get(self, path: str, method: str = "GET", **headers: str) -> Answer:
        """Send a request as it stands: no path is tidied, no redirect followed."""
        context = ssl.create_default_context(cafile=self.authority.file)
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=10, context=context)
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        try:
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()


def in_this_test(snippet: str, replacements: dict[str, str]) -> str:
    for documented, own in replacements.items():
        assert documented in snippet
        snippet = snippet.replace(documented, own)
    return snippet


@contextmanager
def running(folder: Path, *, trusted: Path | None = None, old_folder: Path | None = None) -> Iterator[Host]:
    authority = Authority.in_folder(folder / "tls")
    certificate, key = authority.issue("server")
    store_certificate, store_key = authority.issue("store", "localhost")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(store_certificate, store_key)
    port = free_port()
    with Site(tls=tls) as new, Site(tls=tls) as old:
        snippet = in_this_test(
            SNIPPET.read_text(),
            {
                "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
                "/etc/letsencrypt/live/files.mastodon.example/fullchain.pem": str(certificate),
                "/etc/letsencrypt/live/files.mastodon.example/privkey.pem": str(key),
                "s3.new.example": f"127.0.0.1:{new.port}",
                "s3.old.example": f"127.0.0.1:{old.port}",
                "/etc/ssl/certs/ca-certificates.crt": str(trusted or authority.file),
                # nginx compares addresses with no certificate; names would have to be in the DNS.
                "proxy_ssl_server_name on;": "proxy_ssl_server_name on; proxy_ssl_name localhost;",
            },
        )
        if old_folder is not None:
            snippet = snippet.replace("proxy_pass https://$old_store$old_bucket$media_key;", "")
            snippet, found = FOLDER_LINE.subn(r"\1", snippet)
            assert found == 1
            snippet = snippet.replace("/home/mastodon/live/public/system", str(old_folder))
        with started_nginx(folder, snippet):
            yield Host(port, authority, new, old)


@contextmanager
def started_nginx(folder: Path, servers: str) -> Iterator[None]:
    ready_port = free_port()
    config = folder / "nginx.conf"
    config.write_text(CONFIG.format(folder=folder, ready_port=ready_port, snippet=servers))
    program = need_program("nginx")
    test = subprocess.run(
        [program, "-t", "-q", "-c", config, "-p", folder], capture_output=True, text=True, check=False
    )
    assert (test.returncode, re.sub(r'.*"user" directive.*\n', "", test.stderr)) == (0, "")
    arguments = [program, "-c", str(config), "-p", str(folder), "-g", "daemon off;"]
    with started(arguments, f"http://127.0.0.1:{ready_port}", folder / "nginx.log"):
        yield


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    with running(tmp_path) as host:
        yield host


def test_what_the_new_store_has_comes_from_there(host: Host) -> None:
    host.new.routes["/mastodon-media/accounts/a.png"] = IMAGE
    answer = host.get("/accounts/a.png")
    assert (answer.status, answer.body, answer.headers["content-type"]) == (200, b"image", "image/png")
    assert answer.headers["cache-control"] == "public, max-age=315576000, immutable"
    assert host.old.asked == []


def test_what_it_has_not_comes_from_the_old_one(host: Host) -> None:
    host.old.routes["/mastodon-media/accounts/a.png"] = IMAGE
    answer = host.get("/accounts/a.png")
    assert (answer.status, answer.body, answer.headers["content-type"]) == (200, b"image", "image/png")


@pytest.mark.parametrize("status", [403, 404, 503])
def test_what_neither_has_is_what_the_old_one_says_of_it(host: Host, status: int) -> None:
    host.old.routes["/mastodon-media/accounts/a.png"] = Reply(status, b"<Error/>", "application/xml")
    assert host.get("/accounts/a.png").status == status


def test_what_it_has_and_does_not_show_comes_from_nowhere(host: Host) -> None:
    host.new.routes["/mastodon-media/accounts/a.png"] = Reply(403, b"<Error/>", "application/xml")
    host.old.routes["/mastodon-media/accounts/a.png"] = IMAGE
    assert host.get("/accounts/a.png").status == 403


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_new_store_in_trouble_is_not_taken_for_one_without_the_object(host: Host, status: int) -> None:
    host.new.routes["/mastodon-media/accounts/a.png"] = Reply(status)
    assert host.get("/accounts/a.png").status == status
    assert host.old.asked == []


def test_a_new_store_that_is_away_is_not_taken_for_one_without_the_object(host: Host) -> None:
    host.new.stop()
    assert host.get("/accounts/a.png").status == 502
    assert host.old.asked == []


@pytest.mark.parametrize(
    "key",
    ["/a%20b.png", "/a+b.png", "/a%2Bb.png", "/a%25b.png", "/%ED%81%90%EB%8F%88.png", "/a%23%3F&=.png", "/~a.png"],
)
def test_a_key_reaches_both_stores_as_it_was_asked_for(host: Host, key: str) -> None:
    assert host.get(key).status == 404
    assert [asked.path for asked in (*host.new.asked, *host.old.asked)] == [f"/mastodon-media{key}"] * 2


@pytest.mark.parametrize("path", ["/?list-type=2", "//?list-type=2", "/a/../?list-type=2", "/?acl", "/"])
def test_nobody_can_have_a_store_list_its_objects(host: Host, path: str) -> None:
    assert host.get(path).status == 404
    assert [*host.new.asked, *host.old.asked] == []


@pytest.mark.parametrize(
    "path", ["/../other-bucket/a.png", "/a/../../other-bucket/a.png", "/%2e%2e/other-bucket/a.png"]
)
def test_nobody_can_leave_the_bucket(host: Host, path: str) -> None:
    assert host.get(path).status == 400
    assert [*host.new.asked, *host.old.asked] == []


def test_a_query_is_kept_from_the_stores(host: Host) -> None:
    host.get("/accounts/a.png?acl&versionId=1")
    assert [asked.query for asked in (*host.new.asked, *host.old.asked)] == [{}, {}]


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "PATCH"])
def test_nothing_can_be_written(host: Host, method: str) -> None:
    assert host.get("/accounts/a.png", method).status == 405
    assert [*host.new.asked, *host.old.asked] == []


def test_cookies_and_passwords_stay_here_and_no_store_sets_any(host: Host) -> None:
    host.old.routes["/mastodon-media/accounts/a.png"] = IMAGE.with_header("Set-Cookie", "a=b").with_header(
        "Access-Control-Allow-Origin", "https://elsewhere.example"
    )
    answer = host.get("/accounts/a.png", Cookie="session=1", Authorization="Bearer 1", Range="bytes=0-1")
    assert "set-cookie" not in answer.headers
    assert answer.headers["access-control-allow-origin"] == "*"
    for asked in (*host.new.asked, *host.old.asked):
        assert {"cookie", "authorization"} & set(asked.headers) == set()
        assert asked.headers["range"] == "bytes=0-1"


def test_a_store_with_a_certificate_of_somebody_else_is_not_believed(tmp_path: Path) -> None:
    other = Authority.in_folder(tmp_path / "other")
    with running(tmp_path, trusted=other.file) as host:
        assert host.get("/accounts/a.png").status == 502


def test_the_old_store_may_be_a_folder_of_this_machine(tmp_path: Path) -> None:
    folder = tmp_path / "system"
    (folder / "accounts").mkdir(parents=True)
    (folder / "accounts" / "a b.png").write_bytes(b"old image")
    with running(tmp_path, old_folder=folder) as host:
        assert host.get("/accounts/a%20b.png").body == b"old image"
        assert host.get("/accounts/b.png").status == 404


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/system/accounts/a.png?1234", "accounts/a.png"),
        ("/system/a%20b+c%2Bd%25e%23%3F.png", "a%20b+c%2Bd%25e%23%3F.png"),
        ("/system/%ED%81%90.png", "%ED%81%90.png"),
        ("/system/a%0D%0ASet-Cookie:%20b", "a%0D%0ASet-Cookie:%20b"),
    ],
)
def test_old_urls_of_a_folder_lead_to_the_new_host(tmp_path: Path, path: str, key: str) -> None:
    (snippet,) = re.findall(r"^```nginx\n(.*?)^```", (DOCS / "moving-media.md").read_text(), re.MULTILINE | re.DOTALL)
    port = free_port()
    with started_nginx(tmp_path, f"server {{ listen 127.0.0.1:{port}; {snippet} }}"):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", path)
        answer = connection.getresponse()
        connection.close()
    assert (answer.status, answer.getheader("Set-Cookie")) == (301, None)
    assert answer.getheader("Location") == f"https://files.mastodon.example/{key}"
