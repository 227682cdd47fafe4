from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from exporter.addresses import AddressKind, AddressRule
from exporter.subscriptions.hub_answer import HubAnswer, Verdict
from exporter.subscriptions.hub_client import HubClient
from exporter.subscriptions.hub_request import HubRequest
from tests.mastodon_rows import add_remote_account, in_days, now
from tests.postgres import Postgres
from tests.subscriptions.callback_server import CallbackServer
from tests.subscriptions.websub_hub import WebSubHub

CLIENT = HubClient("test", AddressRule(frozenset({AddressKind.LOOPBACK})))
TOPIC = "https://remote.example/users/alice.atom"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[WebSubHub]:
    with WebSubHub(tmp_path) as running:
        yield running


def subscribe(hub: WebSubHub, callback: str, topic: str = TOPIC) -> HubAnswer:
    answer = CLIENT.subscribe(HubRequest(hub.url, topic, callback, "0123456789abcdef"))
    hub.wait_until_verified()
    return answer


def test_a_hub_that_others_wrote_takes_the_request_and_verifies_the_callback(
    postgres: Postgres, hub: WebSubHub
) -> None:
    database = postgres.new_database("2.9")
    account_id = add_remote_account(database, remote_url=TOPIC, subscription_expires_at=in_days(-3))
    with CallbackServer(database) as callbacks:
        callback = callbacks.callback(account_id)
        assert subscribe(hub, callback).verdict is Verdict.ACCEPTED
    assert hub.subscriptions() == [(TOPIC, callback, "0123456789abcdef")]
    [[expires_at]] = postgres.run(database, "SELECT subscription_expires_at FROM accounts WHERE id = %s", [account_id])
    assert abs(expires_at - now() - timedelta(days=7)) < timedelta(seconds=30)


def test_a_hub_that_others_wrote_keeps_nothing_that_the_callback_does_not_confirm(
    postgres: Postgres, hub: WebSubHub
) -> None:
    database = postgres.new_database("2.9")
    account_id = add_remote_account(database, remote_url=TOPIC)
    with CallbackServer(database) as callbacks:
        assert subscribe(hub, callbacks.callback(account_id), f"{TOPIC}x").verdict is Verdict.ACCEPTED
    assert hub.subscriptions() == []


def test_a_denial_of_a_hub_that_others_wrote_moves_the_expiry_by_a_day(postgres: Postgres, hub: WebSubHub) -> None:
    database = postgres.new_database("2.9")
    account_id = add_remote_account(database, remote_url=TOPIC, subscription_expires_at=in_days(-3))
    hub.program.register_validator(lambda *_: "not for you")
    with CallbackServer(database) as callbacks:
        assert subscribe(hub, callbacks.callback(account_id)).verdict is Verdict.ACCEPTED
        assert callbacks.asked == [(account_id, "denied")]
    [[expires_at]] = postgres.run(database, "SELECT subscription_expires_at FROM accounts WHERE id = %s", [account_id])
    assert abs(expires_at - now() - timedelta(days=1)) < timedelta(seconds=30)
