"""The tables of the store, and how a store of an older version is brought up to date."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from exporter.errors import StateError, StoreError

STORE_NAME = "accesslogs.sqlite3"

# `place` grows with each write, so that it tells the order of what was used when. It is unique over all logs.
_VERSION_1 = (
    """
    CREATE TABLE logs (
        log TEXT PRIMARY KEY,
        progress TEXT NOT NULL,
        lag_bytes INTEGER NOT NULL,
        troubles TEXT NOT NULL,
        broken_accounts INTEGER NOT NULL,
        last_line_timestamp_seconds REAL
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE counts (
        log TEXT NOT NULL,
        counted TEXT NOT NULL,
        labels TEXT NOT NULL,
        value INTEGER NOT NULL,
        PRIMARY KEY (log, counted, labels)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE failing_domains (
        place INTEGER PRIMARY KEY,
        log TEXT NOT NULL,
        domain TEXT NOT NULL,
        failures INTEGER NOT NULL,
        used_seconds REAL NOT NULL,
        listed INTEGER NOT NULL,
        UNIQUE (log, domain)
    )
    """,
    """
    CREATE TABLE learnt_domains (
        log TEXT NOT NULL,
        domain TEXT NOT NULL,
        generation INTEGER NOT NULL,
        PRIMARY KEY (log, domain)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE accounts (
        place INTEGER PRIMARY KEY,
        log TEXT NOT NULL,
        account_id INTEGER NOT NULL,
        failures INTEGER NOT NULL,
        last_code INTEGER NOT NULL,
        last_seen_timestamp_seconds REAL,
        last_seen TEXT,
        recovered INTEGER NOT NULL,
        UNIQUE (log, account_id)
    )
    """,
)

MIGRATIONS = (_VERSION_1,)
"""What makes version n of the store out of version n - 1, one after the other. Versions in use never change."""


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit what a block writes, or none of it where the block raises."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring a store up to date, whole or not at all. Raises StateError if a newer program has written it."""
    with transaction(connection):
        version = known_version(connection, path)
        for statement in (statement for migration in MIGRATIONS[version:] for statement in migration):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def known_version(connection: sqlite3.Connection, path: Path) -> int:
    """Return the version of a store, 0 for one that is still empty. Raises StateError if it is not known here."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > len(MIGRATIONS):
        raise StateError(
            f"{path} was written by a newer mastodon-exporter (version {version} of the file, {len(MIGRATIONS)} is"
            f" known here): install that one again, or move the file away to begin anew"
        )
    return version


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Raise StoreError, with what to do, for whatever SQLite or the system has against the store."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StoreError(f"{path} cannot be used: {error}; look at the disk's space and who may write there") from error
    except sqlite3.Error as error:
        raise StoreError(f"{path} is damaged: {error}; move it away to begin anew") from error
    except OSError as error:
        raise StoreError(f"{path} cannot be used: {error.strerror}; the folder's group must be able to") from error
