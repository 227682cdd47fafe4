"""A SQLite file that one process writes while others read and write it too; every trouble is a sentence."""

import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Self

from exporter.errors import StateError, StoreError
from exporter.state import make_shared_file

Migrations = Sequence[Sequence[str]]
"""The statements that make version n out of version n - 1, for each version from 1 on."""

_WRITER_PATIENCE_SECONDS = 10.0
_READER_PATIENCE_SECONDS = 0.5


class SqliteFile:
    """The writing side of a file; any thread may use it. Whatever it raises is a StateError that says what to do."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection
        self._turn = threading.Lock()

    @classmethod
    def open(cls, path: Path, migrations: Migrations, make: Callable[[Path], None] = make_shared_file) -> Self:
        """Return the file, made by `make` if need be and brought up to date, whole or not at all."""
        with explained(path), _alone_in(path.parent):
            make(path)
            connection = sqlite3.connect(
                path, timeout=_WRITER_PATIENCE_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
                migrate(connection, path, migrations)
            except (sqlite3.Error, StateError):
                connection.close()
                raise
        return cls(path, connection)

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection itself, for a writer of one thread; errors of it are `explained`."""
        return self._connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Commit what a block writes, safe against loss of power once it has ended, or nothing where it raises."""
        with self._turn, explained(self._path), _transaction(self._connection):
            yield self._connection

    def close(self) -> None:
        """Let go of the file; what was committed is safe without it."""
        with self._turn:
            self._connection.close()


@contextmanager
def reading(path: Path, migrations: Migrations) -> Iterator[sqlite3.Connection | None]:
    """Give a connection that sees one commit and keeps no writer waiting; None where no table is there yet."""
    with explained(path):
        if not path.exists():
            yield None
            return
        address = f"{path.absolute().as_uri()}?mode=ro"
        patience = _READER_PATIENCE_SECONDS
        with closing(sqlite3.connect(address, uri=True, timeout=patience, isolation_level=None)) as connection:
            connection.execute("BEGIN")
            yield connection if _known_version(connection, path, migrations) else None


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Raise StoreError, with what to do, for whatever SQLite or the system has against the file."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StoreError(f"{path} cannot be used: {error}; look at the disk's space and who may write there") from error
    except sqlite3.Error as error:
        raise StoreError(f"{path} is damaged: {error}; move it away to begin anew") from error
    except OSError as error:
        raise StoreError(f"{path} cannot be used: {error.strerror}; the folder's group must be able to") from error


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Let one process at a time open files of a folder: of two that make one at once, SQLite would refuse the other."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def migrate(connection: sqlite3.Connection, path: Path, migrations: Migrations) -> None:
    """Bring a file up to date, whole or not at all. Raises StateError if a newer program has written it."""
    if _known_version(connection, path, migrations) == len(migrations):
        return
    with _transaction(connection):
        version = _known_version(connection, path, migrations)
        for statement in (statement for migration in migrations[version:] for statement in migration):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(migrations)}")


def _known_version(connection: sqlite3.Connection, path: Path, migrations: Migrations) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > len(migrations):
        raise StateError(
            f"{path} was written by a newer mastodon-exporter (version {version} of the file, {len(migrations)} is"
            f" known here): install that one again, or move the file away to begin anew"
        )
    return version
