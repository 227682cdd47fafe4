"""One deadline that holds, whatever a server does, and nothing left running afterwards."""

import gzip
import resource
import socket
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exporter.config.model import Instance
from exporter.probes.prober import Prober
from exporter.probes.result import InstanceReport, Reason
from tests.probes.conftest import failures
from tests.probes.site import Misbehaviour, Reply, Site, drip, redirect, reset, say_nothing, send, send_endlessly

TIMEOUT_SECONDS = 1.5
SLACK_SECONDS = 0.2
HEAD = b"HTTP/1.1 200 OK\r\n"


def gzip_bomb() -> bytes:
    packed = gzip.compress(bytes(64 * 1024 * 1024))
    return HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed


def nested_gzip() -> bytes:
    packed = gzip.compress(gzip.compress(bytes(8 * 1024 * 1024)))
    return HEAD + b"Content-Encoding: gzip, gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed


def corrupt(packed: bytes, encoding: bytes) -> bytes:
    damaged = packed[:20] + b"\xff" * 20 + packed[40:]
    return HEAD + b"Content-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (encoding, len(damaged)) + damaged


SLOW: dict[str, Misbehaviour] = {
    "says nothing": say_nothing,
    "drips its status line": drip(b"|HTTP/1.1 200 OK"),
    "drips header lines": drip(HEAD + b"|X-Drip: a\r\n"),
    "drips one endless header line": drip(HEAD + b"X-Drip: |a"),
    "drips its body": drip(HEAD + b"Content-Length: 100000\r\n\r\n|a"),
    "drips a body without length": drip(HEAD + b"\r\n|a"),
    "drips chunk sizes": drip(HEAD + b"Transfer-Encoding: chunked\r\n\r\n|1\r\na\r\n"),
    "drips one endless chunk size": drip(HEAD + b"Transfer-Encoding: chunked\r\n\r\n|0"),
    "drips a compressed body": drip(
        HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"")[:10] + b"|\0\0\0\xff\xff"
    ),
    "sends one interim answer after the other": drip(b"|HTTP/1.1 100 Continue\r\n\r\n", 0.01),
}


@pytest.mark.parametrize("misbehaviour", SLOW.values(), ids=SLOW)
def test_a_slow_server_reads_as_a_time_out_at_the_deadline(
    site: Site, look: Callable[..., InstanceReport], misbehaviour: Misbehaviour
) -> None:
    site.routes["/about"] = Reply(misbehave=misbehaviour)
    started = time.monotonic()
    report = look(timeout_seconds=TIMEOUT_SECONDS)
    assert time.monotonic() - started < TIMEOUT_SECONDS + SLACK_SECONDS
    assert failures(report) == {"web": "timeout"}


HOSTILE: dict[str, tuple[Misbehaviour, Reason]] = {
    "endless body": (send_endlessly(HEAD + b"\r\n", b"x" * 65536), Reason.BODY_TOO_LARGE),
    "endless chunks": (
        send_endlessly(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"4000\r\n" + b"x" * 0x4000 + b"\r\n"),
        Reason.BODY_TOO_LARGE,
    ),
    "gzip bomb": (send(gzip_bomb()), Reason.BODY_TOO_LARGE),
    "gzip bomb in gzip": (send(nested_gzip()), Reason.BODY_TOO_LARGE),
    "10 MB header line": (send(HEAD + b"X-Flood: " + b"a" * 10_000_000 + b"\r\n\r\n"), Reason.PROTOCOL),
    "10 MB of header lines": (send(HEAD + b"X-Flood: aaaaaaaaaaaaaaaaaaaaaa\r\n" * 300_000 + b"\r\n"), Reason.PROTOCOL),
    "endless header": (send_endlessly(HEAD, b"X-Flood: aaaaaaaaaaaaaaaaa\r\n"), Reason.PROTOCOL),
    "corrupt gzip": (send(corrupt(gzip.compress(bytes(range(256)) * 9), b"gzip")), Reason.PROTOCOL),
    "corrupt deflate": (send(corrupt(zlib.compress(bytes(range(256)) * 9), b"deflate")), Reason.PROTOCOL),
    "an encoding nobody asked for": (send(HEAD + b"Content-Encoding: zebra\r\n\r\nabc"), Reason.PROTOCOL),
    "not HTTP": (send(b"SSH-2.0-OpenSSH_9.2p1\r\n"), Reason.PROTOCOL),
    "nothing, then closed": (send(b""), Reason.PROTOCOL),
    "reset": (reset, Reason.PROTOCOL),
    "cut body": (send(HEAD + b"Content-Length: 1000\r\n\r\nabc"), Reason.PROTOCOL),
    "cut chunks": (send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab"), Reason.PROTOCOL),
    "wrong chunk size": (send(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nab"), Reason.PROTOCOL),
    "two lengths": (send(HEAD + b"Content-Length: 3\r\nContent-Length: 9\r\n\r\nabc"), Reason.PROTOCOL),
}


@pytest.mark.parametrize(("misbehaviour", "reason"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_answer_ends_at_once_with_its_own_reason(
    site: Site, look: Callable[..., InstanceReport], misbehaviour: Misbehaviour, reason: Reason
) -> None:
    site.routes["/about"] = Reply(misbehave=misbehaviour)
    report = look(timeout_seconds=10.0)
    assert failures(report) == {"web": str(reason)}
    assert report.duration_seconds < 5


def memory_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def test_hostile_answers_take_bounded_memory(site: Site, look: Callable[..., InstanceReport]) -> None:
    look()
    before = memory_bytes()
    floods = [send_endlessly(HEAD + b"\r\n", b"x" * 65536), send_endlessly(HEAD, b"X-Flood: " + b"a" * 60_000)]
    for flood in floods * 3:
        site.routes = dict.fromkeys(site.routes, Reply(misbehave=flood))
        look(timeout_seconds=5.0)
    assert memory_bytes() - before < 50 * 1024 * 1024


def test_an_endless_chain_of_redirects_ends_after_five(site: Site, look: Callable[..., InstanceReport]) -> None:
    steps = {f"/step/{number}": redirect(f"/step/{number + 1}") for number in range(100)}
    site.routes |= {"/about": redirect("/step/0"), **steps}
    report = look()
    assert failures(report) == {"web": "redirect"}
    assert sum(asked.path.startswith("/step/") for asked in site.asked) == 5


def test_five_redirects_are_followed(site: Site, look: Callable[..., InstanceReport]) -> None:
    site.routes["/step/4"] = site.routes["/about"]
    site.routes |= {f"/step/{number}": redirect(f"/step/{number + 1}") for number in range(4)}
    site.routes["/about"] = redirect("/step/0")
    assert look("web").success


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "location", ["", "ftp://127.0.0.1/", "http://", "http://[", "javascript:alert(1)", "http://a b/"]
)
def test_a_redirect_to_nowhere_fails_as_one(
    site: Site, look: Callable[..., InstanceReport], status: int, location: str
) -> None:
    site.routes["/about"] = redirect(location, status)
    assert failures(look("web")) == {"web": "redirect"}


@pytest.fixture
def blackhole() -> Iterator[socket.socket]:
    """A listener whose queue is full, so that the kernel drops further attempts to connect."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener
        for filler in fillers:
            filler.close()


def test_an_attempt_to_connect_that_nobody_answers_is_a_time_out(prober: Prober, blackhole: socket.socket) -> None:
    url = f"http://127.0.0.1:{blackhole.getsockname()[1]}"
    report = prober.probe(Instance("hole", url, "hole.test"), ["web"], 1.0)
    assert failures(report) == {"web": "timeout"}
    assert "connect" in report.results[0].detail
