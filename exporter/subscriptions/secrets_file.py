"""The file of secrets: every attempt that is not settled, and what a run has told. Nobody else may read it.

It is written before the database is, so that a run that was killed at any instant can be settled by the next one.
"""

import os
import sqlite3
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import astuple
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from exporter.errors import StoreError
from exporter.ledger import ResubscribeResult
from exporter.sqlite_file import SqliteFile
from exporter.subscriptions.attempt import AccountResult, Attempt, Stage

SECRETS_NAME = "subscription-secrets.sqlite3"
SECRETS_MODE = 0o600

_VERSION_1 = (
    """
    CREATE TABLE attempts (
        server TEXT NOT NULL,
        attempt_id TEXT NOT NULL,
        run_id TEXT NOT NULL,
        account_id INTEGER NOT NULL,
        hub_url TEXT NOT NULL,
        old_secret TEXT NOT NULL,
        new_secret TEXT NOT NULL,
        old_expiry TEXT,
        started TEXT NOT NULL,
        stage TEXT NOT NULL,
        may_be_known INTEGER NOT NULL,
        result TEXT,
        detail TEXT,
        PRIMARY KEY (server, account_id)
    )
    """,
    """
    CREATE TABLE runs (
        run_id TEXT PRIMARY KEY,
        server TEXT NOT NULL,
        selection TEXT NOT NULL,
        started_timestamp_seconds REAL NOT NULL,
        is_finished INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE results (
        run_id TEXT NOT NULL,
        account_id INTEGER NOT NULL,
        result TEXT NOT NULL,
        detail TEXT NOT NULL,
        PRIMARY KEY (run_id, account_id)
    ) WITHOUT ROWID
    """,
)
MIGRATIONS = (_VERSION_1,)
"""What makes version n of the file out of version n - 1, one after the other. Versions in use never change."""

_RESULT_QUERY = "INSERT OR REPLACE INTO results (run_id, account_id, result, detail) VALUES (?, ?, ?, ?)"


class SecretsFile:
    """The file, open; one run at a time has it, with all its threads. Every method raises StoreError.

    Several servers may share a file, each with account ids of its own: all attempts are those of `server`, a name
    that no other database has (see server_name).
    """

    def __init__(self, file: SqliteFile, server: str) -> None:
        self.file = file
        self.server = server

    @classmethod
    def open(cls, folder: Path, server: str) -> Self:
        """Return the file of a state folder, made if need be, for its owner alone."""
        file = SqliteFile.open(folder / SECRETS_NAME, MIGRATIONS, _make_private_file)
        with file.writing() as connection:
            connection.execute("PRAGMA secure_delete = ON")
        return cls(file, server)

    def close(self) -> None:
        """Let go of the file."""
        self.file.close()

    def write(self, attempt: Attempt) -> None:
        """Write an attempt down, in place of what was known of its account's last one."""
        with self.file.writing() as connection:
            self._write(connection, attempt)

    def of_account(self, account_id: int) -> Attempt | None:
        """Return the attempt on an account that is not settled yet, or None."""
        found = self._attempts("account_id = ?", account_id)
        return found[0] if found else None

    def unsettled(self) -> list[Attempt]:
        """Return the attempts of which nothing has been told yet, those of runs that were killed."""
        return self._attempts("stage <> ?", Stage.KEPT)

    def kept(self) -> list[Attempt]:
        """Return the attempts that were told, whose secrets are kept for a hub that verifies late."""
        return self._attempts("stage = ?", Stage.KEPT)

    def count(self) -> int:
        """Return the number of attempts that are not settled yet."""
        with self.file.writing() as connection:
            query = "SELECT count(*) FROM attempts WHERE server = ?"
            return int(connection.execute(query, (self.server,)).fetchone()[0])

    def of_others(self) -> Mapping[str, int]:
        """Return how many attempts are not settled yet on each other server whose state folder this is too."""
        query = "SELECT server, count(*) FROM attempts WHERE server <> ? GROUP BY server ORDER BY server"
        with self.file.writing() as connection:
            return dict(connection.execute(query, (self.server,)).fetchall())

    def settle(self, attempt: Attempt, result: AccountResult | None, *, keep: bool) -> None:
        """Note what became of an attempt's account, and forget the attempt's secrets or keep them, in one step."""
        with self.file.writing() as connection:
            if keep:
                self._write(connection, attempt.reached(Stage.KEPT))
            else:
                query = "DELETE FROM attempts WHERE server = ? AND account_id = ?"
                connection.execute(query, (self.server, attempt.account_id))
            if result is not None:
                connection.execute(_RESULT_QUERY, (attempt.run_id, *_columns(result)))

    def note(self, run_id: str, results: Iterable[AccountResult]) -> None:
        """Note what became of accounts that were not asked."""
        with self.file.writing() as connection:
            connection.executemany(_RESULT_QUERY, [(run_id, *_columns(result)) for result in results])

    def _attempts(self, condition: str, value: object) -> list[Attempt]:
        query = f"SELECT * FROM attempts WHERE server = ? AND {condition} ORDER BY account_id"  # noqa: S608 - our own
        with self.file.writing() as connection:
            return [_attempt(row) for _, *row in connection.execute(query, (self.server, value))]

    def _write(self, connection: sqlite3.Connection, attempt: Attempt) -> None:
        row = (self.server, *_attempt_columns(attempt))
        query = f"INSERT OR REPLACE INTO attempts VALUES ({', '.join('?' * len(row))})"  # noqa: S608 - marks
        connection.execute(query, row)


def _make_private_file(path: Path) -> None:
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, SECRETS_MODE))
    status = path.stat()
    if status.st_uid != os.geteuid():
        raise StoreError(f"{path} belongs to another user, who alone may read it: run this as that user")
    if stat.S_IMODE(status.st_mode) != SECRETS_MODE:
        path.chmod(SECRETS_MODE)


def _attempt_columns(attempt: Attempt) -> tuple[Any, ...]:
    decided = attempt.decided
    told = (decided.result, decided.detail) if decided else (None, None)
    old_expiry = attempt.old_expiry.isoformat() if attempt.old_expiry else None
    return (
        *(attempt.attempt_id, attempt.run_id, attempt.account_id, attempt.hub_url, attempt.old_secret),
        *(attempt.new_secret, old_expiry, attempt.started.isoformat(), attempt.stage, attempt.may_be_known, *told),
    )


def _attempt(row: Sequence[Any]) -> Attempt:
    attempt_id, run_id, account_id, hub_url, old_secret, new_secret, old_expiry, started, *progress = row
    stage, may_be_known, result, detail = progress
    return Attempt(
        attempt_id,
        run_id,
        account_id,
        hub_url,
        old_secret,
        new_secret,
        datetime.fromisoformat(old_expiry) if old_expiry else None,
        datetime.fromisoformat(started),
        Stage(stage),
        bool(may_be_known),
        AccountResult(account_id, ResubscribeResult(result), detail) if result else None,
    )


def _columns(result: AccountResult) -> Iterator[Any]:
    return iter(astuple(result))
