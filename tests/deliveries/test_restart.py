"""Delivering again: everything that keeps a domain given up goes, and nothing is left half done."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import pytest

from exporter.config import DatabaseSettings, Secret
from exporter.deliveries.restart import DeliveryStores, Standing
from exporter.errors import DatabaseError, RedisError, StoreError
from exporter.mastodon.database import Database
from exporter.mastodon.redis_server import RedisServer
from tests.mastodon_rows import add_unavailable_domain
from tests.postgres import Postgres
from tests.redis_server import RunningRedis

KEY = "exhausted_deliveries:dead.example"


def nothing() -> None:
    """Count nothing."""


@dataclass(frozen=True)
class World:
    """A server that has given dead.example up, and what is left of that."""

    postgres: Postgres
    redis: RunningRedis
    url: str
    stores: DeliveryStores

    def restart(self, domain: str = "dead.example") -> None:
        (standing,) = self.stores.standings([domain])
        self.stores.restart(standing, nothing)

    @property
    def rows(self) -> list[str]:
        return [domain for (domain,) in self.postgres.run(self.url, "SELECT domain FROM unavailable_domains")]

    @property
    def days(self) -> int:
        return int(self.redis.client().scard(KEY))


@pytest.fixture(params=["3.5", "4.6"])
def world(request: pytest.FixtureRequest, postgres: Postgres, redis_server: RunningRedis) -> Iterator[World]:
    url = postgres.new_database(request.param)
    add_unavailable_domain(url, "dead.example")
    add_unavailable_domain(url, "other.example")
    redis_server.client().sadd(KEY, *(f"2026111{day}" for day in range(7)))
    redis_server.client().sadd("exhausted_deliveries:other.example", "20261119")
    database = Database(DatabaseSettings(url=Secret(url)), "tests")
    with closing(database), closing(RedisServer(redis_server.settings, 0.5)) as redis:
        yield World(postgres, redis_server, url, DeliveryStores(database, redis))


def test_the_row_and_the_days_of_failures_go_and_others_stay(world: World) -> None:
    world.restart()
    assert (world.rows, world.days) == (["other.example"], 0)
    assert world.redis.client().scard("exhausted_deliveries:other.example") == 1


def test_a_domain_that_is_failing_begins_at_no_days(world: World) -> None:
    world.postgres.run(world.url, "DELETE FROM unavailable_domains WHERE domain = 'dead.example'")
    (standing,) = world.stores.standings(["dead.example"])
    assert (standing.has_row, standing.is_troubled) == (False, True)
    world.stores.restart(standing, nothing)
    assert world.days == 0


def test_a_domain_that_nobody_has_given_up_has_nothing_to_restart(world: World) -> None:
    assert world.stores.standings(["fine.example"]) == (Standing("fine.example"),)


def test_with_redis_down_the_row_stays(world: World) -> None:
    (standing,) = world.stores.standings(["dead.example"])
    with world.redis.frozen(), pytest.raises(RedisError):
        world.stores.restart(standing, nothing)
    # Redis may still do what it was asked to, once it goes on; the domain is given up as before all the same.
    assert world.rows == ["dead.example", "other.example"]
    world.restart()
    assert (world.rows, world.days) == (["other.example"], 0)


def test_a_role_that_may_not_delete_leaves_redis_as_it_is(world: World) -> None:
    world.postgres.run(world.url, "DROP OWNED BY looker; DROP ROLE looker" if _has_role(world) else "SELECT 1")
    world.postgres.run(world.url, "CREATE ROLE looker LOGIN PASSWORD 'x'")
    world.postgres.run(world.url, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO looker")
    settings = DatabaseSettings(url=Secret(world.postgres.url_as(world.url, "looker", "x")))
    with closing(Database(settings, "tests")) as database:
        stores = DeliveryStores(database, world.stores.redis)
        (standing,) = stores.standings(["dead.example"])
        with pytest.raises(DatabaseError, match="may not do this"):
            stores.restart(standing, nothing)
    assert (world.rows, world.days) == (["dead.example", "other.example"], 7)
    world.postgres.run(world.url, "DROP OWNED BY looker; DROP ROLE looker")


def _has_role(world: World) -> bool:
    return bool(world.postgres.run(world.url, "SELECT 1 FROM pg_roles WHERE rolname = 'looker'"))


def test_killed_before_the_commit_the_domain_is_given_up_as_before_and_a_second_call_does_the_rest(
    world: World,
) -> None:
    # What a kill leaves at that instant: the days gone, the row uncommitted, so still there.
    world.redis.client().delete(KEY)
    (standing,) = world.stores.standings(["dead.example"])
    assert (standing.has_row, standing.failure_keys) == (True, ())
    world.restart()
    assert world.rows == ["other.example"]


def test_a_domain_that_cannot_be_counted_stays_given_up(world: World) -> None:
    def count() -> None:
        raise StoreError("no space left")

    (standing,) = world.stores.standings(["dead.example"])
    with pytest.raises(StoreError):
        world.stores.restart(standing, count)
    assert world.rows == ["dead.example", "other.example"]


def test_two_looks_know_a_domain_by_one_key_until_it_is_given_up_once_more(world: World) -> None:
    (first,), (second,) = (world.stores.standings(["dead.example"]) for _ in range(2))
    assert first.key == second.key
    world.restart()
    add_unavailable_domain(world.url, "dead.example")
    (third,) = world.stores.standings(["dead.example"])
    assert third.key != first.key


def test_without_redis_the_row_alone_goes(world: World) -> None:
    stores = DeliveryStores(world.stores.database, None)
    (standing,) = stores.standings(["dead.example"])
    stores.restart(standing, nothing)
    assert (world.rows, world.days) == (["other.example"], 7)


def test_before_3_1_4_the_inboxes_of_the_host_go_from_redis(postgres: Postgres, redis_server: RunningRedis) -> None:
    client = redis_server.client()
    client.sadd(
        "unavailable_inboxes", "https://dead.example/inbox", "https://dead.example/u/inbox", "https://x.example/i"
    )
    client.sadd("exhausted_deliveries:https://dead.example/inbox", "20191119")
    database = Database(DatabaseSettings(url=Secret(postgres.new_database("2.9"))), "tests")
    with closing(database), closing(RedisServer(redis_server.settings)) as redis:
        stores = DeliveryStores(database, redis)
        (standing,) = stores.standings(["dead.example"])
        assert "given up" in standing.detail
        stores.restart(standing, nothing)
        with pytest.raises(RedisError, match="in Redis alone"):
            DeliveryStores(database, None).standings(["dead.example"])
    assert client.smembers("unavailable_inboxes") == {"https://x.example/i"}
    assert client.keys("exhausted_deliveries:*") == []
