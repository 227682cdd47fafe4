"""What comes over a connection, and what is kept of it."""

import gc
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Self

import pytest
import trustme

from exporter.errors import StoreUnavailable
from exporter.media.connection import (
    ANSWER_LIMIT_BYTES,
    FLOOR_BYTES_PER_SECOND,
    Answer,
    Broken,
    Connection,
    Outgoing,
    Timeouts,
    head_of_answer,
)
from tests.end_to_end.programs_under_test import free_port
from tests.media.scripted_store import Pause, ScriptedStore, answer, scripted_store

TIMEOUTS = Timeouts(connect_seconds=2.0, stall_seconds=1.0)


@pytest.fixture
def server() -> Iterator[ScriptedStore]:
    with scripted_store() as server:
        yield server


@pytest.fixture
def connection() -> Connection:
    return Connection(TIMEOUTS)


def get(server: ScriptedStore, path: str = "/a") -> Outgoing:
    return Outgoing("GET", server.endpoint + path, [])


def answered(told: Answer | Broken) -> Answer:
    assert isinstance(told, Answer), told
    return told


def broken(told: Answer | Broken) -> Broken:
    assert isinstance(told, Broken), told
    return told


def test_an_answer_comes_with_its_status_headers_and_body(server: ScriptedStore, connection: Connection) -> None:
    server.script = lambda _: answer(404, b"body", ETag='"abc"', X_Empty="")
    told = answered(connection.send(get(server)))
    assert (told.status, told.body, told.is_whole) == (404, b"body", True)
    assert told.headers == {"etag": '"abc"', "x-empty": "", "content-length": "4"}


def test_one_connection_serves_requests_of_every_kind(server: ScriptedStore, connection: Connection) -> None:
    methods = ["GET", "HEAD", "PUT", "HEAD", "POST", "DELETE", "GET", "PUT", "DELETE", "HEAD", "GET"]
    for method in methods:
        body = b"what is sent" if method in ("PUT", "POST") else b""
        server.script = lambda asked: answer(200, b"" if asked.method == "HEAD" else asked.method.encode())
        told = answered(connection.send(Outgoing(method, f"{server.endpoint}/a", [], body)))
        assert told.body == (b"" if method == "HEAD" else method.encode())
        assert server.asked[-1].body == body
    assert server.methods == methods
    assert {asked.connection for asked in server.asked} == {1}


def test_a_connection_that_was_closed_meanwhile_is_made_anew(server: ScriptedStore, connection: Connection) -> None:
    server.script = lambda _: answer(200, b"", content_length="0").replace(b"content-length: 0", b"connection: close")
    answered(connection.send(get(server)))
    server.script = lambda _: answer(200)
    assert answered(connection.send(Outgoing("PUT", f"{server.endpoint}/a", [], b"body"))).status == 200
    assert server.asked[-1].body == b"body"


def test_nothing_is_added_to_what_is_sent(server: ScriptedStore, connection: Connection) -> None:
    connection.send(
        Outgoing("PUT", f"{server.endpoint}/a", [b"x-amz-acl: private", b"Content-Type:"], b"x" * 2_000_000)
    )
    headers = server.asked[0].headers
    assert set(headers) == {"host", "user-agent", "accept", "accept-encoding", "x-amz-acl", "content-length"}
    assert headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("path", ["/a/../b", "/a//b", "/a/./b", "/%2E%2E/a", "/..", "/a%2Fb"])
def test_a_path_is_sent_as_it_is(server: ScriptedStore, connection: Connection, path: str) -> None:
    connection.send(get(server, path))
    assert server.asked[0].path == path


def test_proxies_of_the_environment_are_ignored(
    server: ScriptedStore, monkeypatch: pytest.MonkeyPatch, connection: Connection
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    assert answered(connection.send(get(server))).status == 200


def test_a_redirect_is_an_answer(server: ScriptedStore, connection: Connection) -> None:
    server.script = lambda _: answer(307, location="http://127.0.0.1:1/")
    assert answered(connection.send(get(server))).status == 307


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (lambda _: b"", "without an answer"),
        (lambda _: answer(200, b"1234", content_length="10"), "cut before the whole answer"),
        (lambda _: b"HTTP/1.1 200 OK\r\ncontent-le", "header of the answer breaks off"),
        (lambda _: b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n", "header of the answer breaks off"),
        (lambda _: b"HTTP/1.1 200 OK\r\netag: abc\r\n", "header of the answer breaks off"),
        (lambda _: b"SSH-2.0-OpenSSH\r\n\r\n", "not HTTP"),
        (lambda _: Pause(b""), "nothing moved any more"),
        (lambda _: Pause(answer(200, b"12", content_length="10")), "nothing moved any more"),
    ],
)
def test_an_answer_that_is_not_whole_is_none(
    server: ScriptedStore, connection: Connection, script: Callable[[object], bytes | Pause], words: str
) -> None:
    server.script = script
    told = broken(connection.send(get(server)))
    assert told.may_pass
    assert told.may_be_done
    assert words in told.text


def test_a_body_that_drips_is_given_up(server: ScriptedStore, connection: Connection) -> None:
    body = b"x" * 60

    def serve() -> None:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            ports.append(listener.getsockname()[1])
            ready.set()
            accepted, _ = listener.accept()
            with accepted:
                accepted.recv(4096)
                accepted.sendall(answer(200, b"", content_length="60"))
                for byte in body:
                    if server.over.wait(0.1):
                        return
                    try:
                        accepted.sendall(bytes([byte]))
                    except OSError:
                        return

    ports: list[int] = []
    ready = threading.Event()
    thread = threading.Thread(target=serve)
    thread.start()
    ready.wait()
    begun = time.monotonic()
    told = broken(connection.send(Outgoing("GET", f"http://127.0.0.1:{ports[0]}/", [])))
    server.over.set()
    thread.join()
    assert told.may_pass
    assert time.monotonic() - begun < 5.0


class Dripping:
    """A server that answers everybody, a little at a time and without an end."""

    def __init__(self, head: bytes, drip: bytes) -> None:
        self._head, self._drip = head, drip
        self._over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        accepted, _ = self._listener.accept()
        with accepted, suppress(OSError):
            accepted.recv(4096)
            accepted.sendall(self._head)
            while not self._over.wait(0.05):
                accepted.sendall(self._drip)


HASTY = Timeouts(connect_seconds=2.0, stall_seconds=30.0, whole_seconds=0.5)


@pytest.mark.parametrize(
    ("head", "drip"),
    [
        (b"HTTP/1.1 500 x\r\ncontent-length: 60000\r\n\r\n", b"x" * 100),
        (b"HTTP/1.1 200 OK\r\n", b"x-a: b\r\n" * 10),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 60000\r\n\r\n", b"x" * 100),
    ],
)
def test_an_answer_that_drips_fast_enough_not_to_stand_still_has_an_end(head: bytes, drip: bytes) -> None:
    begun = time.monotonic()
    with Dripping(head, drip) as server:
        told = broken(Connection(HASTY).send(Outgoing("GET", server.url, [])))
    assert told == Broken("it is too slow")
    assert time.monotonic() - begun < 5.0


def test_an_object_has_the_time_that_its_size_takes_from_when_there_is_memory_for_it() -> None:
    begun = time.monotonic()

    def admit(_status: int, _headers: Mapping[str, str]) -> int:
        time.sleep(0.7)  # waits for memory
        return FLOOR_BYTES_PER_SECOND

    with Dripping(b"HTTP/1.1 200 OK\r\ncontent-length: 16384\r\n\r\n", b"x" * 100) as server:
        told = broken(Connection(HASTY).send(Outgoing("GET", server.url, [], admit=admit)))
    assert told == Broken("it is too slow")
    assert 0.7 + 0.5 + 1.0 <= time.monotonic() - begun < 6.0


def test_what_is_under_way_when_the_run_is_stopped_is_broken_off_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.media.connection._STOPPING_SECONDS", 0.3)
    stopping = threading.Event()
    stopping.set()
    begun = time.monotonic()
    with Dripping(b"HTTP/1.1 200 OK\r\ncontent-length: 60000\r\n\r\n", b"x" * 100) as server:
        told = broken(Connection(TIMEOUTS, stopping=stopping).send(Outgoing("GET", server.url, [])))
    assert told == Broken("the run was stopped")
    assert time.monotonic() - begun < 5.0


def test_headers_without_an_end_are_not_all_kept(server: ScriptedStore, connection: Connection) -> None:
    server.script = lambda _: Pause(b"HTTP/1.1 100 Continue\r\nx: y\r\n\r\n" * 100_000)
    assert broken(connection.send(get(server))) == Broken("the header of its answer does not end")


@pytest.mark.parametrize("size", [1, 100_000, 3_000_000])
def test_an_object_comes_whole_into_a_buffer_of_its_size(
    server: ScriptedStore, connection: Connection, size: int
) -> None:
    body = bytes(range(256)) * (size // 256) + b"end"
    server.script = lambda _: answer(200, body)
    told = answered(connection.send(Outgoing("GET", f"{server.endpoint}/a", [], admit=lambda *_: len(body))))
    assert told.body == body


def test_nobody_who_listens_may_be_there_later(connection: Connection) -> None:
    told = broken(connection.send(Outgoing("GET", f"http://127.0.0.1:{free_port()}/", [])))
    assert told == Broken("it takes no connection", may_be_done=False)


def test_a_name_that_nobody_knows_may_be_known_later(connection: Connection) -> None:
    told = broken(connection.send(Outgoing("GET", "http://no-such-host.invalid/", [])))
    assert told == Broken("its name cannot be resolved", may_be_done=False)


def test_a_certificate_that_cannot_be_trusted_stays_so(tmp_path_factory: pytest.TempPathFactory) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    ca_file = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    with scripted_store(context) as server:
        stranger = broken(Connection(TIMEOUTS).send(get(server)))
        assert not stranger.may_pass
        assert answered(Connection(TIMEOUTS, str(ca_file)).send(get(server))).status == 200


def test_the_body_is_read_only_as_far_as_it_is_wanted(server: ScriptedStore, connection: Connection) -> None:
    asked: list[tuple[int, Mapping[str, str]]] = []

    def admit(status: int, headers: Mapping[str, str]) -> int | None:
        asked.append((status, headers))
        return None

    server.script = lambda _: answer(200, b"x" * 1000, etag="abc")
    told = answered(connection.send(Outgoing("GET", f"{server.endpoint}/a", [], admit=admit)))
    assert (told.status, told.headers["etag"], told.body, told.is_whole) == (200, "abc", b"", False)
    assert [(status, headers["content-length"]) for status, headers in asked] == [(200, "1000")]


def test_a_body_that_is_longer_than_was_told_is_refused(server: ScriptedStore, connection: Connection) -> None:
    server.script = lambda _: b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1001
    told = answered(connection.send(Outgoing("GET", f"{server.endpoint}/a", [], admit=lambda *_: 1000)))
    assert not told.is_whole


def test_an_answer_that_is_no_object_has_a_bound(server: ScriptedStore, connection: Connection) -> None:
    server.script = lambda _: answer(500, bytes(ANSWER_LIMIT_BYTES + 1))
    told = answered(connection.send(get(server)))
    assert not told.is_whole
    assert len(told.body) <= ANSWER_LIMIT_BYTES


def test_what_is_raised_while_an_answer_comes_reaches_the_caller(server: ScriptedStore, connection: Connection) -> None:
    def admit(*_: object) -> int:
        raise StoreUnavailable("no memory any more")

    server.script = lambda _: answer(200, b"body")
    with pytest.raises(StoreUnavailable, match="no memory any more"):
        connection.send(Outgoing("GET", f"{server.endpoint}/a", [], admit=admit))
    assert answered(connection.send(get(server))).body == b"body"


def test_no_body_is_kept_once_it_has_been_handed_over(server: ScriptedStore, connection: Connection) -> None:
    sent = b"s" * 100_000
    server.script = lambda _: answer(200, b"r" * 100_000)
    outgoing = Outgoing("PUT", f"{server.endpoint}/a", [], sent, admit=lambda *_: 100_000)
    received = answered(connection.send(outgoing)).body
    del outgoing
    server.asked.clear()
    gc.collect()
    assert sys.getrefcount(sent) == 2
    assert sys.getrefcount(received) == 2


def test_the_last_of_several_answers_counts() -> None:
    lines = [b"HTTP/1.1 100 Continue\r\n", b"X: 1\r\n", b"\r\n", b"HTTP/1.1 200 OK\r\n", b"Y: \xe9\r\n", b"\r\n"]
    assert head_of_answer(lines) == (200, {"y": "\udce9"})


@pytest.mark.parametrize("line", [b"HTTP/1.1", b"HTTP/1.1 ", b"HTTP/1.1 abc", b"HTTP/1.1 \xb2\xb2\xb2 x"])
def test_a_status_that_cannot_be_read_is_0(line: bytes) -> None:
    assert head_of_answer([line, b"\r\n"]) == (0, {})


def test_what_follows_the_body_says_nothing_of_it() -> None:
    lines = [b"HTTP/1.1 200 OK\r\n", b"etag: 1\r\n", b"\r\n", b"etag: 2\r\n"]
    assert head_of_answer(lines) == (200, {"etag": "1"})
