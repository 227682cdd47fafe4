"""Sidekiq's queues and processes, as a real Redis tells them."""

import json
from collections.abc import Iterator
from contextlib import closing

import pytest
from prometheus_client.core import Metric

from exporter.collectors.sidekiq import SidekiqFamilies
from exporter.errors import RedisError
from exporter.mastodon.redis_server import RedisServer
from tests.redis_server import RunningRedis

NOW = 1_763_000_000.0

Samples = dict[tuple[str, ...], float]


@pytest.fixture
def server(redis_server: RunningRedis) -> Iterator[RedisServer]:
    with closing(RedisServer(redis_server.settings)) as server:
        yield server


def look(server: RedisServer) -> Samples:
    return samples(SidekiqFamilies(server, clock=lambda: NOW).families())


def samples(families: Iterator[Metric]) -> Samples:
    """Return values by name and label values."""
    return {(sample.name, *sample.labels.values()): sample.value for one in families for sample in one.samples}


def wait(server: RunningRedis, queue: str, *enqueued: object) -> None:
    """Put jobs into a queue, the first one first."""
    client = server.client()
    client.sadd("queues", queue)
    for moment in enqueued:
        client.lpush(f"queue:{queue}", json.dumps({"class": "A", "enqueued_at": moment}))


def test_the_latency_is_that_of_the_oldest_job_in_seconds_up_to_sidekiq_7(
    redis_server: RunningRedis, server: RedisServer
) -> None:
    wait(redis_server, "push", NOW - 90.5, NOW - 3)
    found = look(server)
    assert found["mastodon_sidekiq_queue_latency_seconds", "push"] == 90.5
    assert found["mastodon_sidekiq_queue_size", "push"] == 2


def test_the_latency_is_told_in_milliseconds_from_sidekiq_8_on(redis_server: RunningRedis, server: RedisServer) -> None:
    wait(redis_server, "push", int(NOW * 1000) - 90_500, int(NOW * 1000))
    assert look(server)["mastodon_sidekiq_queue_latency_seconds", "push"] == 90.5


def test_an_empty_queue_has_no_latency(redis_server: RunningRedis, server: RedisServer) -> None:
    redis_server.client().sadd("queues", "pull")
    found = look(server)
    assert found["mastodon_sidekiq_queue_latency_seconds", "pull"] == 0
    assert found["mastodon_sidekiq_queue_size", "pull"] == 0


def test_a_server_whose_clock_is_ahead_has_no_negative_latency(redis_server: RunningRedis, server: RedisServer) -> None:
    wait(redis_server, "push", NOW + 10)
    assert look(server)["mastodon_sidekiq_queue_latency_seconds", "push"] == 0


@pytest.mark.parametrize("garbage", ["{", "[]", "null", '{"enqueued_at": "now"}', '{"enqueued_at": true}', "[" * 5000])
def test_garbage_in_one_queue_leaves_the_others_counted(
    redis_server: RunningRedis, server: RedisServer, garbage: str
) -> None:
    client = redis_server.client()
    client.sadd("queues", "default", "broken")
    client.lpush("queue:default", garbage)
    client.set("queue:broken", "a text")
    wait(redis_server, "push", NOW - 5)
    found = look(server)
    assert found["mastodon_sidekiq_queue_size", "default"] == 1
    assert found["mastodon_sidekiq_queue_size", "broken"] == 0
    assert found["mastodon_sidekiq_queue_latency_seconds", "push"] == 5


def test_a_process_without_its_hash_is_dead(redis_server: RunningRedis, server: RedisServer) -> None:
    client = redis_server.client()
    client.sadd("processes", "host:1:a", "host:2:b", "host:3:c")
    client.hset("host:1:a", mapping={"info": "{}", "beat": NOW})
    client.hset("host:3:c", mapping={"info": "{}", "beat": NOW})
    assert look(server)["mastodon_sidekiq_processes",] == 2


def test_a_server_that_has_never_run_has_no_processes(redis_server: RunningRedis, server: RedisServer) -> None:
    assert look(server) == {("mastodon_sidekiq_processes",): 0}


def test_a_redis_that_is_down_is_an_error(redis_server: RunningRedis) -> None:
    with redis_server.frozen(), closing(RedisServer(redis_server.settings, 0.2)) as server, pytest.raises(RedisError):
        look(server)
