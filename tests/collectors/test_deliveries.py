"""How many servers ours has given up, by database or Redis."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from exporter.collectors.deliveries import DeliveryFamilies
from exporter.config import DatabaseSettings, Secret
from exporter.errors import DatabaseError
from exporter.mastodon.database import Database
from exporter.mastodon.redis_server import RedisServer
from tests.collectors.test_sidekiq import samples
from tests.mastodon_rows import add_unavailable_domain
from tests.postgres import Postgres
from tests.redis_server import RunningRedis

GIVEN_UP = ("mastodon_unavailable_domains",)


@pytest.fixture
def redis(redis_server: RunningRedis) -> Iterator[RedisServer]:
    with closing(RedisServer(redis_server.settings)) as server:
        yield server


def database(url: str) -> Database:
    return Database(DatabaseSettings(url=Secret(url)), "tests")


@pytest.mark.parametrize("version", ["3.5", "4.3", "4.6"])
def test_the_servers_given_up_are_counted(postgres: Postgres, version: str) -> None:
    url = postgres.new_database(version)
    with closing(database(url)) as opened:
        assert samples(DeliveryFamilies(opened).families()) == {GIVEN_UP: 0}
        add_unavailable_domain(url, "dead.example")
        add_unavailable_domain(url, "gone.example")
        assert samples(DeliveryFamilies(opened).families()) == {GIVEN_UP: 2}


def test_before_3_1_4_the_hosts_of_inboxes_in_redis_are_counted(
    postgres: Postgres, redis: RedisServer, redis_server: RunningRedis
) -> None:
    inboxes = ("https://a.example/inbox", "https://a.example/users/x/inbox", "https://b.example/inbox")
    redis_server.client().sadd("unavailable_inboxes", *inboxes)
    with closing(database(postgres.new_database("2.9"))) as opened:
        assert samples(DeliveryFamilies(opened, redis).families()) == {GIVEN_UP: 2}
        assert samples(DeliveryFamilies(opened).families()) == {}


def test_a_database_that_is_down_is_an_error() -> None:
    with closing(database("postgresql://nobody@127.0.0.1:1/none")) as opened, pytest.raises(DatabaseError):
        samples(DeliveryFamilies(opened).families())
