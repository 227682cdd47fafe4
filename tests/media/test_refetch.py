import time
import tracemalloc
from collections.abc import Container, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.addresses import AddressKind, AddressRule
from exporter.authorities import trusted_authorities
from exporter.mastodon.attachments import Attachment, MediaClass, objects_of
from exporter.media.byte_budget import ByteBudget
from exporter.media.copying import NotFetched
from exporter.media.refetch import GIVEN_UP_AFTER, Refetch
from exporter.media.remote_file import Asker
from tests.end_to_end.programs_under_test import free_port
from tests.media.remote_host import LARGE_BYTES, PNG, RemoteHost, remote_host

LOOPBACK = AddressRule(frozenset({AddressKind.LOOPBACK}))
LARGEST_BYTES = 10_000
ATTACHMENT = Attachment(
    MediaClass.MEDIA_ATTACHMENTS, 7, "file", "a.png", "image/png", is_remote=True, domain="remote.example"
)


@pytest.fixture
def host() -> Iterator[RemoteHost]:
    with remote_host() as running:
        yield running


def refetch(rejected: Container[str] = (), rule: AddressRule = LOOPBACK, timeout_seconds: float = 5.0) -> Refetch:
    asker = Asker("mastodon-exporter/1 (+https://here.example)", rule, Path(trusted_authorities()), timeout_seconds)
    return Refetch(asker, rejected)


def fetched(way: Refetch, url: str, file_name: str = "a.png") -> bytes | NotFetched:
    attachment = replace(ATTACHMENT, file_name=file_name, remote_url=url)
    with ByteBudget(LARGEST_BYTES).hold() as held:
        return way.fetch(objects_of(attachment)[0], LARGEST_BYTES, held)


def why_not(way: Refetch, url: str, file_name: str = "a.png") -> str:
    found = fetched(way, url, file_name)
    assert isinstance(found, NotFetched)
    return found.detail


def test_a_file_of_the_right_type_is_had_from_where_it_came_from(host: RemoteHost) -> None:
    assert fetched(refetch(), host.url("media/b.png")) == PNG
    assert "User-Agent: mastodon-exporter/1 (+https://here.example)" in host.headers[0]
    assert "gzip" not in host.headers[0]


def test_redirects_are_followed_so_far(host: RemoteHost) -> None:
    assert fetched(refetch(), host.url("to-b.png")) == PNG
    assert "in a circle" in why_not(refetch(), host.url("to-to-to-to-b.png"))
    assert len(host.asked) == 2 + 4


@pytest.mark.parametrize(
    ("path", "file_name", "words"),
    [
        ("gone-1.png", "a.png", "answered 404"),
        ("html-1.png", "a.png", "another type"),
        ("b.png", "a.jpg", "another type"),
        ("b.png", "a", "another type"),
        ("cut.png", "a.png", "cut short"),
        ("unbounded.png", "a.png", "larger than"),
    ],
)
def test_what_cannot_stand_in_for_an_object_is_left(host: RemoteHost, path: str, file_name: str, words: str) -> None:
    assert words in why_not(refetch(), host.url(path), file_name)


def test_what_is_no_file_of_another_server_is_not_asked_for(host: RemoteHost) -> None:
    attachment = replace(ATTACHMENT, is_remote=True, remote_url=host.url("b.png"))
    small = objects_of(attachment)[1]
    with ByteBudget(LARGEST_BYTES).hold() as held:
        assert refetch().fetch(small, LARGEST_BYTES, held) == NotFetched("")
    assert host.asked == []


@pytest.mark.parametrize("path", ["drip.png", "silent.png"])
def test_a_slow_server_is_left_when_its_time_is_up(host: RemoteHost, path: str) -> None:
    started = time.monotonic()
    assert "too slow" in why_not(refetch(timeout_seconds=0.5), host.url(path))
    assert time.monotonic() - started < 5


def test_nothing_is_had_from_servers_whose_media_are_not_wanted(host: RemoteHost) -> None:
    assert "not wanted" in why_not(refetch({"remote.example"}), host.url("b.png"))
    assert "not wanted" in why_not(refetch({"127.0.0.1"}), host.url("b.png"))
    assert host.asked == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}/b.png", "http://localhost:{port}/b.png"])
def test_only_public_addresses_are_asked(host: RemoteHost, url: str) -> None:
    port = host.url("").split(":")[2].rstrip("/")
    assert "is not a public one" in why_not(refetch(rule=AddressRule()), url.format(port=port))
    assert host.asked == []


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://remote.example/a.png", "https://a:b@remote.example/", "x"]
)
def test_a_url_that_is_none_of_the_web_is_not_asked(url: str) -> None:
    assert "cannot be used" in why_not(refetch(), url)


def test_a_redirect_to_a_private_address_is_not_followed(host: RemoteHost) -> None:
    assert "nothing is ever sent" in why_not(refetch(), host.url("to-http:%2f%2f169.254.169.254%2fa"))


def test_a_server_that_cannot_be_reached_is_given_up(host: RemoteHost) -> None:
    way = refetch()
    nobody = f"http://127.0.0.1:{free_port()}/b.png"
    for _ in range(GIVEN_UP_AFTER):
        assert "takes no connection" in why_not(way, nobody)
    assert "could not be reached before" in why_not(way, nobody)


def test_many_threads_may_ask_and_no_memory_stays_held(host: RemoteHost) -> None:
    way, budget = refetch(), ByteBudget(LARGEST_BYTES)
    one = objects_of(replace(ATTACHMENT, remote_url=host.url("b.png")))[0]
    for _ in range(50):
        with budget.hold() as held:
            assert way.fetch(one, LARGEST_BYTES, held) == PNG
    with budget.hold() as held:
        held.grow_to(LARGEST_BYTES)


def test_a_file_is_never_in_memory_twice(host: RemoteHost) -> None:
    one = objects_of(replace(ATTACHMENT, remote_url=host.url("large.png")))[0]
    with ByteBudget(LARGE_BYTES).hold() as held:
        tracemalloc.start()
        try:
            file = refetch().fetch(one, LARGE_BYTES, held)
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert isinstance(file, bytes)
    assert len(file) == LARGE_BYTES
    assert peak_bytes < LARGE_BYTES + 2 * 1024 * 1024
