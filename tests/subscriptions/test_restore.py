"""Restore: exactly what is missing and still holds comes back; nothing that is there is touched."""

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from exporter.errors import BackupError, DatabaseError
from exporter.subscriptions import hub_table
from exporter.subscriptions.backup_file import write_backup
from exporter.subscriptions.backup_header import BackupHeader
from exporter.subscriptions.row_outcome import Reason
from tests.mastodon_rows import add_account, add_subscription, in_days
from tests.postgres import Postgres
from tests.subscriptions.hub_database import HubDatabase, hub_database

SHAPES = ("1.3", "1.6", "2.9", "soft")


@pytest.fixture(params=SHAPES)
def hub(request: pytest.FixtureRequest, postgres: Postgres, tmp_path: Path) -> HubDatabase:
    return hub_database(postgres, request.param, tmp_path)


@pytest.fixture
def soft(postgres: Postgres, tmp_path: Path) -> HubDatabase:
    return hub_database(postgres, "soft", tmp_path)


def rewrite(hub: HubDatabase, change: Callable[[dict[str, object]], object]) -> None:
    """Write the backup anew with each row changed, as somebody could who knows the format."""
    first, *lines = gzip.decompress(hub.file.read_bytes()).splitlines()
    rows = [json.loads(line) for line in lines]
    for row in rows:
        change(row)
    fields = json.loads(first)
    columns = tuple(name for name in rows[0] if name != "account_username")
    texts = [json.dumps(row) for row in sorted(rows, key=lambda row: int(str(row["id"])))]
    write_backup(hub.file, texts, lambda count, sha256: BackupHeader(fields["created"], count, columns, sha256))


def test_deleted_rows_come_back_byte_for_byte_and_no_other_changes(hub: HubDatabase) -> None:
    account = add_account(hub.url)
    ids = [
        add_subscription(hub.url, account),
        add_subscription(hub.url, account, secret=None, last_successful_delivery_at=in_days(-1)),
        add_subscription(hub.url, account, confirmed=False),
        add_subscription(hub.url, account, callback_url='http://b.example/\N{SNOWMAN}"\\u0000\\', secret="'\\\""),
        add_subscription(hub.url, add_account(hub.url)),
    ]
    before = hub.table()
    hub.back_up()
    hub.run("DELETE FROM subscriptions WHERE id = ANY(%s)", ids[1:4])
    hub.run("UPDATE subscriptions SET secret = 'newer' WHERE id = %s", ids[4])
    after_loss = hub.table()

    assert hub.plan() == {**dict.fromkeys(ids[1:4]), **dict.fromkeys((ids[0], ids[4]), Reason.PRESENT)}
    assert hub.table() == after_loss
    hub.restore()
    assert hub.table() == [before[0], *before[1:4], after_loss[-1]]
    assert hub.restore() == dict.fromkeys(ids, Reason.PRESENT)


def test_a_whole_table_comes_back(hub: HubDatabase) -> None:
    for _ in range(3):
        add_subscription(hub.url, add_account(hub.url))
    before = hub.table()
    hub.back_up()
    hub.run("TRUNCATE subscriptions RESTART IDENTITY")
    hub.restore()
    assert hub.table() == before


def test_ids_that_were_kept_are_not_given_out_again(hub: HubDatabase) -> None:
    account = add_account(hub.url)
    kept = [add_subscription(hub.url, account) for _ in range(3)]
    hub.back_up()
    hub.run("TRUNCATE subscriptions RESTART IDENTITY")
    hub.restore()
    assert add_subscription(hub.url, account) == kept[-1] + 1


def test_a_sequence_is_never_set_back(hub: HubDatabase) -> None:
    account = add_account(hub.url)
    lost = add_subscription(hub.url, account)
    hub.back_up()
    later = [add_subscription(hub.url, account) for _ in range(3)]
    hub.run("DELETE FROM subscriptions WHERE id = %s", lost)
    hub.restore()
    assert add_subscription(hub.url, account) == later[-1] + 1


def test_a_row_whose_id_another_has_taken_gets_a_new_one(hub: HubDatabase) -> None:
    account = add_account(hub.url)
    taken = add_subscription(hub.url, account, callback_url="https://lost.example/1", secret="lost")
    hub.back_up()
    hub.run("UPDATE subscriptions SET callback_url = 'https://other.example/1'")
    assert hub.plan() == {taken: None}
    hub.restore()
    query = "SELECT id, callback_url, secret FROM subscriptions ORDER BY id"
    assert hub.run(query) == [(taken, "https://other.example/1", "lost"), (taken + 1, "https://lost.example/1", "lost")]


@pytest.mark.parametrize("too_high", [2**31 + 5, 2**31 - 1, 2**62])
def test_an_id_that_leaves_no_room_for_others_is_not_kept(postgres: Postgres, tmp_path: Path, too_high: int) -> None:
    hub = hub_database(postgres, "1.3", tmp_path)
    account = add_account(hub.url)
    last = add_subscription(hub.url, account)
    hub.back_up()
    rewrite(hub, lambda row: row.update(id=too_high))
    hub.run("DELETE FROM subscriptions")
    hub.restore()
    assert hub.run("SELECT id FROM subscriptions") == [(last + 1,)]


def a_live_one(hub: HubDatabase, account: int, lost: int) -> None:
    add_subscription(hub.url, account, callback_url="https://a.example/1", secret="newer")


def an_ended_one(hub: HubDatabase, account: int, lost: int) -> None:
    add_subscription(hub.url, account, callback_url="https://a.example/1", expires_at=in_days(-1))


def no_account(hub: HubDatabase, account: int, lost: int) -> None:
    hub.run("DELETE FROM accounts WHERE id = %s", account)


def another_account(hub: HubDatabase, account: int, lost: int) -> None:
    hub.run("UPDATE accounts SET username = 'bob' WHERE id = %s", account)


@pytest.mark.parametrize(
    ("meanwhile", "reason"),
    [
        (a_live_one, Reason.REPLACED),
        (an_ended_one, Reason.REPLACED),
        (no_account, Reason.NO_ACCOUNT),
        (another_account, Reason.OTHER_ACCOUNT),
    ],
)
def test_a_lost_row_stays_out_because_of_what_happened_since(
    hub: HubDatabase, meanwhile: Callable[[HubDatabase, int, int], None], reason: Reason
) -> None:
    account = add_account(hub.url, username="alice")
    lost = add_subscription(hub.url, account, callback_url="https://a.example/1", secret="older")
    hub.back_up()
    hub.run("DELETE FROM subscriptions")
    meanwhile(hub, account, lost)
    before = hub.table()
    assert hub.plan() == {lost: reason}
    assert hub.restore() == {lost: reason}
    assert hub.table() == before


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"expires_at": in_days(-0.001)}, Reason.EXPIRED),
        ({"expires_at": None}, Reason.EXPIRED),
        ({"callback_url": "javascript:alert(1)"}, Reason.CALLBACK),
        ({"callback_url": "ftp://a.example/"}, Reason.CALLBACK),
        ({"callback_url": "https://"}, Reason.CALLBACK),
        ({"callback_url": "/etc/passwd\nhttps://a.example/"}, Reason.CALLBACK),
        ({"callback_url": ""}, Reason.CALLBACK),
    ],
)
def test_a_lost_row_stays_out_because_of_what_it_holds(
    hub: HubDatabase, columns: dict[str, object], reason: Reason
) -> None:
    lost = add_subscription(hub.url, add_account(hub.url), **columns)
    hub.back_up()
    hub.run("DELETE FROM subscriptions")
    assert hub.restore() == {lost: reason}
    assert hub.table() == []


def test_a_row_that_ends_soon_comes_back_whatever_the_time_zone_of_the_server(hub: HubDatabase) -> None:
    lost = add_subscription(hub.url, add_account(hub.url), expires_at=in_days(0.01))
    hub.back_up()
    hub.run("DELETE FROM subscriptions")
    assert hub.restore() == {lost: None}


def test_soft_deleted_rows_are_left_to_undelete(soft: HubDatabase) -> None:
    account = add_account(soft.url)
    here, elsewhere, in_backup = (add_subscription(soft.url, account) for _ in range(3))
    soft.run("UPDATE subscriptions SET deleted_at = now() WHERE id = %s", in_backup)
    soft.back_up()
    soft.run("DELETE FROM subscriptions WHERE id = %s", in_backup)
    soft.run("UPDATE subscriptions SET deleted_at = now() WHERE id = %s", here)
    soft.run("UPDATE subscriptions SET deleted_at = now(), id = id + 100 WHERE id = %s", elsewhere)
    before = soft.table()
    assert soft.restore() == {
        here: Reason.SOFT_DELETED, elsewhere: Reason.SOFT_DELETED, in_backup: Reason.DELETED_IN_BACKUP
    }  # fmt: skip
    assert soft.table() == before


def test_a_soft_deleted_row_that_undelete_would_refuse_keeps_nothing_out(soft: HubDatabase) -> None:
    lost = add_subscription(soft.url, add_account(soft.url))
    soft.back_up()
    soft.run("UPDATE subscriptions SET deleted_at = now(), id = id + 100, expires_at = now() - interval '9 days'")
    assert soft.restore() == {lost: None}


def test_of_two_live_rows_for_one_callback_the_one_that_was_confirmed_last_comes_back(soft: HubDatabase) -> None:
    account = add_account(soft.url)
    callback = "https://a.example/1"
    newer = add_subscription(soft.url, account, callback_url=callback, expires_at=in_days(6))
    older = add_subscription(soft.url, account, callback_url=callback, expires_at=in_days(5))
    soft.back_up()
    soft.run("DELETE FROM subscriptions")
    assert soft.restore() == {newer: None, older: Reason.SUPERSEDED}
    assert soft.run("SELECT id FROM subscriptions") == [(newer,)]


@pytest.mark.parametrize(("backed_up", "restored"), [("2.9", "1.3"), ("1.3", "2.9"), ("soft", "1.6"), ("1.6", "soft")])
def test_a_backup_of_another_shape_is_restored_as_far_as_columns_go(
    postgres: Postgres, tmp_path: Path, backed_up: str, restored: str
) -> None:
    old, new = (hub_database(postgres, shape, tmp_path) for shape in (backed_up, restored))
    lost = add_subscription(
        old.url, add_account(old.url, username="alice"), callback_url="https://a.example/1", secret="s"
    )
    add_subscription(new.url, add_account(new.url, username="alice"))
    old.back_up()
    new.run("DELETE FROM subscriptions")
    assert new.restore() == {lost: None}
    assert new.run("SELECT callback_url, secret, confirmed FROM subscriptions") == [("https://a.example/1", "s", True)]


def test_a_backup_that_breaks_off_at_its_end_restores_nothing(hub: HubDatabase) -> None:
    for _ in range(3):
        add_subscription(hub.url, add_account(hub.url))
    hub.back_up()
    hub.file.write_bytes(hub.file.read_bytes()[:-3])
    hub.run("DELETE FROM subscriptions")
    with pytest.raises(BackupError, match="nothing was restored"):
        hub.restore()
    assert hub.table() == []


def test_a_value_that_the_table_refuses_restores_nothing(hub: HubDatabase) -> None:
    for _ in range(2):
        add_subscription(hub.url, add_account(hub.url), secret="5ec1e7")
    hub.back_up()
    hub.run("DELETE FROM subscriptions")
    rewrite(hub, lambda row: row.update(created_at=None))
    with pytest.raises(DatabaseError, match="created_at") as refused:
        hub.restore()
    assert "5ec1e7" not in str(refused.value)
    assert hub.table() == []


@pytest.fixture
def worker(hub: HubDatabase) -> Iterator["psycopg2.extensions.connection"]:
    """Give the connection of one of Mastodon's own workers."""
    with closing(psycopg2.connect(hub.url)) as connection:
        yield connection


def test_a_worker_that_is_about_to_subscribe_the_same_callback_is_waited_for(
    hub: HubDatabase, worker: "psycopg2.extensions.connection"
) -> None:
    account = add_account(hub.url)
    lost = add_subscription(hub.url, account, callback_url="https://a.example/1", secret="older")
    hub.back_up()
    hub.run("DELETE FROM subscriptions")
    with worker.cursor() as cursor:
        # What `save!` does: ask in a transaction whether there is one, then add it.
        cursor.execute("SELECT 1 FROM subscriptions WHERE callback_url = 'https://a.example/1'")
        assert cursor.fetchall() == []
        found: list[object] = []
        if has_unique_index(hub):
            add_subscription(cursor, account, callback_url="https://a.example/1", secret="newer")
        thread = threading.Thread(target=lambda: found.append(hub.restore()))
        thread.start()
        wait_until_somebody_waits(hub)
        if not has_unique_index(hub):
            add_subscription(cursor, account, callback_url="https://a.example/1", secret="newer")
        worker.commit()
        thread.join(30)
    assert found == [{lost: Reason.REPLACED}]
    assert hub.run("SELECT secret FROM subscriptions") == [("newer",)]


def has_unique_index(hub: HubDatabase) -> bool:
    query = "SELECT count(*) FROM pg_attribute WHERE attrelid = 'subscriptions'::regclass AND attname = 'deleted_at'"
    return hub.run(query) == [(0,)]


def wait_until_somebody_waits(hub: HubDatabase) -> None:
    waiting = "SELECT 1 FROM pg_locks WHERE relation = 'subscriptions'::regclass AND NOT granted"
    for _ in range(1000):
        if hub.run(waiting):
            return
    pytest.fail("nobody ever waited for the table")


def test_a_table_that_others_do_not_let_go_of_is_given_up(
    hub: HubDatabase, worker: "psycopg2.extensions.connection", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_table, "LOCK_TIMEOUT_SECONDS", 0.2)
    add_subscription(hub.url, add_account(hub.url))
    hub.back_up()
    hub.run("DELETE FROM subscriptions")
    with worker.cursor() as cursor:
        cursor.execute("LOCK TABLE subscriptions IN SHARE ROW EXCLUSIVE MODE")
        with pytest.raises(DatabaseError, match="others held the table"):
            hub.restore()
        assert len(hub.plan()) == 1
    worker.rollback()
    assert hub.table() == []


def test_a_server_without_pubsubhubbub_is_told_so(postgres: Postgres, tmp_path: Path) -> None:
    old = hub_database(postgres, "2.9", tmp_path)
    old.back_up()
    new = hub_database(postgres, "3.5", tmp_path)
    with pytest.raises(DatabaseError, match="there is no PubSubHubbub"):
        new.restore()


def test_a_role_whose_transactions_see_one_state_only_still_sees_what_a_worker_added(
    hub: HubDatabase, worker: "psycopg2.extensions.connection"
) -> None:
    hub.run("ALTER ROLE mastodon SET default_transaction_isolation = 'serializable'")
    try:
        test_a_worker_that_is_about_to_subscribe_the_same_callback_is_waited_for(hub, worker)
    finally:
        hub.run("ALTER ROLE mastodon RESET default_transaction_isolation")
