"""What is counted of subscriptions, by the rule of each version, and how often the database is asked for it."""

from collections.abc import Callable, Iterator

import pytest

from exporter.collectors import subscriptions
from exporter.collectors.subscriptions import SubscriptionFamilies, expected_query
from exporter.config import DatabaseSettings, Secret
from exporter.errors import DatabaseError
from exporter.mastodon.database import Database
from exporter.mastodon.shape import read_shape
from tests.collectors.test_background_count import eventually
from tests.mastodon_rows import (
    add_account,
    add_follow,
    add_followed_account,
    add_remote_account,
    add_subscription,
    in_days,
)
from tests.postgres import Postgres, postgres_server

PUSH = ("1.3", "1.6", "2.9")
NEWER = ("3.5", "4.3", "4.6")


class Collected:
    """The collector of one database, whose clock is turned by hand."""

    def __init__(self, url: str) -> None:
        settings = DatabaseSettings(url=Secret(url))
        self.seconds = 100.0
        self.databases = Database(settings, "a test"), Database(settings, "a test")
        self.store = SubscriptionFamilies(*self.databases, monotonic=lambda: self.seconds)

    def shown(self) -> dict[str, float]:
        samples = [sample for family in self.store.families() for sample in family.samples]
        by_name = {" ".join((one.name, *one.labels.values())): float(one.value) for one in samples}
        return {name.removeprefix("mastodon_"): value for name, value in by_name.items() if "timestamp" not in name}

    def recounted(self) -> dict[str, float]:
        """Let five minutes pass, and return what is shown once it was counted again."""
        self.seconds += subscriptions.RECOUNT_SECONDS
        self.shown()
        eventually(lambda: not self.store._counts.is_under_way)
        return self.shown()


@pytest.fixture
def collect() -> Iterator[Callable[[str], Collected]]:
    made: list[Collected] = []

    def of(url: str) -> Collected:
        made.append(Collected(url))
        return made[-1]

    yield of
    for one in made:
        for database in one.databases:
            database.close()


def expectations(shown: dict[str, float]) -> tuple[float, float, float]:
    return shown["subscriptions_expected"], shown["subscriptions_overdue"], shown["subscriptions_expiring"]


@pytest.mark.parametrize("version", PUSH)
def test_expected_overdue_and_expiring_follow_the_rule_of_the_version(
    postgres: Postgres, collect: Callable[[str], Collected], version: str
) -> None:
    url = postgres.new_database(version)
    for days in (-3, -0.1, 0.5, 0.9, 3):
        add_followed_account(url, subscription_expires_at=in_days(days))
    add_followed_account(url, subscription_expires_at=None)
    # None of these is expected.
    add_remote_account(url, subscription_expires_at=in_days(-3))
    add_followed_account(url, hub_url="", subscription_expires_at=in_days(-3))
    add_follow(url, add_remote_account(url), add_remote_account(url, subscription_expires_at=in_days(-3)))
    add_follow(url, add_account(url), add_account(url))
    shown = collect(url).shown()
    assert expectations(shown) == ((6, 3, 2) if version == "1.3" else (5, 2, 2))


@pytest.mark.parametrize("version", PUSH)
def test_each_subscription_of_others_is_in_one_state(
    postgres: Postgres, collect: Callable[[str], Collected], version: str
) -> None:
    url = postgres.new_database(version)
    account = add_account(url)
    for columns in (
        {}, {}, {}, {"expires_at": in_days(-1)}, {"expires_at": None}, {"confirmed": False},
        {"confirmed": False, "expires_at": in_days(-1)},
    ):  # fmt: skip
        add_subscription(url, account, **columns)
    shown = collect(url).shown()
    states = {state: shown[f"hub_subscriptions {state}"] for state in subscriptions.HUB_STATES}
    assert states == {"active": 3, "expired": 2, "unconfirmed": 2, "deleted": 0}


def test_a_soft_deleted_subscription_is_in_no_other_state(
    postgres: Postgres, collect: Callable[[str], Collected]
) -> None:
    url = postgres.new_database("1.3")
    postgres.run(url, "ALTER TABLE subscriptions ADD COLUMN deleted_at timestamp without time zone")
    account = add_account(url)
    add_subscription(url, account)
    add_subscription(url, account, deleted_at=in_days(-1))
    add_subscription(url, account, deleted_at=in_days(-1), confirmed=False, expires_at=in_days(-5))
    shown = collect(url).shown()
    assert (shown["hub_subscriptions active"], shown["hub_subscriptions deleted"]) == (1, 2)
    assert (shown["hub_subscriptions expired"], shown["hub_subscriptions unconfirmed"]) == (0, 0)


@pytest.mark.parametrize("version", NEWER)
def test_where_no_pubsubhubbub_is_spoken_there_is_nothing(
    postgres: Postgres, collect: Callable[[str], Collected], version: str
) -> None:
    url = postgres.new_database(version)
    add_followed_account(url)
    assert collect(url).shown() == {}


def test_it_is_counted_every_five_minutes_and_not_at_each_scrape(
    postgres: Postgres, collect: Callable[[str], Collected]
) -> None:
    url = postgres.new_database("2.9")
    collected = collect(url)
    assert expectations(collected.shown()) == (0, 0, 0)
    add_followed_account(url, subscription_expires_at=in_days(-1))
    for _ in range(20):
        collected.seconds += (subscriptions.RECOUNT_SECONDS - 1) / 20
        assert expectations(collected.shown()) == (0, 0, 0)
    assert expectations(collected.recounted()) == (1, 1, 0)


def test_a_server_that_was_upgraded_to_3_0_shows_nothing_any_more(
    postgres: Postgres, collect: Callable[[str], Collected]
) -> None:
    url = postgres.new_database("2.9")
    collected = collect(url)
    assert collected.shown()
    postgres.run(url, "DROP TABLE subscriptions")
    assert collected.shown() == {}


def test_a_missing_right_is_an_error_which_its_grant_mends_at_the_next_count(
    postgres: Postgres, collect: Callable[[str], Collected]
) -> None:
    url = postgres.new_database("2.9")
    postgres.run(url, "CREATE ROLE counting_nothing LOGIN PASSWORD 'x'")
    collected = collect(postgres.url_as(url, "counting_nothing", "x"))
    with pytest.raises(DatabaseError, match=r"may not do this.*docs/database\.md"):
        collected.shown()
    for table in ("accounts", "follows", "subscriptions"):
        postgres.run(url, f"GRANT SELECT ON {table} TO counting_nothing")
    collected.seconds += subscriptions.RECOUNT_SECONDS - 1
    with pytest.raises(DatabaseError, match="may not do this"):
        collected.shown()
    collected.seconds += 1
    assert expectations(collected.shown()) == (0, 0, 0)


def test_a_count_that_fails_leaves_the_last_one_shown_until_the_next_succeeds(
    postgres: Postgres, collect: Callable[[str], Collected]
) -> None:
    url = postgres.new_database("2.9")
    postgres.run(url, "CREATE ROLE counting_at_first LOGIN PASSWORD 'x'")
    for table in ("accounts", "follows", "subscriptions"):
        postgres.run(url, f"GRANT SELECT ON {table} TO counting_at_first")
    collected = collect(postgres.url_as(url, "counting_at_first", "x"))
    assert expectations(collected.shown()) == (0, 0, 0)
    postgres.run(url, "REVOKE SELECT ON follows FROM counting_at_first")
    add_followed_account(url, subscription_expires_at=in_days(-1))
    assert expectations(collected.recounted()) == (0, 0, 0)
    postgres.run(url, "GRANT SELECT ON follows TO counting_at_first")
    assert expectations(collected.recounted()) == (1, 1, 0)


def test_a_database_that_goes_away_is_noticed_at_the_next_scrape_and_so_is_its_return(
    collect: Callable[[str], Collected],
) -> None:
    with postgres_server() as server:
        collected = collect(server.new_database("2.9"))
        assert collected.shown()
        server.stop()
        with pytest.raises(DatabaseError):
            collected.shown()
        server.start()
        assert collected.shown()


@pytest.mark.parametrize("version", PUSH)
def test_counting_starts_from_the_follows_and_does_not_read_through_all_accounts(
    postgres: Postgres, version: str
) -> None:
    url = postgres.new_database(version)
    postgres.run(
        url,
        "INSERT INTO accounts (username, domain, hub_url, remote_url, created_at, updated_at)"
        " SELECT 'user' || n, 'a' || n % 100 || '.example', 'https://hub.example/', repeat('x', 500), now(), now()"
        " FROM generate_series(1, 20000) AS n",
    )
    local = [add_account(url) for _ in range(3)]
    postgres.run(
        url,
        "INSERT INTO follows (account_id, target_account_id, created_at, updated_at)"
        " SELECT %s, n, now(), now() FROM generate_series(1, 20000, 100) AS n",
        [local[0]],
    )
    postgres.run(url, "ANALYZE")
    database = Database(DatabaseSettings(url=Secret(url)), "a test")
    with database.reading() as reading:
        shape = read_shape(reading)
        reading.execute(f"EXPLAIN {expected_query(shape)}")
        plan = "\n".join(line for (line,) in reading.fetchall())
    database.close()
    assert "Seq Scan on accounts" not in plan, plan
