"""Deliveries to be tried again, by host and by what the last attempt came to."""

import json
from collections.abc import Iterator
from contextlib import closing

import pytest

from exporter.deliveries.pending import read_pending
from exporter.mastodon.redis_server import BATCH, Keys, RedisServer
from tests.redis_server import RunningRedis


@pytest.fixture
def keys(redis_server: RunningRedis) -> Iterator[Keys]:
    with closing(RedisServer(redis_server.settings)) as server, server.sidekiq() as keys:
        yield keys


def retry(number: int, inbox: object, **more: object) -> str:
    """Return a delivery as it lies in the set of retries."""
    job = {"class": "ActivityPub::DeliveryWorker", "args": [f'{{"id": {number}}}', 1, inbox, {}], "jid": str(number)}
    return json.dumps(job | more)


def add(server: RunningRedis, *members: str) -> None:
    server.client().zadd("retry", dict.fromkeys(members, 1.0))


INBOX = "https://dead.example/inbox"


@pytest.mark.parametrize(
    ("more", "answer"),
    [
        ({"error_message": f"{INBOX} returned code 503", "error_class": "Mastodon::UnexpectedResponseError"}, "503"),
        ({"error_message": "connect timed out on x", "error_class": "HTTP::TimeoutError"}, "timeout"),
        ({"error_message": "certificate has expired", "error_class": "OpenSSL::SSL::SSLError"}, "tls"),
        ({"error_message": "failed to connect", "error_class": "HTTP::ConnectionError"}, "connect"),
        ({"error_message": "x", "error_class": "Stoplight::Error::RedLight"}, "paused"),
        ({"error_message": None, "error_class": 7}, "other"),
        ({}, "other"),
        ({"class": "ActivityPub::LowPriorityDeliveryWorker"}, "other"),
    ],
)
def test_a_delivery_is_counted_by_what_its_last_attempt_came_to(
    redis_server: RunningRedis, keys: Keys, more: dict[str, object], answer: str
) -> None:
    add(redis_server, retry(1, INBOX, **more))
    assert read_pending(keys).by_host == {"dead.example": {answer: 1}}


def test_other_jobs_and_garbage_are_not_counted(redis_server: RunningRedis, keys: Keys) -> None:
    add(
        redis_server,
        retry(1, INBOX),
        retry(2, INBOX, **{"class": "ActivityPub::ProcessingWorker"}),
        json.dumps({"class": "Other", "args": ["ActivityPub::DeliveryWorker"]}),
        '{"class": "ActivityPub::DeliveryWorker"',
        retry(3, 7),
        retry(4, "https://["),
        retry(5, None),
        json.dumps({"class": "ActivityPub::DeliveryWorker", "args": []}),
    )
    assert read_pending(keys).by_host == {"dead.example": {"other": 1}}


def test_more_retries_than_are_looked_at_are_told(redis_server: RunningRedis, keys: Keys) -> None:
    add(redis_server, *(retry(number, INBOX) for number in range(4 * BATCH)))
    found = read_pending(keys, limit=BATCH)
    assert not found.complete
    assert 0 < found.by_host["dead.example"]["other"] < 4 * BATCH
    assert read_pending(keys).by_host["dead.example"]["other"] == 4 * BATCH
