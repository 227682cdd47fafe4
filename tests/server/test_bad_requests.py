"""Whatever a client sends, it is told what to do; there is no traceback and nothing is called the server's fault."""

import logging
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.server.client import Client
from tests.server.fake_prober import FakeProber
from tests.server.serving import config, serving

HOST = b"Host: exporter\r\n"


def get(target: bytes, *headers: bytes, method: bytes = b"GET") -> bytes:
    lines = (method + b" " + target + b" HTTP/1.1", b"Host: exporter", b"Connection: close", *headers)
    return b"\r\n".join(lines) + b"\r\n\r\n"


BAD_REQUESTS = {
    # Paths.
    "an unknown path": (get(b"/nothing"), 404),
    "a trailing slash": (get(b"/metrics/"), 404),
    "a way out of the folder": (get(b"/../../etc/passwd"), 404),
    "an encoded way out": (get(b"/results/%2e%2e/%2e%2e/etc/passwd"), 404),
    "an encoded slash": (get(b"/%2fmetrics"), 404),
    "a NUL in the path": (get(b"/metrics%00"), 404),
    "a path that is not UTF-8": (get(b"/%ff%fe"), 404),
    "a broken escape in the path": (get(b"/%zz"), 404),
    "a path of other bytes": (get(b"/\xff\xfe"), 400),
    "a result that is no number": (get(b"/results/abc"), 404),
    "a result that is not kept": (get(b"/results/999"), 404),
    "a result of a negative number": (get(b"/results/-1"), 404),
    "a result of an endless number": (get(b"/results/" + b"9" * 4000), 404),
    "a result in other digits": (get("/results/\u0663".encode()), 400),
    "the folder of results": (get(b"/results/"), 404),
    # Queries of /probe.
    "no target": (get(b"/probe"), 400),
    "an empty target": (get(b"/probe?target="), 400),
    "a target without a value": (get(b"/probe?target"), 400),
    "two targets": (get(b"/probe?target=qdon&target=qdon"), 400),
    "an unknown name": (get(b"/probe?target=other"), 400),
    "a URL of another scheme": (get(b"/probe?target=file:///etc/passwd"), 400),
    "a URL without a host": (get(b"/probe?target=https://"), 400),
    "a URL with a password": (get(b"/probe?target=https://u:p@qdon.example"), 400),
    "a URL with a broken address": (get(b"/probe?target=https://[::1"), 400),
    "a URL with a broken port": (get(b"/probe?target=https://qdon.example:99999"), 400),
    "a URL that is not listed": (get(b"/probe?target=https://other.example"), 403),
    "the URL of the machine itself": (get(b"/probe?target=http://127.0.0.1:22"), 403),
    "an unknown check": (get(b"/probe?target=qdon&check=database"), 400),
    "an unknown check among known ones": (get(b"/probe?target=qdon&check=web,database"), 400),
    "an empty check": (get(b"/probe?target=qdon&check="), 400),
    "a debug that is neither true nor false": (get(b"/probe?target=qdon&debug=maybe"), 400),
    "an unknown parameter": (get(b"/probe?target=qdon&chek=web"), 400),
    "a broken escape in the query": (get(b"/probe?target=%zz"), 400),
    "a half escape in the query": (get(b"/probe?target=qdon%2"), 400),
    "a query that is not UTF-8": (get(b"/probe?target=%ff%fe"), 400),
    "a NUL in the query": (get(b"/probe?target=qdon%00"), 400),
    "a line break in the query": (get(b"/probe?target=qdon%0d%0aX:%20y"), 400),
    "a query of other bytes": (get("/probe?target=qdón".encode()), 400),
    "a broken escape where nothing is asked": (get(b"/metrics?a=%zz"), 400),
    "other bytes where nothing is asked": (get(b"/metrics?%ff=a"), 400),
    "a NUL where nothing is asked": (get(b"/metrics?a=%00"), 400),
    "too many parameters": (get(b"/probe?" + b"&".join([b"target=qdon"] * 60)), 400),
    "too long a query": (get(b"/probe?target=" + b"a" * 8200), 414),
    "too long a query elsewhere": (get(b"/metrics?" + b"a" * 8200), 414),
    "a time-out that is no number": (get(b"/probe?target=qdon", b"X-Prometheus-Scrape-Timeout-Seconds: soon"), 400),
    "a time-out of nothing": (get(b"/probe?target=qdon", b"X-Prometheus-Scrape-Timeout-Seconds: 0"), 400),
    "a negative time-out": (get(b"/probe?target=qdon", b"X-Prometheus-Scrape-Timeout-Seconds: -3"), 400),
    "a time-out without end": (get(b"/probe?target=qdon", b"X-Prometheus-Scrape-Timeout-Seconds: inf"), 400),
    "a time-out that is not a number": (get(b"/probe?target=qdon", b"X-Prometheus-Scrape-Timeout-Seconds: nan"), 400),
    # Methods.
    "a POST to read": (get(b"/metrics", method=b"POST"), 405),
    "a DELETE": (get(b"/", method=b"DELETE"), 405),
    "an OPTIONS": (get(b"/probe", method=b"OPTIONS"), 405),
    "an OPTIONS of everything": (get(b"*", method=b"OPTIONS"), 404),
    "a TRACE": (get(b"/", method=b"TRACE"), 405),
    "a reload by GET": (get(b"/-/reload"), 405),
    "a reload by HEAD": (get(b"/-/reload", method=b"HEAD"), 405),
    "a method nobody knows": (get(b"/", method=b"BREW"), 405),
    "a method in small letters": (get(b"/", method=b"get"), 400),
    "a CONNECT": (get(b"example.org:443", method=b"CONNECT"), 405),
    # Request lines.
    "an absolute target": (get(b"http://exporter/metrics"), 400),
    "an absolute target with a broken address": (get(b"http://[::1/metrics"), 400),
    "a target without a host": (get(b"//[/metrics"), 400),
    "a target that is no path": (get(b"metrics"), 400),
    "a fragment": (get(b"/metrics#top"), 400),
    "no target at all": (b"GET HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "no version": (b"GET /metrics\r\n\r\n", 400),
    "a version that is no number": (b"GET / HTTP/x.y\r\n" + HOST + b"\r\n", 400),
    "a version of the future": (b"GET / HTTP/3.0\r\n" + HOST + b"\r\n", 400),
    "a version of the past": (b"GET / HTTP/0.9\r\n" + HOST + b"\r\n", 400),
    "another protocol": (b"SSH-2.0-OpenSSH_9.2\r\n", 400),
    "a TLS greeting": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    "line feeds only": (b"GET / HTTP/1.1\nHost: exporter\n\n", 400),
    "blank lines": (b"\r\n\r\n\r\n", 400),
    "half a request": (b"GET / HTTP/1.1\r\nHost: expo", 400),
    "too long a request line": (get(b"/" + b"a" * 17_000), 414),
    # Headers and bodies.
    "a continued header that never began": (b"GET / HTTP/1.1\r\n Host: exporter\r\n\r\n", 400),
    "a header without a colon": (get(b"/", b"Nonsense"), 400),
    "too much of a header": (get(b"/", b"X-Long: " + b"a" * 17_000), 413),
    "too many headers": (get(b"/", *(b"X-%d: y" % number for number in range(3000))), 413),
    "a length that is no number": (get(b"/-/reload", b"Content-Length: ten", method=b"POST"), 400),
    "a negative length": (get(b"/-/reload", b"Content-Length: -1", method=b"POST"), 400),
    "too long a body": (get(b"/-/reload", b"Content-Length: 2000", method=b"POST") + b"a" * 2000, 413),
    "a body of unknown length": (get(b"/-/reload", b"Transfer-Encoding: chunked", method=b"POST") + b"0\r\n\r\n", 411),
    "a body in an unknown coding": (get(b"/-/reload", b"Transfer-Encoding: gzip", method=b"POST"), 400),
}
HARMLESS_REQUESTS = {
    "a host that is none": b"GET /-/healthy HTTP/1.1\r\nHost: a b/../\x00\xff\r\nConnection: close\r\n\r\n",
    "no host": b"GET /-/healthy HTTP/1.0\r\n\r\n",
    "a format nobody knows": get(b"/metrics", b"Accept: application/openmetrics-text;version=a.b;escaping=\xff"),
    "a format of the future": get(b"/metrics", b"Accept: text/plain;version=99.9.9,;;=,"),
    "an encoding nobody knows": get(b"/metrics", b"Accept-Encoding: br;q=x, \xff"),
    "parameters nobody asked for": get(b"/metrics?collect[]=x&name[]=y"),
    "a list of empty parameters": get(b"/targets?&&&=&="),
    "a password nobody asked for": get(b"/metrics", b"Authorization: Basic !!!"),
    "a blank line before the request": b"\r\n" + get(b"/metrics"),
}


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """One server for all of them: what one client sends must not hurt the next."""
    with serving(config(), FakeProber()) as running:
        yield running


@pytest.mark.parametrize(("request_bytes", "status"), BAD_REQUESTS.values(), ids=BAD_REQUESTS)
def test_a_bad_request_is_told_what_is_wrong_in_one_sentence(
    client: Client, caplog: pytest.LogCaptureFixture, request_bytes: bytes, status: int
) -> None:
    answer = client.send(request_bytes)
    assert answer.status == status
    if not request_bytes.startswith(b"HEAD"):
        assert answer.body.strip().endswith(".")
        assert answer.body.count("\n") == 1
    assert "Content-Type: text/plain" in answer.head
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize("request_bytes", HARMLESS_REQUESTS.values(), ids=HARMLESS_REQUESTS)
def test_an_odd_request_that_can_be_answered_is_answered(client: Client, request_bytes: bytes) -> None:
    assert client.send(request_bytes).status == 200


@pytest.mark.parametrize("request_bytes", [get(b"/metrics", method=b"PUT"), get(b"x:1", method=b"CONNECT")])
def test_a_refused_method_is_told_the_ones_that_are_answered(client: Client, request_bytes: bytes) -> None:
    assert "Allow: GET, HEAD" in client.send(request_bytes).head


def test_a_refused_reading_of_the_reload_is_told_to_post(client: Client) -> None:
    assert "Allow: POST" in client.send(get(b"/-/reload")).head


def test_a_client_that_gives_up_before_its_answer_leaves_no_error_in_the_log(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(5):
        with client.connect() as connection:
            connection.sendall(get(b"/metrics"))
    assert client.get("/-/healthy").status_code == 200
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


FRAGMENTS = [
    *(b"GET ", b"POST ", b"/", b"/probe?target=", b"https://", b"//[", b" HTTP/1.1", b"HTTP/", b"Content-Length: "),
    *(b"Transfer-Encoding: chunked", b"Expect: 100-continue", b"Authorization: Basic ", b"Host: exporter"),
    *(b"\r\n", b"\r\n\r\n", b" ", b"\t", b":", b"%", b"?", b"#", b"&", b"=", b"@", b"-1", b"99999", b"\x00", b"\xff"),
]


@settings(max_examples=500, deadline=None)
@given(pieces=st.lists(st.sampled_from(FRAGMENTS) | st.binary(max_size=8), max_size=20))
def test_no_bytes_at_all_make_the_server_fail(client: Client, pieces: list[bytes]) -> None:
    assert client.send(b"".join(pieces) + b"\r\n\r\n").status < 500


@settings(max_examples=150, deadline=None)
@given(target=st.text(st.characters(codec="utf-8"), max_size=60))
def test_no_target_at_all_makes_the_server_fail(client: Client, target: str) -> None:
    assert client.get("/probe", params={"target": target}).status_code in (400, 403)
