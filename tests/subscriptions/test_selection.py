"""Which accounts are meant, and why one is not asked."""

from collections.abc import Iterator
from contextlib import closing

import psycopg2
import pytest
from psycopg2.extensions import cursor

from exporter.config import DatabaseSettings, Secret
from exporter.errors import DatabaseError
from exporter.mastodon.database import Database
from exporter.subscriptions.account_rows import subscriber_shape
from exporter.subscriptions.selection import Candidate, Candidates, Form, Selection
from tests.mastodon_rows import add_account, add_follow, add_followed_account, add_remote_account, in_days, now
from tests.postgres import Postgres

NOBODY = 2**62


@pytest.fixture(params=["1.3", "1.6", "2.9"])
def url(request: pytest.FixtureRequest, postgres: Postgres) -> str:
    return postgres.new_database(request.param)


def add_suspended_account(rows: cursor) -> int:
    """Add an account that would be asked, were it not suspended as accounts of this database's version are."""
    rows.execute("SELECT 1 FROM pg_attribute WHERE attrelid = 'accounts'::regclass AND attname = 'suspended_at'")
    if rows.fetchone():
        return add_followed_account(rows, subscription_expires_at=in_days(1), suspended_at=now())
    return add_followed_account(rows, subscription_expires_at=in_days(1), suspended=True)


@pytest.fixture
def rows(url: str) -> Iterator[cursor]:
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as opened:
        connection.autocommit = True
        yield opened


@pytest.fixture
def candidates(url: str) -> Iterator[Candidates]:
    with closing(Database(DatabaseSettings(Secret(url)), "test")) as database:
        yield Candidates(database, subscriber_shape(database))


def ids(found: Iterator[Candidate]) -> list[int]:
    return [candidate.account_id for candidate in found]


def test_all_are_those_that_the_server_should_be_subscribed_to(rows: cursor, candidates: Candidates) -> None:
    subscribed = add_followed_account(rows, subscription_expires_at=in_days(1))
    ended = add_followed_account(rows, subscription_expires_at=in_days(-1))
    add_remote_account(rows, subscription_expires_at=in_days(1))
    add_followed_account(rows, subscription_expires_at=in_days(1), hub_url="")
    add_suspended_account(rows)
    add_account(rows)
    assert ids(candidates.chosen(Selection(Form.ALL))) == [subscribed, ended]
    assert ids(candidates.chosen(Selection(Form.OVERDUE))) == [ended]


def test_more_accounts_than_a_page_holds_are_listed_all_and_once(
    rows: cursor, candidates: Candidates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.subscriptions.selection.PAGE_SIZE", 2)
    added = [add_followed_account(rows, subscription_expires_at=in_days(1)) for _ in range(4)]
    assert ids(candidates.chosen(Selection(Form.ALL))) == added


def test_an_account_named_by_hand_is_asked_though_its_subscription_never_was_confirmed(
    rows: cursor, candidates: Candidates
) -> None:
    account_id = add_followed_account(rows, subscription_expires_at=None)
    (candidate,) = candidates.chosen(Selection(Form.IDS, (account_id,)))
    assert candidate.why_not is None
    assert (candidate.domain, candidate.hub_url) == ("remote.example", "https://remote.example/api/push")


def test_an_account_found_in_a_log_is_left_out_if_the_server_would_not_ask_by_itself(
    rows: cursor, candidates: Candidates, url: str
) -> None:
    account_id = add_followed_account(rows, subscription_expires_at=None)
    reasons = [
        candidate.why_not
        for form in (Form.FROM_LOG, Form.BROKEN)
        for candidate in candidates.chosen(Selection(form, (account_id,)))
    ]
    if "1_3" in url:  # up to 1.5 the server asks for accounts without an expiry as well
        assert reasons == [None, None]
    else:
        assert reasons == ["the server is not subscribed to it, and would not ask by itself"] * 2


def test_each_account_that_cannot_be_asked_is_told_with_its_reason(rows: cursor, candidates: Candidates) -> None:
    expected = {
        add_account(rows): "it is an account of this server itself",
        add_followed_account(rows, hub_url=""): "it has no hub",
        add_suspended_account(rows): "it is suspended",
        add_remote_account(rows): "nobody here follows it",
        add_followed_account(rows, hub_url="javascript:alert(1)"): "its hub is no http or https URL",
        add_followed_account(rows, remote_url=""): "it has no feed to name (remote_url is empty)",
        NOBODY: "there is no such account",
    }
    found = candidates.chosen(Selection(Form.IDS, tuple(expected)))
    assert {candidate.account_id: candidate.why_not for candidate in found} == expected


def test_a_follower_on_another_server_is_none_of_ours(rows: cursor, candidates: Candidates) -> None:
    account_id = add_remote_account(rows)
    add_follow(rows, add_remote_account(rows), account_id)
    (candidate,) = candidates.chosen(Selection(Form.IDS, (account_id,)))
    assert candidate.why_not == "nobody here follows it"


def test_an_account_that_is_named_twice_is_asked_once(rows: cursor, candidates: Candidates) -> None:
    account_id = add_followed_account(rows)
    assert ids(candidates.chosen(Selection(Form.IDS, (account_id, account_id)))) == [account_id]


@pytest.mark.parametrize("version", ["1.6", "2.9"])
def test_an_activitypub_account_is_not_asked(postgres: Postgres, version: str) -> None:
    url = postgres.new_database(version)
    account_id = add_followed_account(url, protocol=1, subscription_expires_at=in_days(1))
    with closing(Database(DatabaseSettings(Secret(url)), "test")) as database:
        found = Candidates(database, subscriber_shape(database))
        (candidate,) = found.chosen(Selection(Form.IDS, (account_id,)))
        assert candidate.why_not == "its server delivers by ActivityPub"
        assert ids(found.chosen(Selection(Form.ALL))) == []


@pytest.mark.parametrize("version", ["3.5", "4.6"])
def test_a_server_that_speaks_activitypub_alone_is_told_so(postgres: Postgres, version: str) -> None:
    settings = DatabaseSettings(Secret(postgres.new_database(version)))
    with (
        closing(Database(settings, "test")) as database,
        pytest.raises(DatabaseError, match="this server speaks no PubSubHubbub"),
    ):
        subscriber_shape(database)


def test_runs_on_the_same_accounts_are_told_from_runs_on_others() -> None:
    assert Selection(Form.ALL).key == Selection(Form.ALL).key
    assert Selection(Form.IDS, (1, 2)).key == Selection(Form.IDS, (2, 1, 2)).key
    assert Selection(Form.FROM_LOG, (1,), ("a",)).key == Selection(Form.FROM_LOG, (1, 2), ("a",)).key
    different = [
        Selection(Form.ALL),
        Selection(Form.OVERDUE),
        Selection(Form.IDS, (1,)),
        Selection(Form.IDS, (1, 2)),
        Selection(Form.FROM_LOG, (1,), ("a",)),
        Selection(Form.FROM_LOG, (1,), ("b",)),
    ]
    assert len({selection.key for selection in different}) == len(different)
