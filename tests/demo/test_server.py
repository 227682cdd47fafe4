import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from exporter.demo import SampleServer
from exporter.errors import ConfigError, ListenError, StateError
from tests.demo.checks import learn
from tests.demo.client import Client

STOPPED_WITHIN_SECONDS = 2.0


@pytest.fixture
def threads_before() -> set[threading.Thread]:
    return set(threading.enumerate())


@pytest.fixture
def dripping(tmp_path: Path) -> Iterator[SampleServer]:
    with SampleServer(tmp_path) as sample:
        for fault in ("web_drip_body", "health_chunk_drip", "profile_slow", "streaming_drip_tls"):
            sample.switch(fault, on=True)
        yield sample


def port_of(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port


def ports_of(sample: SampleServer) -> list[int]:
    announced = learn(Client(sample.ca_file), sample)
    return [port_of(url) for url in (announced.url, announced.streaming_url, announced.storage_url, sample.control_url)]


def secure_connection(sample: SampleServer) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=str(sample.ca_file))
    raw = socket.create_connection(("127.0.0.1", port_of(sample.url)), timeout=5)
    return context.wrap_socket(raw, server_hostname="127.0.0.1", suppress_ragged_eofs=False)


def certificate_end(sample: SampleServer) -> datetime:
    with secure_connection(sample) as connection:
        certificate = connection.getpeercert()
    assert certificate is not None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)


def is_open(port: int) -> bool:
    with closing(socket.socket()) as attempt:
        return attempt.connect_ex(("127.0.0.1", port)) == 0


def test_stopping_closes_every_port(tmp_path: Path) -> None:
    with SampleServer(tmp_path) as sample:
        ports = ports_of(sample)
        assert [is_open(port) for port in ports] == [True] * 4

    assert [is_open(port) for port in ports] == [False] * 4


def test_stopping_leaves_no_thread(threads_before: set[threading.Thread], tmp_path: Path) -> None:
    with SampleServer(tmp_path) as sample:
        Client(sample.ca_file).get(sample.url)

    assert set(threading.enumerate()) <= threads_before


def test_stopping_ends_connections_that_drip(threads_before: set[threading.Thread], dripping: SampleServer) -> None:
    streaming_port = ports_of(dripping)[1]
    with (
        secure_connection(dripping) as web,
        secure_connection(dripping) as health,
        secure_connection(dripping) as profile,
        socket.create_connection(("127.0.0.1", streaming_port), timeout=5) as streaming,
    ):
        web.sendall(b"GET /about HTTP/1.1\r\n\r\n")
        health.sendall(b"GET /health HTTP/1.1\r\n\r\n")
        profile.sendall(b"GET /@admin HTTP/1.1\r\n\r\n")
        assert web.recv(1)
        assert health.recv(1)
        assert streaming.recv(1)
        started = time.monotonic()

        dripping.stop()

        assert time.monotonic() - started < STOPPED_WITHIN_SECONDS
    assert set(threading.enumerate()) <= threads_before


def test_stopping_ends_connections_that_say_nothing(threads_before: set[threading.Thread], tmp_path: Path) -> None:
    sample = SampleServer(tmp_path)
    sample.start()
    with socket.create_connection(("127.0.0.1", port_of(sample.url))), secure_connection(sample):
        started = time.monotonic()
        sample.stop()
        assert time.monotonic() - started < STOPPED_WITHIN_SECONDS
    assert set(threading.enumerate()) <= threads_before


def test_stopping_twice_does_no_harm(tmp_path: Path) -> None:
    sample = SampleServer(tmp_path)
    sample.start()
    sample.stop()
    sample.stop()

    with pytest.raises(ListenError, match="start it first"):
        _ = sample.url


def test_a_stopped_server_starts_again_without_its_faults(tmp_path: Path) -> None:
    sample = SampleServer(tmp_path)
    with sample:
        sample.switch("web_500", on=True)
    with sample:
        assert Client(sample.ca_file).get(f"{sample.url}/about").status == 200


def test_one_dripping_client_does_not_keep_others_waiting(dripping: SampleServer) -> None:
    with secure_connection(dripping) as web:
        web.sendall(b"GET /about HTTP/1.1\r\n\r\n")
        assert web.recv(1)

        assert Client(dripping.ca_file).get(f"{dripping.url}/api/v1/instance").status == 200


def test_a_handshake_that_is_never_begun_does_not_keep_others_waiting(tmp_path: Path) -> None:
    with SampleServer(tmp_path) as sample, socket.create_connection(("127.0.0.1", port_of(sample.url))):
        assert Client(sample.ca_file).get(f"{sample.url}/health").text == "OK"


def test_tls_ends_as_it_should(tmp_path: Path) -> None:
    with SampleServer(tmp_path) as sample, secure_connection(sample) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        # A connection cut without the closing alert raises SSLEOFError here.
        answer = b"".join(iter(lambda: connection.recv(4096), b""))

    assert answer.endswith(b"\r\n\r\nOK")


def test_ports_are_those_that_were_asked_for(tmp_path: Path) -> None:
    with SampleServer(tmp_path) as first:
        ports = port_of(first.url), port_of(first.control_url)

    with SampleServer(tmp_path, port=ports[0], control_port=ports[1]) as second:
        assert (second.domain, second.control_url) == (f"127.0.0.1:{ports[0]}", f"http://127.0.0.1:{ports[1]}/")


def test_a_port_that_is_taken_is_named_and_leaves_nothing_open(
    threads_before: set[threading.Thread], tmp_path: Path
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ListenError, match=f"cannot listen on 127.0.0.1 port {port}: .*choose another port"):
            SampleServer(tmp_path, control_port=port).start()
    assert set(threading.enumerate()) <= threads_before


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "mastodon.example", ""])
def test_nothing_but_loopback_is_listened_on(host: str, tmp_path: Path) -> None:
    with pytest.raises(ListenError, match=r"choose one of 127\.0\.0\.1, ::1, localhost"):
        SampleServer(tmp_path, host=host)


def test_localhost_is_served_under_its_name(tmp_path: Path) -> None:
    with SampleServer(tmp_path, host="localhost") as sample:
        announced = learn(Client(sample.ca_file), sample)
        assert announced.url.startswith("https://localhost:")
        assert Client(sample.ca_file).get(f"{announced.streaming_url}/api/v1/streaming/health").text == "OK"


@pytest.mark.parametrize("version", ["", "4.6", "latest", "v4.6.0"])
def test_a_version_that_is_none_is_refused(version: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"write it like 4\.6\.0"):
        SampleServer(tmp_path, version=version)


def test_the_folder_is_made(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "there"
    with SampleServer(folder) as sample:
        assert sample.ca_file.read_bytes().startswith(b"-----BEGIN CERTIFICATE-----")
        assert [path.name for path in folder.iterdir()] == [sample.ca_file.name]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StateError, match=r"cannot write .*/file/.*choose another folder"):
        SampleServer(tmp_path / "file").start()


def test_the_certificate_lasts_for_months(tmp_path: Path) -> None:
    with SampleServer(tmp_path) as sample:
        assert certificate_end(sample) - datetime.now(UTC) > timedelta(days=90)


def test_the_certificate_can_be_near_its_end(tmp_path: Path) -> None:
    with SampleServer(tmp_path) as sample:
        sample.switch("certificate_near_end", on=True)
        left = certificate_end(sample) - datetime.now(UTC)
    assert timedelta(days=2) < left <= timedelta(days=3)


def test_nothing_can_be_switched_before_the_start(tmp_path: Path) -> None:
    with pytest.raises(ListenError, match="start it first"):
        SampleServer(tmp_path).switch("web_500", on=True)
