"""Transactions that are tried again while the connection to the database is broken: a restart ends no run."""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

import psycopg2
from psycopg2.errors import QueryCanceled

from exporter.errors import DatabaseError

PATIENCE_SECONDS = 60.0
PAUSE_SECONDS = 1.0

_Result = TypeVar("_Result")
_log = logging.getLogger(__name__)


def outlast(
    transaction: Callable[[], _Result],
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> _Result:
    """Return what a transaction returns, begun anew for about a minute while its connection breaks or cannot be opened.

    A transaction that broke while it was committed may be done twice. Raises the last DatabaseError; any other at once.
    """
    ends_seconds = clock() + PATIENCE_SECONDS
    while True:
        try:
            return transaction()
        except DatabaseError as error:
            if not _is_broken_connection(error) or clock() >= ends_seconds:
                raise
            _log.warning("the database is away, and is tried again", extra={"error": str(error)})
        sleep(PAUSE_SECONDS)


def _is_broken_connection(error: DatabaseError) -> bool:
    cause = error.__context__
    return isinstance(cause, psycopg2.OperationalError | psycopg2.InterfaceError) and not isinstance(
        cause, QueryCanceled
    )
