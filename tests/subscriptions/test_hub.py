from collections.abc import Iterator

import pytest

from exporter.addresses import AddressKind, AddressRule
from exporter.subscriptions.hub_answer import HubAnswer, Verdict
from exporter.subscriptions.hub_client import HubClient
from exporter.subscriptions.hub_request import HubRequest
from tests.mastodon_rows import add_remote_account, in_days
from tests.postgres import Postgres
from tests.subscriptions.callback_server import CallbackServer
from tests.subscriptions.hub import Hub

CLIENT = HubClient("test", AddressRule(frozenset({AddressKind.LOOPBACK})))
TOPIC = "https://remote.example/users/alice.atom"


class Meeting:
    """A hub, and an account whose callback answers it."""

    def __init__(self, hub: Hub, callbacks: CallbackServer, account_id: int) -> None:
        self.hub = hub
        self.callbacks = callbacks
        self.callback = callbacks.callback(account_id)
        hub.believed[self.callback] = "old"

    def ask(self, behaviour: str, topic: str = TOPIC) -> HubAnswer:
        answer = CLIENT.subscribe(HubRequest(self.hub.url(behaviour), topic, self.callback, "new"))
        self.hub.wait_until_verified()
        return answer

    @property
    def believed(self) -> str:
        return self.hub.believed[self.callback]


@pytest.fixture
def meeting(postgres: Postgres) -> Iterator[Meeting]:
    database = postgres.new_database("2.9")
    account_id = add_remote_account(database, remote_url=TOPIC, secret="old", subscription_expires_at=in_days(-3))
    with CallbackServer(database) as callbacks, Hub() as hub:
        yield Meeting(hub, callbacks, account_id)


@pytest.mark.parametrize("behaviour", ["prompt", "twice", "gnusocial", "elsewhere", "slow", "cut-after-taking"])
def test_a_hub_that_has_verified_the_callback_believes_in_the_new_secret(meeting: Meeting, behaviour: str) -> None:
    CLIENT.subscribe(HubRequest(meeting.hub.url("silent"), TOPIC, meeting.callback, "other"))
    quick = HubClient("test", CLIENT.address_rule, timeout_seconds=1.0)
    quick.subscribe(HubRequest(meeting.hub.url(behaviour), TOPIC, meeting.callback, "new"))
    meeting.hub.wait_until_verified()
    assert meeting.believed == "new"
    assert set(meeting.hub.verified) == {(meeting.callback, True)}


@pytest.mark.parametrize(
    "behaviour", ["silent", "late", "deny", "refuse", "broken", "moved", "cut", "cut-after-reading", "busy"]
)
def test_a_hub_that_has_not_verified_keeps_the_old_secret(meeting: Meeting, behaviour: str) -> None:
    meeting.ask(behaviour)
    assert meeting.believed == "old"


def test_a_callback_that_does_not_echo_the_challenge_changes_nothing(meeting: Meeting) -> None:
    assert meeting.ask("prompt", topic="https://remote.example/users/somebody-else.atom").verdict is Verdict.ACCEPTED
    assert meeting.hub.verified == [(meeting.callback, False)]
    assert meeting.believed == "old"


def test_a_late_hub_verifies_when_it_is_told_to(meeting: Meeting) -> None:
    meeting.ask("late")
    meeting.hub.verify_late()
    assert meeting.believed == "new"


def test_a_hub_that_verifies_twice_asks_the_callback_twice(meeting: Meeting) -> None:
    meeting.ask("twice")
    assert [mode for _, mode in meeting.callbacks.asked] == ["subscribe", "subscribe"]


def test_a_denial_reaches_the_callback(meeting: Meeting) -> None:
    meeting.ask("deny")
    assert [mode for _, mode in meeting.callbacks.asked] == ["denied"]


@pytest.mark.parametrize("behaviour", ["busy", "busy-for-a-second"])
def test_a_busy_hub_takes_the_second_request(meeting: Meeting, behaviour: str) -> None:
    assert [meeting.ask(behaviour).http_status for _ in range(2)] == [429, 202]
    assert meeting.believed == "new"


def test_every_second_request_is_dropped(meeting: Meeting) -> None:
    assert [meeting.ask("every-second").http_status for _ in range(4)] == [202, None, 202, None]


def test_deliveries_are_signed_with_the_secret_the_hub_believes_in(meeting: Meeting) -> None:
    assert meeting.hub.deliver(meeting.callback, b"<entry/>") == 200
    meeting.ask("prompt")
    assert meeting.hub.deliver(meeting.callback, b"<entry/>") == 200
    assert [is_right for _, is_right in meeting.callbacks.deliveries] == [True, False]
