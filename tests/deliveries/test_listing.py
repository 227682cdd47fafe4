"""Which servers deliveries fail at, as a real database and a real Redis tell."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime

import pytest

from exporter.config import DatabaseSettings, Secret
from exporter.deliveries.audience import AUDIENCES, Audience, read_audiences
from exporter.deliveries.listing import DeliveryState, TroubledDomain, TroubledDomains, find_troubled
from exporter.errors import DatabaseError, RedisError
from exporter.mastodon.database import Database
from exporter.mastodon.redis_server import RedisServer
from exporter.mastodon.shape import read_shape
from tests.deliveries.test_pending import add, retry
from tests.mastodon_rows import add_account, add_follow, add_remote_account, add_unavailable_domain
from tests.postgres import Postgres
from tests.redis_server import RunningRedis


@pytest.fixture
def redis(redis_server: RunningRedis) -> Iterator[RedisServer]:
    with closing(RedisServer(redis_server.settings)) as server:
        yield server


def listed(url: str, redis: RedisServer | None, inbound: Mapping[str, int] | None = None) -> TroubledDomains:
    with closing(Database(DatabaseSettings(url=Secret(url)), "tests")) as database:
        return find_troubled(database, redis, inbound or {})


def only(found: TroubledDomains) -> TroubledDomain:
    (one,) = found.domains
    return one


@pytest.mark.parametrize("version", ["3.5", "4.3", "4.6"])
def test_a_server_given_up_has_the_accounts_whose_inbox_it_is(
    postgres: Postgres, redis: RedisServer, version: str
) -> None:
    url = postgres.new_database(version)
    add_unavailable_domain(url, "social.split.example", created_at=datetime(2026, 11, 1, 12))  # noqa: DTZ001 as Rails
    # Its accounts are @name@split.example, which the administration's pages look for in vain.
    followed, other = (
        add_remote_account(
            url, "split.example", inbox_url=f"https://social.split.example/users/{n}/inbox", shared_inbox_url=shared
        )
        for n, shared in ((1, "https://Social.Split.example:443/inbox"), (2, ""))
    )
    add_remote_account(url, "social.split.example", inbox_url="https://else.example/i", shared_inbox_url="")
    fan, other_fan = add_account(url), add_account(url)
    for follower, target in ((fan, followed), (fan, other), (other_fan, other), (other, followed)):
        add_follow(url, follower, target)
    assert only(listed(url, redis)) == TroubledDomain(
        "social.split.example",
        DeliveryState.UNAVAILABLE,
        since=datetime(2026, 11, 1, 12, tzinfo=UTC),
        audience=Audience(accounts=2, followers=2),
    )


def test_a_failing_server_has_its_days_and_its_retries(
    postgres: Postgres, redis: RedisServer, redis_server: RunningRedis
) -> None:
    redis_server.client().sadd("exhausted_deliveries:dead.example", "20261120", "20261122")
    failed = {"error_message": "https://dead.example/inbox returned code 502"}
    add(redis_server, *(retry(number, "https://dead.example/inbox", **failed) for number in range(3)))
    one = only(listed(postgres.new_database("4.6"), redis))
    assert (one.state, one.failing_days, one.pending) == (DeliveryState.FAILING, 2, {"502": 3})
    assert one.since == datetime(2026, 11, 20, tzinfo=UTC)


def test_a_server_that_fails_to_reach_us_is_listed_beside_those_we_cannot_reach(
    postgres: Postgres, redis: RedisServer, redis_server: RunningRedis
) -> None:
    redis_server.client().sadd("exhausted_deliveries:both.example", "20261122")
    found = listed(postgres.new_database("4.6"), redis, {"both.example": 2, "deaf.example": 40})
    states = {one.domain: (one.state, one.inbound_failures) for one in found.domains}
    assert states == {"both.example": (DeliveryState.FAILING, 2), "deaf.example": (DeliveryState.INBOUND, 40)}


def test_those_with_the_most_followers_come_first(postgres: Postgres) -> None:
    url = postgres.new_database("4.6")
    for domain, followers in (("few.example", 1), ("many.example", 3), ("none.example", 0)):
        add_unavailable_domain(url, domain)
        account = add_remote_account(url, domain)
        for _ in range(followers):
            add_follow(url, add_account(url), account)
    found = listed(url, None, {"inbound.example": 9})
    assert [one.domain for one in found.domains] == ["many.example", "few.example", "none.example", "inbound.example"]


def test_without_redis_those_given_up_are_listed_with_a_note(postgres: Postgres) -> None:
    url = postgres.new_database("4.6")
    add_unavailable_domain(url, "dead.example")
    found = listed(url, None)
    assert only(found).domain == "dead.example"
    assert "without Redis" in found.notes[0]


def test_before_3_1_4_redis_tells_who_was_given_up(
    postgres: Postgres, redis: RedisServer, redis_server: RunningRedis
) -> None:
    url = postgres.new_database("2.9")
    add_remote_account(url, "gone.example", protocol=1, shared_inbox_url="https://gone.example/inbox")
    redis_server.client().sadd("unavailable_inboxes", "https://gone.example/inbox")
    one = only(listed(url, redis))
    assert (one.domain, one.state, one.since) == ("gone.example", DeliveryState.UNAVAILABLE, None)
    assert one.audience.accounts == 1
    with pytest.raises(RedisError, match="configure `redis`"):
        listed(url, None)


def test_a_server_without_inboxes_has_nothing_to_list(postgres: Postgres, redis: RedisServer) -> None:
    assert listed(postgres.new_database("1.3"), redis).domains == ()


def test_a_store_that_is_down_is_an_error(postgres: Postgres, redis_server: RunningRedis, redis: RedisServer) -> None:
    with pytest.raises(DatabaseError):
        listed("postgresql://nobody@127.0.0.1:1/none", redis)
    with redis_server.frozen(), closing(RedisServer(redis_server.settings, 0.2)) as silent, pytest.raises(RedisError):
        listed(postgres.new_database("4.6"), silent)


def test_accounts_are_joined_with_the_hosts_before_anything_is_kept(postgres: Postgres) -> None:
    url = postgres.new_database("4.6")
    postgres.run(
        url,
        "INSERT INTO accounts (username, domain, inbox_url, shared_inbox_url, created_at, updated_at)"
        " SELECT 'user' || n, 'a' || n % 50 || '.example', 'https://a' || n % 50 || '.example/inbox', '', now(), now()"
        " FROM generate_series(1, 1000) AS n",
    )
    local = add_account(url)
    postgres.run(
        url,
        "INSERT INTO follows (account_id, target_account_id, created_at, updated_at)"
        " SELECT %s, id, now(), now() FROM accounts WHERE domain IS NOT NULL",
        [local],
    )
    postgres.run(url, "ANALYZE")
    hosts = [f"a{number}.example" for number in range(50)]
    plan = "\n".join(line for (line,) in postgres.run(url, f"EXPLAIN {AUDIENCES}", [hosts]))
    # PostgreSQL before 12 knows no MATERIALIZED; and what is kept of each account would not fit into memory.
    assert "CTE" not in plan, plan
    assert "Join Filter" not in plan, plan
    with closing(Database(DatabaseSettings(url=Secret(url)), "tests")) as database, database.reading() as reading:
        assert read_audiences(reading, read_shape(reading), hosts) == dict.fromkeys(hosts, Audience(20, 1))
