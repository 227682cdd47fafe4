from contextlib import closing

import psycopg2
import pytest

from exporter.mastodon.shape import Shape, read_shape
from exporter.mastodon.subscription_rules import is_expected, is_expiring, is_overdue, is_remote_with_hub
from tests.mastodon_rows import add_account, add_follow, add_followed_account, add_remote_account, in_days, now
from tests.postgres import Postgres

VERSIONS = ("1.3", "1.6", "2.9")


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def url(postgres: Postgres, version: str) -> str:
    return postgres.new_database(version)


def shape_of(url: str) -> Shape:
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as reading:
        return read_shape(reading)


def accounts(postgres: Postgres, url: str, *conditions: str) -> set[int]:
    rows = postgres.run(url, f"SELECT id FROM accounts WHERE {' AND '.join(f'({one})' for one in conditions)}")
    return {identifier for (identifier,) in rows}


def expected(postgres: Postgres, url: str) -> set[int]:
    return accounts(postgres, url, is_expected(shape_of(url)))


def overdue(postgres: Postgres, url: str) -> set[int]:
    shape = shape_of(url)
    return accounts(postgres, url, is_expected(shape), is_overdue(shape))


def test_a_remote_account_with_a_hub_and_a_follower_of_ours_is_expected(postgres: Postgres, url: str) -> None:
    followed = add_followed_account(url, subscription_expires_at=in_days(3))
    assert expected(postgres, url) == {followed}


def test_an_account_that_only_others_follow_is_not_expected(postgres: Postgres, url: str) -> None:
    account = add_remote_account(url, subscription_expires_at=in_days(3))
    add_follow(url, add_remote_account(url, "third.example", subscription_expires_at=in_days(3)), account)
    assert expected(postgres, url) == set()
    add_follow(url, add_account(url), account)
    assert expected(postgres, url) == {account}


def test_the_counter_of_followers_decides_nothing(postgres: Postgres) -> None:
    url = postgres.new_database("1.6")
    add_remote_account(url, subscription_expires_at=in_days(3), followers_count=70)
    followed = add_followed_account(url, "uncounted.example", subscription_expires_at=in_days(3), followers_count=0)
    assert expected(postgres, url) == {followed}


def test_a_local_account_is_not_expected(postgres: Postgres, url: str) -> None:
    account = add_account(url, hub_url="https://qdon.example/api/push", subscription_expires_at=in_days(3))
    add_follow(url, add_account(url), account)
    assert expected(postgres, url) == set()


def test_an_account_without_a_hub_is_not_expected(postgres: Postgres, url: str) -> None:
    add_followed_account(url, hub_url="", subscription_expires_at=in_days(3))
    assert expected(postgres, url) == set()


def test_a_suspended_account_is_not_expected(postgres: Postgres, url: str) -> None:
    suspended = {"suspended": True} if shape_of(url).has("accounts", "suspended") else {"suspended_at": now()}
    add_followed_account(url, subscription_expires_at=in_days(3), **suspended)
    assert expected(postgres, url) == set()


@pytest.mark.parametrize("version", ["1.6", "2.9"])
def test_an_account_that_speaks_activitypub_is_not_expected(postgres: Postgres, url: str) -> None:
    add_followed_account(url, subscription_expires_at=in_days(3), protocol=1)
    assert expected(postgres, url) == set()


def test_without_an_expiry_an_account_is_expected_and_overdue_to_1_5_only(
    postgres: Postgres, url: str, version: str
) -> None:
    followed = add_followed_account(url, subscription_expires_at=None)
    assert expected(postgres, url) == overdue(postgres, url) == ({followed} if version == "1.3" else set())
    assert accounts(postgres, url, is_remote_with_hub(shape_of(url))) == {followed}


def test_overdue_is_what_has_ended_and_expiring_what_ends_within_a_day(postgres: Postgres, url: str) -> None:
    ended = {add_followed_account(url, subscription_expires_at=in_days(days)) for days in (-300, -1, -0.01)}
    ending = {add_followed_account(url, subscription_expires_at=in_days(days)) for days in (0.01, 0.5, 0.99)}
    for days in (1.01, 30):
        add_followed_account(url, subscription_expires_at=in_days(days))
    assert overdue(postgres, url) == ended
    assert accounts(postgres, url, is_expected(shape_of(url)), is_expiring()) == ending
