"""What Redis remembers of deliveries that failed."""

from collections.abc import Iterator
from contextlib import closing
from datetime import date

import pytest

from exporter.mastodon.delivery_failures import inbox_host, read_failing_hosts, read_unavailable_inboxes
from exporter.mastodon.redis_server import BATCH, Keys, RedisServer
from tests.redis_server import RunningRedis


@pytest.fixture
def keys(redis_server: RunningRedis) -> Iterator[Keys]:
    with closing(RedisServer(redis_server.settings)) as server, server.application() as keys:
        yield keys


def test_a_failing_host_has_the_days_of_its_failures(redis_server: RunningRedis, keys: Keys) -> None:
    redis_server.client().sadd("exhausted_deliveries:dead.example", "20261121", "20261119")
    (host,) = read_failing_hosts(keys).hosts
    assert (host.host, host.days) == ("dead.example", (date(2026, 11, 19), date(2026, 11, 21)))
    assert host.since.isoformat() == "2026-11-19T00:00:00+00:00"


def test_minutes_of_a_fasp_provider_are_no_days(redis_server: RunningRedis, keys: Keys) -> None:
    redis_server.client().sadd("exhausted_deliveries:fasp.example", "202611211530", "202611211531")
    assert read_failing_hosts(keys).hosts == ()


def test_before_3_1_4_failures_are_those_of_inboxes_and_counted_for_their_host(
    redis_server: RunningRedis, keys: Keys
) -> None:
    client = redis_server.client()
    client.sadd("exhausted_deliveries:https://dead.example/inbox", "20191119")
    client.sadd("exhausted_deliveries:https://dead.example/users/a/inbox", "20191119", "20191120")
    client.sadd("unavailable_inboxes", "https://gone.example/inbox")
    (host,) = read_failing_hosts(keys).hosts
    assert (host.host, len(host.days), len(host.keys)) == ("dead.example", 2, 2)
    assert read_unavailable_inboxes(keys) == ("https://gone.example/inbox",)


def test_garbage_leaves_the_others_counted(redis_server: RunningRedis, keys: Keys) -> None:
    client = redis_server.client()
    client.set("exhausted_deliveries:text.example", "20261121")
    client.sadd("exhausted_deliveries:odd.example", "20269999", "٢٠٢٦١١٢١", "x", "")
    client.sadd("exhausted_deliveries:http://[", "20261121")
    client.sadd("exhausted_deliveries:", "20261121")
    client.sadd("exhausted_deliveries:dead.example", "20261121", "nonsense")
    assert [(one.host, len(one.days)) for one in read_failing_hosts(keys).hosts] == [("dead.example", 1)]


def test_more_hosts_than_are_looked_at_are_told(redis_server: RunningRedis, keys: Keys) -> None:
    pipeline = redis_server.client().pipeline()
    for number in range(4 * BATCH):
        pipeline.sadd(f"exhausted_deliveries:host{number}.example", "20261121")
    pipeline.execute()
    found = read_failing_hosts(keys, limit=BATCH)
    assert not found.complete
    assert 0 < len(found.hosts) < 4 * BATCH
    whole = read_failing_hosts(keys)
    assert whole.complete
    assert len(whole.hosts) == 4 * BATCH


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("https://Social.Example:8443/inbox", "social.example"),
        ("https://user@social.example/inbox", "social.example"),
        ("social.example", "social.example"),
        ("https://[::1", ""),
        ("", ""),
    ],
)
def test_the_host_of_an_inbox(text: str, host: str) -> None:
    assert inbox_host(text) == host
