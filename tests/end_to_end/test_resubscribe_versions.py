"""`resubscribe --all` on the oldest databases: each version's own rule tells whom the server asks, and whom not."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from psycopg2.extensions import cursor

from tests.mastodon_rows import add_account, add_follow, add_remote_account, in_days
from tests.postgres import Postgres
from tests.subscriptions.resubscribe_world import World, world

pytestmark = pytest.mark.slow

LEASE_DAYS = 7.0
LEASE_THAT_NOBODY_TOLD_DAYS = 1.0  # GNU social names none
MINUTE = timedelta(minutes=1)
Row = tuple[str, datetime | None]


@dataclass
class Aftermath:
    """What `resubscribe --all` has left of a server with accounts of every kind.

    `expected` are the leases in days that are to be, `before` the rows that were.
    """

    world: World
    version: str
    expected: dict[int, float] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    before: dict[int, Row] = field(default_factory=dict)

    def __post_init__(self) -> None:
        with self.world.opened() as writing:
            self._add_expected(writing)
            self._add_left_out(writing)
        self.before = self.rows()
        self.ended = self.world.resubscribe("--all")
        self.world.hub.wait_until_verified()

    def rows(self) -> dict[int, Row]:
        with self.world.opened() as reading:
            reading.execute("SELECT id, secret, subscription_expires_at FROM accounts WHERE domain IS NOT NULL")
            return {account_id: (secret, expiry) for account_id, secret, expiry in reading.fetchall()}

    def _add_expected(self, writing: cursor) -> None:
        for number in range(4):
            host = f"prompt{number}.localhost"
            self.expected[self.world.add_to(writing, "prompt", host)] = LEASE_DAYS
            overdue = self.world.add_to(writing, "gnusocial", host, subscription_expires_at=in_days(-3))
            self.expected[overdue] = LEASE_THAT_NOBODY_TOLD_DAYS
        never = self.world.add_to(writing, "prompt", "never.localhost", subscription_expires_at=None, secret="")
        if self.version == "1.3":
            self.expected[never] = LEASE_DAYS
        else:
            self.left_out["never subscribed"] = never

    def _add_left_out(self, writing: cursor) -> None:
        self.left_out["suspended"] = self.world.add_to(writing, "prompt", suspended=True)
        self.left_out["without a hub"] = self.world.add_to(writing, "prompt", hub_url="")
        self.left_out["without a follower"] = self._add_subscribed(writing)
        self.left_out["followed elsewhere"] = self._add_subscribed(writing)
        add_follow(writing, self.left_out["without a follower"], self.left_out["followed elsewhere"])
        if self.version != "1.3":
            self.left_out["of ActivityPub"] = self.world.add_to(writing, "prompt", protocol=1)
        add_follow(writing, add_account(writing), add_account(writing))

    def _add_subscribed(self, writing: cursor) -> int:
        """Add an account as its last follower here has left it."""
        return add_remote_account(
            writing, hub_url=self.world.hub.url("prompt"), secret="0d" * 16, subscription_expires_at=in_days(2)
        )


@pytest.fixture(scope="module", params=["1.3", "1.6"])
def aftermath(
    request: pytest.FixtureRequest, postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Aftermath]:
    with world(postgres.new_database(request.param), tmp_path_factory.mktemp("old")) as made:
        made.settings["confirm_timeout"] = "10s"
        yield Aftermath(made, request.param)


def test_every_account_that_the_versions_rule_names_is_confirmed_and_no_other_is_asked(aftermath: Aftermath) -> None:
    assert aftermath.ended.results == dict.fromkeys(sorted(aftermath.expected), "confirmed"), aftermath.ended.errors
    assert aftermath.ended.code == 0
    asked = [asked.callback for asked in aftermath.world.hub.asked]
    assert sorted(asked) == sorted(map(aftermath.world.callbacks.callback, aftermath.expected))
    assert aftermath.world.counted() == {"confirmed": len(aftermath.expected)}


def test_each_is_subscribed_for_another_lease_with_a_new_secret_that_its_hub_believes_in(aftermath: Aftermath) -> None:
    after = aftermath.rows()
    assert aftermath.world.at_odds(list(aftermath.expected)) == []
    assert [one for one in aftermath.expected if after[one][0] == aftermath.before[one][0]] == []
    ends = {one: after[one][1] for one in aftermath.expected}
    others = {one: end for one, end in ends.items() if not end or abs(end - in_days(aftermath.expected[one])) > MINUTE}
    assert others == {}
    for account_id in aftermath.expected:
        aftermath.world.hub.deliver(aftermath.world.callbacks.callback(account_id), b"<entry/>")
    assert sorted(aftermath.world.callbacks.deliveries) == [(one, True) for one in sorted(aftermath.expected)]


def test_what_the_rule_leaves_out_stays_as_it_was(aftermath: Aftermath) -> None:
    after = aftermath.rows()
    changed = {why: one for why, one in aftermath.left_out.items() if after[one] != aftermath.before[one]}
    assert changed == {}


def test_nobody_is_overdue_any_more(aftermath: Aftermath) -> None:
    planned = aftermath.world.run("--overdue", "--dry-run", "--format", "json")
    assert planned.results == {}
