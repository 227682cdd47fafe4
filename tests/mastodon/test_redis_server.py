"""The connection to Redis: what is asked, and that every failure is a sentence without a secret."""

import socket
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from exporter.config import RedisSettings, Secret
from exporter.errors import RedisError
from exporter.mastodon.redis_server import BATCH, Keys, RedisServer
from tests.redis_server import RunningRedis, running_redis

PASSWORD = "s3cr3t/of@redis"


@pytest.fixture
def keys(redis_server: RunningRedis) -> Iterator[Keys]:
    with closing(RedisServer(redis_server.settings)) as server, server.application() as keys:
        yield keys


def test_several_questions_have_their_answers_in_order(redis_server: RunningRedis, keys: Keys) -> None:
    client = redis_server.client()
    client.set("a", "1")
    client.sadd("b", "x", "y")
    assert keys.ask([("GET", "a"), ("SCARD", "b"), ("GET", "c")]) == ["1", 2, None]


def test_a_key_of_another_type_is_as_if_it_were_not_there(redis_server: RunningRedis, keys: Keys) -> None:
    redis_server.client().set("queues", "a text")
    assert keys.ask([("SMEMBERS", "queues"), ("GET", "queues")]) == [None, "a text"]
    assert list(keys.members("queues", 10)) == []
    assert list(keys.ranked("queues", 10)) == []


def test_bytes_that_are_no_text_are_read(redis_server: RunningRedis, keys: Keys) -> None:
    redis_server.client().set("a", b"\xff\xfe")
    assert keys.ask([("GET", "a")]) == ["\ufffd\ufffd"]


def test_a_scan_finds_everything_and_says_so(redis_server: RunningRedis, keys: Keys) -> None:
    redis_server.client().mset({f"host:{number}": 1 for number in range(3000)} | {"other": 1})
    scan = keys.names("host:*", 100_000)
    assert {*scan} == {f"host:{number}" for number in range(3000)}
    assert scan.complete


def test_a_scan_ends_at_its_limit_and_says_so(redis_server: RunningRedis, keys: Keys) -> None:
    redis_server.client().mset({f"host:{number}": 1 for number in range(5 * BATCH)})
    scan = keys.names("host:*", 2 * BATCH)
    assert 0 < len(list(scan)) < 3 * BATCH
    assert not scan.complete


def test_keys_have_the_namespace_in_redis_alone(redis_server: RunningRedis) -> None:
    client = redis_server.client()
    client.set("mstdn:a", "1")
    client.set("a", "2")
    settings = RedisSettings(url=Secret(redis_server.url), namespace="mstdn")
    with closing(RedisServer(settings)) as server, server.application() as keys:
        assert keys.ask([("GET", "a")]) == ["1"]
        assert list(keys.names("*", 100)) == ["a"]


def test_sidekiq_may_have_a_redis_of_its_own(redis_server: RunningRedis) -> None:
    redis_server.client(database=3).set("a", "sidekiq's")
    sidekiq = Secret(redis_server.url.removesuffix("0") + "3")
    settings = RedisSettings(url=Secret(redis_server.url), sidekiq_url=sidekiq)
    with closing(RedisServer(settings)) as server:
        with server.application() as keys:
            assert keys.ask([("GET", "a")]) == [None]
        with server.sidekiq() as keys:
            assert keys.ask([("GET", "a")]) == ["sidekiq's"]


def failure(settings: RedisSettings, timeout_seconds: float = 5.0) -> str:
    """Return the sentence that a question ends with."""
    with (
        closing(RedisServer(settings, timeout_seconds)) as server,
        pytest.raises(RedisError) as caught,
        server.application() as keys,
    ):
        keys.ask([("GET", "a")])
    return str(caught.value)


def test_a_wrong_password_is_a_sentence_without_it() -> None:
    with running_redis(PASSWORD) as server:
        wrong = f"redis://:wr0ng@127.0.0.1:{server.port}/0"
        said = failure(RedisSettings(url=Secret(wrong)))
        assert "refuses the password" in said
        assert "wr0ng" not in said
        assert "refuses the password" in failure(server.settings)


def test_a_password_with_the_characters_of_urls_is_taken_from_the_servers_own_file(tmp_path: Path) -> None:
    with running_redis(PASSWORD) as server:
        env_file = tmp_path / ".env.production"
        env_file.write_text(f"REDIS_HOST=127.0.0.1\nREDIS_PORT={server.port}\nREDIS_PASSWORD={PASSWORD}\n")
        with closing(RedisServer(RedisSettings(env_file=env_file))) as ours, ours.application() as keys:
            assert keys.ask([("PING",)]) == [True]


def test_a_server_that_is_not_there_is_a_sentence(redis_server: RunningRedis) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        said = failure(RedisSettings(url=Secret(f"redis://:{PASSWORD[:6]}@127.0.0.1:{nobody.getsockname()[1]}/0")))
    assert "cannot be reached" in said
    assert PASSWORD[:6] not in said


def test_a_server_that_answers_nothing_is_given_up_in_time(redis_server: RunningRedis) -> None:
    began = time.monotonic()
    with redis_server.frozen():
        said = failure(redis_server.settings, timeout_seconds=0.3)
    assert "did not answer within 0.3 s" in said
    assert time.monotonic() - began < 5


def test_a_server_that_speaks_something_else_is_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as web:
        web.settimeout(5)
        settings = RedisSettings(url=Secret(f"redis://127.0.0.1:{web.getsockname()[1]}/0"))
        with closing(RedisServer(settings, 0.3)) as server, pytest.raises(RedisError), server.application() as keys:
            keys.ask([("GET", "a")])


def test_a_connection_that_was_cut_is_opened_anew() -> None:
    with running_redis() as running, closing(RedisServer(running.settings)) as server:
        for _ in range(2):
            with server.application() as keys:
                assert keys.ask([("PING",)]) == [True]
            running.stop()
            running.start()


def test_a_url_that_is_none_is_not_quoted() -> None:
    said = failure(RedisSettings(url=Secret(f"redis://:{PASSWORD[:6]}@127.0.0.1:notaport/0")))
    assert PASSWORD[:6] not in said
    assert "is not one" in said


def test_a_missing_package_is_a_sentence(redis_server: RunningRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    assert "pip install 'mastodon-exporter[redis]'" in failure(redis_server.settings)
