import os
import sqlite3
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from exporter.accesslog import reader
from exporter.accesslog.accounts import AccountDeliveries
from exporter.accesslog.counts import Counted, Series
from exporter.accesslog.position import Progress, Trouble
from exporter.accesslog.reader import read_accounts, read_records
from exporter.accesslog.schema import STORE_NAME
from exporter.accesslog.store import Store
from exporter.errors import StateError
from tests.accesslog.observations import callback, delivery, new_tally, scan
from tests.unprivileged import NOBODY, unprivileged

PROGRESS = Progress("/var/log/nginx/access.log")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path)
    yield opened
    opened.close()


def execute(folder: Path, statement: str) -> None:
    connection = sqlite3.connect(folder / STORE_NAME, isolation_level=None)
    connection.execute(statement)
    connection.close()


def test_where_there_is_no_store_nothing_is_read_and_nothing_created(tmp_path: Path) -> None:
    assert read_records(tmp_path) == ()
    assert read_accounts(tmp_path, "qdon") == ()
    assert list(tmp_path.iterdir()) == []


def test_an_empty_file_is_a_store_without_logs(tmp_path: Path) -> None:
    (tmp_path / STORE_NAME).touch()
    assert read_records(tmp_path) == ()


def test_a_file_that_is_no_store_is_told(tmp_path: Path) -> None:
    (tmp_path / STORE_NAME).write_bytes(b"what else" * 1000)
    with pytest.raises(StateError, match="move it away"):
        read_records(tmp_path)


def test_every_log_has_a_record(store: Store, tmp_path: Path) -> None:
    lagging = replace(PROGRESS, lag_bytes=7, troubles=frozenset({Trouble.MISSING}))
    store.commit({"b": (lagging, new_tally()), "a": (PROGRESS, new_tally())})
    assert [(one.log, one.lag_bytes, one.troubles) for one in read_records(tmp_path)] == [
        ("a", 0, frozenset()),
        ("b", 7, frozenset({Trouble.MISSING})),
    ]


def test_the_accounts_of_one_log_are_read_newest_last(store: Store, tmp_path: Path) -> None:
    tally, other = new_tally(), new_tally()
    tally.apply(scan(callback("404", 3), callback("404", 1), callback("410", 2), callback("301", 3)))
    store.commit({"a": (PROGRESS, tally), "b": (PROGRESS, other)})
    tally.apply(scan(callback("200", 2), callback("404", 1)))
    store.commit({"a": (PROGRESS, tally)})
    found = read_accounts(tmp_path, "a")
    assert found == tuple(tally.accounts)
    assert [(account.account_id, account.failures, account.recovered) for account in found] == [
        (2, 1, True),
        (3, 2, False),
        (1, 2, False),
    ]
    assert read_accounts(tmp_path, "b") == ()


def test_an_account_without_a_time_has_none(store: Store, tmp_path: Path) -> None:
    tally = new_tally()
    tally.accounts.answer(1, 404, None)
    store.commit({"a": (PROGRESS, tally)})
    assert read_accounts(tmp_path, "a") == (AccountDeliveries(1, 1, 404, None),)


def test_while_a_commit_is_being_written_the_one_before_is_read(store: Store, tmp_path: Path) -> None:
    store.commit({"a": (PROGRESS, new_tally())})
    before = read_records(tmp_path)
    store._connection.execute("BEGIN IMMEDIATE")
    store._connection.execute("UPDATE logs SET lag_bytes = 99")
    assert read_records(tmp_path) == before
    store._connection.execute("COMMIT")
    assert read_records(tmp_path)[0].lag_bytes == 99


def test_a_reader_does_not_hold_the_writer_up(store: Store, tmp_path: Path) -> None:
    store.commit({"a": (PROGRESS, new_tally())})
    slow = sqlite3.connect(f"{(tmp_path / STORE_NAME).as_uri()}?mode=ro", uri=True, isolation_level=None)
    slow.execute("BEGIN")
    assert slow.execute("SELECT lag_bytes FROM logs").fetchall() == [(0,)]
    store._connection.execute("PRAGMA busy_timeout = 0")
    store.commit({"a": (replace(PROGRESS, lag_bytes=5), new_tally())})
    assert slow.execute("SELECT lag_bytes FROM logs").fetchall() == [(0,)]
    slow.close()
    assert read_records(tmp_path)[0].lag_bytes == 5


def test_all_that_is_read_is_of_one_commit(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tally = new_tally()
    store.commit({"a": (PROGRESS, tally)})
    read_counts = reader._all_counts

    def commit_in_between(connection: sqlite3.Connection) -> object:
        counts = read_counts(connection)
        tally.apply(scan(callback("404")))
        store.commit({"a": (PROGRESS, tally)})
        return counts

    monkeypatch.setattr(reader, "_all_counts", commit_in_between)
    (record,) = read_records(tmp_path)
    assert record.broken_accounts == record.counts.get(Series(Counted.CALLBACKS_BROKEN), 0) == 0


def test_a_store_that_was_closed_is_read(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    store.commit({"a": (PROGRESS, new_tally())})
    store.close()
    assert not (tmp_path / f"{STORE_NAME}-wal").exists()
    assert [record.log for record in read_records(tmp_path)] == ["a"]


def test_what_another_version_counts_beside_is_passed_over(store: Store, tmp_path: Path) -> None:
    store.commit({"a": (PROGRESS, new_tally())})
    execute(tmp_path, "INSERT INTO counts (log, counted, labels, value) VALUES ('a', 'novelties', '', 1)")
    execute(tmp_path, "UPDATE logs SET troubles = 'io novelty'")
    (record,) = read_records(tmp_path)
    assert set(record.counts) == set(new_tally().counts())
    assert record.troubles == {Trouble.IO}
    progress, state = store.load("a")
    assert progress is not None
    assert progress.troubles == {Trouble.IO}
    assert set(state.counts) == set(record.counts)


@pytest.fixture
def group_folder() -> Iterator[Path]:
    """Make a folder as the state folder is, its group one that a user without rights is in, as root can."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder to another group")
    with TemporaryDirectory() as name:
        folder = Path(name)
        os.chown(folder, 0, NOBODY)
        folder.chmod(0o2770)
        yield folder


def test_another_user_of_the_group_reads_and_leaves_the_writer_its_files(group_folder: Path) -> None:
    store = Store.open(group_folder)
    store.commit({"a": (PROGRESS, new_tally())})
    with unprivileged():
        assert [record.log for record in read_records(group_folder)] == ["a"]
    store.close()
    with unprivileged():
        assert [record.log for record in read_records(group_folder)] == ["a"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in group_folder.iterdir()} == {0o660}


def test_who_may_not_look_into_the_folder_is_told(group_folder: Path) -> None:
    Store.open(group_folder).close()
    group_folder.chmod(0o700)
    with unprivileged(), pytest.raises(StateError, match="Permission denied"):
        read_records(group_folder)


def test_folder_names_that_mean_something_in_an_address_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "a?b#c%41 d"
    folder.mkdir()
    store = Store.open(folder)
    store.commit({"a": (PROGRESS, new_tally())})
    assert [record.log for record in read_records(folder)] == ["a"]
    store.close()


def test_a_scrape_reads_the_failures_of_each_domain(store: Store, tmp_path: Path) -> None:
    tally = new_tally()
    names = [f"{number}.example" for number in range(500)]
    tally.list_known_domains(set(names))
    tally.apply(scan(*[delivery("500", name) for name in names]))
    store.commit({"a": (PROGRESS, tally)})
    counts = read_records(tmp_path)[0].counts
    failures = {series.labels[0]: count for series, count in counts.items() if series.counted is Counted.FAILURES}
    assert failures == dict.fromkeys(names, 1)
