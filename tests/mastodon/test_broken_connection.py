"""Transactions while the database is away."""

import psycopg2
import pytest
from psycopg2.errors import InsufficientPrivilege, QueryCanceled

from exporter.errors import DatabaseError
from exporter.mastodon.broken_connection import PATIENCE_SECONDS, outlast


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


class Transaction:
    """Fails with each of these in turn, and then comes about."""

    def __init__(self, *causes: type[psycopg2.Error]) -> None:
        self.causes = list(causes)
        self.times = 0

    def __call__(self) -> str:
        self.times += 1
        if not self.causes:
            return "done"
        try:
            raise self.causes.pop(0)("gone")
        except psycopg2.Error:
            raise DatabaseError("the database failed") from None


def test_a_connection_that_breaks_or_cannot_be_opened_is_outlasted() -> None:
    transaction, clock = Transaction(psycopg2.OperationalError, psycopg2.InterfaceError), Clock()
    assert outlast(transaction, clock, clock.sleep) == "done"
    assert transaction.times == 3


@pytest.mark.parametrize("cause", [InsufficientPrivilege, QueryCanceled])
def test_what_the_database_itself_says_is_told_at_once(cause: type[psycopg2.Error]) -> None:
    transaction, clock = Transaction(cause), Clock()
    with pytest.raises(DatabaseError):
        outlast(transaction, clock, clock.sleep)
    assert (transaction.times, clock.seconds) == (1, 0.0)


def test_patience_ends_after_a_minute() -> None:
    transaction, clock = Transaction(*[psycopg2.OperationalError] * 1000), Clock()
    with pytest.raises(DatabaseError):
        outlast(transaction, clock, clock.sleep)
    assert clock.seconds == PATIENCE_SECONDS
