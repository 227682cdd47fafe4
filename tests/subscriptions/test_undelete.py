"""Undelete: soft-deleted rows come back where they still hold and nothing has taken their place."""

import threading
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from exporter.errors import DatabaseError
from exporter.subscriptions.row_outcome import Reason
from tests.mastodon_rows import add_account, add_subscription, in_days
from tests.postgres import Postgres
from tests.subscriptions.hub_database import HubDatabase, hub_database
from tests.subscriptions.test_restore import wait_until_somebody_waits

CALLBACK = "https://a.example/api/subscriptions/1"


@pytest.fixture
def hub(postgres: Postgres, tmp_path: Path) -> HubDatabase:
    return hub_database(postgres, "soft", tmp_path)


@pytest.fixture
def account(hub: HubDatabase) -> int:
    return add_account(hub.url)


def add_deleted(hub: HubDatabase, account: int, **columns: object) -> int:
    return add_subscription(hub.url, account, **{"deleted_at": in_days(-1), "callback_url": CALLBACK, **columns})


def test_a_deleted_row_that_still_holds_comes_back_and_nothing_else_of_it_changes(
    hub: HubDatabase, account: int
) -> None:
    live = add_subscription(hub.url, account)
    deleted = add_deleted(hub, account, deleted_at=None)
    before = hub.table()
    hub.run("UPDATE subscriptions SET deleted_at = now() WHERE id = %s", deleted)
    lost = hub.table()
    assert hub.plan_undelete() == {deleted: None}
    assert hub.table() == lost
    assert hub.undelete() == {deleted: None}
    assert hub.table() == before
    assert live
    assert hub.undelete() == {}


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"expires_at": in_days(-0.001)}, Reason.EXPIRED),
        ({"expires_at": None}, Reason.EXPIRED),
        ({"confirmed": False}, Reason.UNCONFIRMED),
    ],
)
def test_a_row_stays_deleted_because_of_what_it_holds(
    hub: HubDatabase, account: int, columns: dict[str, object], reason: Reason
) -> None:
    deleted = add_deleted(hub, account, **columns)
    before = hub.table()
    assert hub.plan_undelete() == {deleted: reason}
    assert hub.undelete() == {deleted: reason}
    assert hub.table() == before


def test_a_row_stays_deleted_while_another_lives(hub: HubDatabase, account: int) -> None:
    deleted = add_deleted(hub, account)
    add_subscription(hub.url, account, callback_url=CALLBACK, confirmed=False)
    assert hub.undelete() == {deleted: Reason.REPLACED}
    assert hub.run("SELECT count(*) FROM subscriptions WHERE deleted_at IS NULL") == [(1,)]


def test_another_callback_and_another_account_take_no_place(hub: HubDatabase, account: int) -> None:
    deleted = add_deleted(hub, account)
    add_subscription(hub.url, account, callback_url=CALLBACK + "2")
    add_subscription(hub.url, add_account(hub.url), callback_url=CALLBACK)
    assert hub.undelete() == {deleted: None}


def test_a_row_stays_deleted_whose_account_is_gone(hub: HubDatabase, account: int) -> None:
    deleted = add_deleted(hub, account)
    # As on servers before 1.5, which had no foreign key.
    hub.run("SET session_replication_role = replica; DELETE FROM accounts")
    assert hub.undelete() == {deleted: Reason.NO_ACCOUNT}


def test_of_several_the_newest_comes_back(hub: HubDatabase, account: int) -> None:
    oldest, newest, middle = (add_deleted(hub, account, deleted_at=in_days(-days)) for days in (3, 1, 2))
    assert hub.undelete() == {oldest: Reason.SUPERSEDED, newest: None, middle: Reason.SUPERSEDED}


def test_a_newer_one_that_has_ended_keeps_the_older_out_for_its_secret_is_the_newer(
    hub: HubDatabase, account: int
) -> None:
    older = add_deleted(hub, account, deleted_at=in_days(-3))
    newer = add_deleted(hub, account, deleted_at=in_days(-2), expires_at=in_days(-1))
    assert hub.undelete() == {older: Reason.SUPERSEDED, newer: Reason.EXPIRED}


def test_a_newer_one_that_was_never_confirmed_keeps_nothing_out(hub: HubDatabase, account: int) -> None:
    older = add_deleted(hub, account, deleted_at=in_days(-3))
    newer = add_deleted(hub, account, deleted_at=in_days(-2), confirmed=False)
    assert hub.undelete() == {older: None, newer: Reason.UNCONFIRMED}


def test_a_worker_that_is_about_to_subscribe_the_same_callback_is_waited_for(hub: HubDatabase, account: int) -> None:
    deleted = add_deleted(hub, account)
    with closing(psycopg2.connect(hub.url)) as worker, worker.cursor() as cursor:
        cursor.execute("SELECT 1 FROM subscriptions WHERE deleted_at IS NULL")
        assert cursor.fetchall() == []
        found: list[object] = []
        thread = threading.Thread(target=lambda: found.append(hub.undelete()))
        thread.start()
        wait_until_somebody_waits(hub)
        add_subscription(cursor, account, callback_url=CALLBACK)
        worker.commit()
        thread.join(30)
    assert found == [{deleted: Reason.REPLACED}]
    assert hub.run("SELECT count(*) FROM subscriptions WHERE deleted_at IS NULL") == [(1,)]


@pytest.mark.parametrize(
    ("version", "words"),
    [("2.9", "no column `deleted_at`"), ("1.3", "no column `deleted_at`"), ("4.6", "PubSubHubbub")],
)
def test_a_server_that_does_not_soft_delete_is_told_so(
    postgres: Postgres, tmp_path: Path, version: str, words: str
) -> None:
    hub = hub_database(postgres, version, tmp_path)
    for ask in (hub.plan_undelete, hub.undelete):
        with pytest.raises(DatabaseError, match=words):
            ask()
