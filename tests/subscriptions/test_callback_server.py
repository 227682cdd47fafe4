import hashlib
import hmac
from collections.abc import Iterator
from datetime import timedelta

import pytest
import requests

from tests.mastodon_rows import add_remote_account, in_days, now
from tests.postgres import Postgres
from tests.subscriptions.callback_server import CallbackServer

TOPIC = "https://remote.example/users/alice.atom"


@pytest.fixture
def database(postgres: Postgres) -> str:
    return postgres.new_database("2.9")


@pytest.fixture
def callbacks(database: str) -> Iterator[CallbackServer]:
    with CallbackServer(database) as running:
        yield running


@pytest.fixture
def account_id(database: str) -> int:
    return add_remote_account(database, remote_url=TOPIC, secret="0ld", subscription_expires_at=in_days(-3))


def lease(postgres: Postgres, database: str, account_id: int) -> timedelta:
    [[expires_at]] = postgres.run(database, "SELECT subscription_expires_at FROM accounts WHERE id = %s", [account_id])
    left: timedelta = expires_at - now()
    return left


@pytest.mark.parametrize(
    ("words", "days"),
    [
        ({"hub.mode": "subscribe", "hub.lease_seconds": "604800"}, 7),
        ({"hub.mode": "subscribe"}, 1),
        ({"hub.mode": "denied", "hub.reason": "no"}, 1),
        ({"hub.mode": "unsubscribe", "hub.lease_seconds": "864000"}, 10),
        ({"hub.mode": "subscribe", "hub.lease_seconds": ""}, 0),
    ],
)
def test_every_get_with_the_right_topic_moves_the_expiry(
    postgres: Postgres, database: str, callbacks: CallbackServer, account_id: int, words: dict[str, str], days: int
) -> None:
    query = {**words, "hub.topic": TOPIC, "hub.challenge": "<0123>"}
    answer = requests.get(callbacks.callback(account_id), params=query, timeout=10)
    assert (answer.status_code, answer.text) == (200, "&lt;0123&gt;")
    assert abs(lease(postgres, database, account_id) - timedelta(days=days)) < timedelta(seconds=30)


def test_another_topic_or_account_is_not_found(
    postgres: Postgres, database: str, callbacks: CallbackServer, account_id: int
) -> None:
    for callback, topic in ((account_id, TOPIC + "x"), (account_id + 1, TOPIC)):
        query = {"hub.mode": "subscribe", "hub.topic": topic, "hub.challenge": "0123"}
        answer = requests.get(callbacks.callback(callback), params=query, timeout=10)
        assert (answer.status_code, answer.text) == (404, "")
    assert lease(postgres, database, account_id) < timedelta(days=-2)


def test_a_delivery_is_answered_200_even_when_it_is_thrown_away(callbacks: CallbackServer, account_id: int) -> None:
    for secret in ("0ld", "n3w"):
        signature = hmac.new(secret.encode(), b"<entry/>", hashlib.sha1).hexdigest()
        headers = {"X-Hub-Signature": f"sha1={signature}"}
        answer = requests.post(callbacks.callback(account_id), data=b"<entry/>", headers=headers, timeout=10)
        assert answer.status_code == 200
    assert callbacks.deliveries == [(account_id, True), (account_id, False)]
