"""Clients that are slow, silent or huge wait for themselves only."""

import errno
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.config import WebSettings
from exporter.probes.result import Hop
from exporter.server import connection
from exporter.server.connection import Connection, PacedSocket, is_answerable
from exporter.server.request_parser import HEAD_SIZE_BYTES
from tests.probes.sample_reports import good, report
from tests.server.certificates import Authority
from tests.server.client import SOON_SECONDS, Client, RawAnswer, read_answer
from tests.server.conftest import Serve
from tests.server.fake_prober import FakeProber
from tests.server.serving import config

CLIENTS = 60
"""Many more than the nine workers of a server of one instance."""
REQUEST = b"GET /-/healthy HTTP/1.1\r\nHost: exporter\r\nConnection: close\r\n\r\n"


@pytest.fixture
def patient(serve: Serve) -> Client:
    """A server that drops nobody while a test lasts."""
    return serve(config())


@pytest.fixture
def impatient(serve: Serve) -> Client:
    """A server that gives a client one second."""
    return serve(config(), head_seconds=1)


@pytest.fixture
def opened() -> Iterator[Callable[..., list[socket.socket]]]:
    """Return a function that opens connections and sends the same on each."""
    with ExitStack() as stack:

        def open_many(client: Client, count: int, first_bytes: bytes = b"") -> list[socket.socket]:
            connections = [stack.enter_context(client.connect()) for _ in range(count)]
            for one in connections:
                one.sendall(first_bytes)
            return connections

        yield open_many


Opened = Callable[..., list[socket.socket]]


def is_quick(client: Client) -> bool:
    """Tell whether a request that comes now is answered as if nobody else were there."""
    started = time.monotonic()
    return client.get("/-/healthy").status_code == 200 and time.monotonic() - started < 1


@pytest.mark.parametrize(
    "first_bytes",
    [b"", b"G", b"GET /metrics HTTP/1.1\r\nHost: exp", b"\r\n", b"POST /-/reload HTTP/1.1\r\n"],
    ids=["silence", "one byte", "half a head", "a line break", "one line"],
)
def test_clients_that_stop_in_the_middle_hold_up_nobody(patient: Client, opened: Opened, first_bytes: bytes) -> None:
    opened(patient, CLIENTS, first_bytes)
    assert is_quick(patient)


def test_clients_that_drip_hold_up_nobody(patient: Client, opened: Opened) -> None:
    dripping = opened(patient, CLIENTS)
    for position in range(20):
        for one in dripping:
            one.sendall(REQUEST[position : position + 1])
        assert is_quick(patient)


def test_a_client_that_drips_is_answered_when_its_request_is_complete(patient: Client) -> None:
    with patient.connect() as one:
        for byte in REQUEST:
            one.sendall(bytes([byte]))
        assert read_answer(one).status == 200


def test_clients_that_hold_their_bodies_back_are_given_up(
    patient: Client, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "BODY_SECONDS", 0.2)
    head = b"POST /-/reload HTTP/1.1\r\nHost: exporter\r\nContent-Length: 10\r\n\r\n12345"
    held_back = opened(patient, 5, head)
    assert [read_answer(one).status for one in held_back] == [408] * 5


def test_a_body_is_not_taken_for_the_next_request(patient: Client) -> None:
    head = b"POST /-/reload HTTP/1.1\r\nHost: exporter\r\nContent-Length: 27\r\n\r\n"
    answer = patient.send(head + b"DELETE / HTTP/1.1\r\nA: bcd\r\n" + REQUEST)
    assert answer.head.startswith("HTTP/1.1 200 OK")
    assert answer.body.endswith("Healthy.\n")


def test_a_body_that_comes_late_but_in_time_is_no_matter(patient: Client) -> None:
    with patient.connect() as one:
        one.sendall(b"POST /-/reload HTTP/1.1\r\nHost: exporter\r\nConnection: close\r\nContent-Length: 4\r\n\r\n12")
        assert is_quick(patient)
        one.sendall(b"34")
        assert read_answer(one).status == 200


@pytest.mark.parametrize("first_bytes", [b"", b"GET / HT"], ids=["silence", "half a line"])
def test_a_client_that_stops_is_dropped_when_its_time_is_up(impatient: Client, first_bytes: bytes) -> None:
    with impatient.connect() as one:
        one.sendall(first_bytes)
        started = time.monotonic()
        assert read_answer(one) == RawAnswer(0, "", "")
        assert time.monotonic() - started < 3


def test_a_client_that_drips_is_dropped_when_its_time_is_up(impatient: Client) -> None:
    with impatient.connect() as one:
        one.settimeout(0.05)
        started = time.monotonic()
        while not is_closed_after(one, b"x"):
            assert time.monotonic() - started < 3
        assert time.monotonic() - started > 0.9


def is_closed_after(one: socket.socket, sent: bytes) -> bool:
    """Send something; tell whether the other side has closed."""
    try:
        one.sendall(sent)
        return one.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def test_a_client_that_sends_an_endless_header_is_told_and_dropped(patient: Client) -> None:
    with patient.connect() as one:
        one.sendall(b"GET / HTTP/1.1\r\nX-Long: ")
        sent = send_until_refused(one, b"a" * 65536, 10 * 1024 * 1024)
        assert sent < 10 * 1024 * 1024
    assert is_quick(patient)


def send_until_refused(one: socket.socket, block: bytes, limit_bytes: int) -> int:
    sent = 0
    try:
        while sent < limit_bytes:
            sent += one.send(block)
    except OSError:
        pass
    return sent


def test_a_deadline_holds_over_many_writes() -> None:
    here, there = socket.socketpair()
    with here, there:
        paced = PacedSocket(here)
        paced.allow(0.2)
        started = time.monotonic()
        with pytest.raises(TimeoutError, match=r"^timed out$"):
            write_forever(paced)
        assert time.monotonic() - started < 2


def test_a_deadline_holds_over_many_small_reads() -> None:
    here, there = socket.socketpair()
    with here, there:
        paced = PacedSocket(here)
        paced.allow(0.2)
        with pytest.raises(TimeoutError, match=r"^timed out$"):
            read_forever(paced, there)


def write_forever(paced: PacedSocket) -> None:
    while True:
        paced.send(b"x" * 65536)


def read_forever(paced: PacedSocket, other_side: socket.socket) -> None:
    """Read one byte at a time, each of which comes at once."""
    while True:
        other_side.sendall(b"x")
        paced.recv_into(memoryview(bytearray(10)))


def test_clients_that_do_not_read_their_answers_hold_up_nobody_for_long(
    patient: Client, prober: FakeProber, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "ANSWER_SECONDS", 0.2)
    more_than_any_socket_buffer = Hop("GET /", "200 OK", excerpt="x" * 2**24)
    prober.answer = lambda asked: report(replace(good("web"), trace=(more_than_any_socket_buffer,)))
    opened(patient, 12, b"GET /probe?target=qdon&debug=true HTTP/1.1\r\nHost: exporter\r\n\r\n")
    await_condition(lambda: len(prober.asked) == 12)
    assert is_quick(patient)


def test_requests_sent_in_one_go_are_answered_in_turn(patient: Client) -> None:
    keep = REQUEST.replace(b"Connection: close\r\n", b"")
    assert patient.send(keep + keep + REQUEST).body.count("Healthy.") == 3


def test_a_crowd_is_refused_before_the_files_run_out(
    patient: Client, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient.server._listener.keep_alive_conn_limit = 5
    waiting = opened(patient, 5, b"G")
    await_condition(lambda: not patient.server._listener.can_add_keepalive_connection)
    with patient.connect() as one:
        assert is_closed_after(one, b"")
    waiting[0].close()
    await_condition(lambda: patient.server._listener.can_add_keepalive_connection)
    assert is_quick(patient)


def await_condition(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SOON_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("head", "answerable"),
    [
        (b"", False),
        (b"\r\n", False),
        (b"GET / HTTP/1.1\r\n", False),
        (b"GET / HTTP/1.1\r\nHost: x\r\n", False),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", True),
        (b"GET / HTTP/1.1\nHost: x\n\n", True),
        (b"hello\r\n", True),
        (b"hello", False),
        (b"G" * (HEAD_SIZE_BYTES + 1), True),
    ],
)
def test_a_worker_is_called_only_when_it_can_answer(head: bytes, answerable: bool) -> None:
    assert is_answerable(head) is answerable


class TestOverTls:
    @pytest.fixture
    def authority(self, tmp_path: Path) -> Authority:
        return Authority.in_folder(tmp_path)

    @pytest.fixture
    def client(self, serve: Serve, authority: Authority) -> Client:
        return serve(config(web=WebSettings(port=0, web_config=authority.web_config())))

    def is_quick(self, client: Client, authority: Authority) -> bool:
        started = time.monotonic()
        status = client.get("/-/healthy", verify=str(authority.file)).status_code
        return status == 200 and time.monotonic() - started < 1

    @pytest.mark.parametrize(
        "first_bytes", [b"", b"\x16", b"\x16\x03\x01\x02\x00\x01\x00"], ids=["silence", "a byte", "half a greeting"]
    )
    def test_clients_that_stop_in_the_handshake_hold_up_nobody(
        self, client: Client, authority: Authority, opened: Opened, first_bytes: bytes
    ) -> None:
        opened(client, CLIENTS, first_bytes)
        assert self.is_quick(client, authority)

    def test_clients_that_stop_after_the_handshake_hold_up_nobody(self, client: Client, authority: Authority) -> None:
        context = ssl.create_default_context(cafile=str(authority.file))
        with ExitStack() as stack:
            for _ in range(CLIENTS):
                plain = stack.enter_context(client.connect())
                stack.enter_context(context.wrap_socket(plain, server_hostname="127.0.0.1")).sendall(b"GET / HT")
            assert self.is_quick(client, authority)

    def test_a_client_that_drips_its_handshake_is_dropped_when_its_time_is_up(
        self, serve: Serve, authority: Authority
    ) -> None:
        client = serve(config(web=WebSettings(port=0, web_config=authority.web_config())), head_seconds=1)
        with client.connect() as one:
            one.settimeout(0.05)
            one.sendall(b"\x16\x03\x01\x02\x00\x01")
            started = time.monotonic()
            while not is_closed_after(one, b"\x00"):
                assert time.monotonic() - started < 3
            assert time.monotonic() - started > 0.9

    def test_a_client_that_speaks_plain_http_is_told_so(self, client: Client) -> None:
        answer = client.send(REQUEST)
        assert answer.status == 400
        assert answer.body == "This port speaks HTTPS only: use https:// instead of http://.\n"

    @pytest.mark.parametrize("garbage", [b"\x00" * 100, b"\xff" * 20_000, b"SSH-2.0-x\r\n\r\n"])
    def test_garbage_ends_the_connection_and_nothing_else(
        self, client: Client, authority: Authority, garbage: bytes
    ) -> None:
        client.send(garbage)
        assert self.is_quick(client, authority)


def test_an_error_of_a_tls_socket_is_taken_for_the_clients_fault() -> None:
    class Broken:
        def settimeout(self, _seconds: float) -> None:
            pass

        def send(self, _data: bytes) -> int:
            raise ssl.SSLEOFError(8, "EOF occurred in violation of protocol")

    paced = PacedSocket(Broken())  # type: ignore[arg-type]  # no more of a socket is used
    paced.allow(1)
    with pytest.raises(ConnectionAbortedError) as caught:
        paced.send(b"x")
    assert caught.value.errno == errno.ECONNABORTED


def test_the_buffer_holds_more_than_a_head_may_have() -> None:
    assert Connection.rbufsize > HEAD_SIZE_BYTES
