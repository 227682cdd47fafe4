"""Mastodon's PostgreSQL database: one connection, short transactions, and errors as sentences.

It works through PgBouncer in transaction mode too: whatever is set is set for one transaction. No message holds
a password, nor anything else of a URL that cannot be read.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

import psycopg2
from psycopg2.errors import FeatureNotSupported, InsufficientPrivilege, QueryCanceled, ReadOnlySqlTransaction
from psycopg2.extensions import connection, cursor

from exporter.config import DatabaseSettings
from exporter.errors import DatabaseError
from exporter.mastodon.database_address import connection_parameters
from exporter.mastodon.database_connection import Silence, connect

CONNECT_TIMEOUT_SECONDS = 5
STATEMENT_TIMEOUT_SECONDS = 10.0
SILENCE_SECONDS = 5.0  # beyond a statement's time-out, which the server itself sees to
LONGEST_MESSAGE = 300

_FOR_ONE_TRANSACTION = "SET LOCAL statement_timeout = %s; SET LOCAL TIME ZONE 'UTC'"

_SESSION: Mapping[str, int] = {
    # A machine that is gone is noticed within 20 s.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 20_000,  # milliseconds
}


class Database:
    """Opens its connection when it is first needed, and anew once it broke.

    One transaction at a time: a second thread waits for it, and a block must not begin another.

    `application` is what pg_stat_activity shows. Each address has `connect_timeout_seconds` (libpq's least is 2) to
    answer, unless the URL says otherwise. Every method raises DatabaseError, EnvFileError included.
    """

    def __init__(
        self,
        settings: DatabaseSettings,
        application: str,
        statement_timeout_seconds: float = STATEMENT_TIMEOUT_SECONDS,
        connect_timeout_seconds: int = CONNECT_TIMEOUT_SECONDS,
    ) -> None:
        self._settings = settings
        self._application = application
        self._timeout_milliseconds = max(1, int(statement_timeout_seconds * 1000))  # 0 would be none
        self._silence_seconds = statement_timeout_seconds + SILENCE_SECONDS
        self._connect_timeout_seconds = connect_timeout_seconds
        self._connection: connection | None = None
        self._is_closing = False
        self._lock = threading.Lock()

    @contextmanager
    def reading(self) -> Iterator[cursor]:
        """Give a cursor in a transaction that cannot write, at one state of the database."""
        with self._transaction("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY") as cursor:
            yield cursor

    @contextmanager
    def writing(self) -> Iterator[cursor]:
        """Give a cursor in a transaction that is committed at the end of the block, and undone by an exception."""
        with self._transaction("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE") as cursor:
            yield cursor

    def close(self) -> None:
        """Close the connection, if there is one, at once or with the transaction under way; a later one opens another.

        It never waits, for a transaction may hang with its server.
        """
        self._is_closing = True
        if self._lock.acquire(blocking=False):
            try:
                self._disconnect()
            finally:
                self._lock.release()

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[cursor]:
        with self._lock:
            self._is_closing = False
            begun = self._begin(begin)
            try:
                yield begun
                self._commit(begun)
            except psycopg2.Error as error:
                self._roll_back(begun)
                # Not chained: what follows its first line may quote rows, secrets too.
                raise _in_words(error) from None
            except BaseException:
                self._roll_back(begun)
                raise
            finally:
                begun.close()
                if self._is_closing:
                    self._disconnect()

    def _begin(self, begin: str) -> cursor:
        # It may have broken while nobody used it (a restart of the server, an idle limit): then it is opened anew.
        if self._connection is not None:
            try:
                return self._begun(self._connection, begin)
            except Silence as error:
                self._disconnect()
                raise _in_words(error) from None  # asking again would take as long again
            except psycopg2.Error:
                self._disconnect()
        self._connection = self._connect()
        try:
            return self._begun(self._connection, begin)
        except psycopg2.Error as error:
            self._disconnect()
            raise _in_words(error) from None

    def _begun(self, opened: connection, begin: str) -> cursor:
        begun = opened.cursor()
        begun.execute(f"{begin}; {_FOR_ONE_TRANSACTION}", (self._timeout_milliseconds,))
        return begun

    def _commit(self, begun: cursor) -> None:
        begun.execute("COMMIT")
        # PostgreSQL takes a COMMIT after a failed statement for a ROLLBACK, and calls it no error.
        if begun.statusmessage != "COMMIT":
            raise DatabaseError("the database has undone the transaction, for one of its statements had failed")

    def _roll_back(self, begun: cursor) -> None:
        try:
            begun.execute("ROLLBACK")
        except psycopg2.Error:
            self._disconnect()

    def _disconnect(self) -> None:
        opened, self._connection = self._connection, None
        if opened is not None:
            with suppress(psycopg2.Error):
                opened.close()

    def _connect(self) -> connection:
        told = connection_parameters(self._settings)
        ours = {"connect_timeout": self._connect_timeout_seconds}
        parameters: dict[str, str | int] = {**_SESSION, **ours, **told, "application_name": self._application}
        try:
            return connect(parameters, self._silence_seconds)
        except psycopg2.Error as error:
            raise DatabaseError(f"the database cannot be used: {_first_line(error)}") from None


def _in_words(error: psycopg2.Error) -> DatabaseError:
    said = _first_line(error)
    if isinstance(error, Silence):
        return DatabaseError(
            f"the database is silent: {said}; look whether PostgreSQL, PgBouncer or the network to it is held up"
        )
    if isinstance(error, InsufficientPrivilege):
        return DatabaseError(
            f"the database role may not do this: {said}; docs/database.md has the statement to grant it"
        )
    if isinstance(error, ReadOnlySqlTransaction | FeatureNotSupported):
        return DatabaseError(f"the database cannot be written to; if it is a replica, configure the primary: {said}")
    if isinstance(error, QueryCanceled):
        return DatabaseError(f"the database took too long: {said}")
    return DatabaseError(f"the database failed: {said}")


def _first_line(error: psycopg2.Error) -> str:
    lines = [line.strip() for line in str(error).splitlines()]
    return next(filter(None, lines), type(error).__name__)[:LONGEST_MESSAGE]
