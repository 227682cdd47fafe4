"""A file that several write: made for the group, brought up to date whole, its troubles told."""

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from exporter.errors import StateError, StoreError
from exporter.ledger import RESUBSCRIBE, Ledger, read_ledger
from exporter.ledger.schema import LEDGER_NAME, MIGRATIONS
from exporter.sqlite_file import SqliteFile, reading
from tests.ledger.worlds import CONFIRMED, Clock

NEXT_VERSION = (
    "CREATE TABLE notes (note TEXT PRIMARY KEY) WITHOUT ROWID",
    "ALTER TABLE runs ADD COLUMN host TEXT NOT NULL DEFAULT 'qdon'",
)
FULL = 2


@pytest.fixture
def tight_umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.mark.usefixtures("tight_umask")
def test_the_group_may_write_all_files_whatever_the_umask(tmp_path: Path) -> None:
    with closing(Ledger.open(tmp_path)) as ledger, ledger.start(RESUBSCRIBE):
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    names = (LEDGER_NAME, f"{LEDGER_NAME}-wal", f"{LEDGER_NAME}-shm", f"job-{RESUBSCRIBE}.lock")
    assert modes == dict.fromkeys(names, 0o660)


def test_every_commit_is_synchronised_with_the_disk(ledger: Ledger) -> None:
    with ledger.file.writing() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (FULL,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_block_that_raises_leaves_nothing_of_what_it_wrote(ledger: Ledger, tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), ledger.file.writing() as connection:  # noqa: PT012 - it must write first
        connection.execute("INSERT INTO totals VALUES ('a', '[]', 1)")
        raise ZeroDivisionError
    record = read_ledger(tmp_path)
    assert record is not None
    assert record.totals == {}


def test_a_ledger_is_brought_to_the_next_version_with_all_that_it_holds(tmp_path: Path, clock: Clock) -> None:
    with closing(Ledger.open(tmp_path, clock)) as ledger, ledger.start(RESUBSCRIBE) as job:
        job.count_once("a", CONFIRMED, 7)
    for _ in range(2):  # the second time there is nothing left to do
        SqliteFile.open(tmp_path / LEDGER_NAME, (*MIGRATIONS, NEXT_VERSION)).close()
        with reading(tmp_path / LEDGER_NAME, (*MIGRATIONS, NEXT_VERSION)) as connection:
            assert connection is not None
            assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS) + 1,)
            assert connection.execute("SELECT job, host FROM runs").fetchall() == [(RESUBSCRIBE, "qdon")]
            assert connection.execute("SELECT value FROM totals").fetchall() == [(7,)]
            assert connection.execute("SELECT count(*) FROM notes").fetchone() == (0,)


def test_a_migration_that_fails_halfway_leaves_the_version_that_was_there(tmp_path: Path) -> None:
    Ledger.open(tmp_path).close()
    broken = (*NEXT_VERSION, "ALTER TABLE nowhere ADD COLUMN host TEXT")
    with pytest.raises(StoreError, match="no such table: nowhere"):
        SqliteFile.open(tmp_path / LEDGER_NAME, (*MIGRATIONS, broken))
    with reading(tmp_path / LEDGER_NAME, MIGRATIONS) as connection:
        assert connection is not None
        assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
        assert connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'notes'").fetchone() == (0,)


def test_a_ledger_that_a_newer_program_wrote_is_left_alone(tmp_path: Path) -> None:
    SqliteFile.open(tmp_path / LEDGER_NAME, (*MIGRATIONS, NEXT_VERSION)).close()
    content = (tmp_path / LEDGER_NAME).read_bytes()
    with pytest.raises(StateError, match="written by a newer mastodon-exporter"):
        Ledger.open(tmp_path)
    with pytest.raises(StateError, match="written by a newer mastodon-exporter"):
        read_ledger(tmp_path)
    assert (tmp_path / LEDGER_NAME).read_bytes() == content


def test_a_file_that_another_process_keeps_locked_is_told(ledger: Ledger, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / LEDGER_NAME, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with ledger.file._turn:
            ledger.file._connection.execute("PRAGMA busy_timeout = 1")
        with pytest.raises(StoreError, match="database is locked"):
            ledger.start(RESUBSCRIBE)


def test_folder_names_that_mean_something_in_an_address_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "a?b#c%41 d"
    folder.mkdir()
    Ledger.open(folder).close()
    assert read_ledger(folder) is not None
