"""Objects that were given an ACL by which nobody may read them: should they be public one day, that is changed."""

import sqlite3
from collections.abc import Iterable

from exporter.ledger.run_tables import RunTables

_FOUND = "SELECT 1 FROM media_hidden WHERE destination = ? AND key = ?"
_ADDED = "INSERT OR IGNORE INTO media_hidden (destination, key) VALUES (?, ?)"
_TAKEN_OUT = "DELETE FROM media_hidden WHERE destination = ? AND key = ?"


def found(connection: sqlite3.Connection, destination: str, keys: Iterable[str]) -> frozenset[str]:
    """Return those of some keys that are hidden at a destination."""
    return frozenset(key for key in keys if connection.execute(_FOUND, (destination, _stored(key))).fetchone())


def add(tables: RunTables, destination: str, keys: Iterable[str]) -> None:
    """Write down what is hidden now."""
    tables.connection.executemany(_ADDED, [(destination, _stored(key)) for key in keys])


def forget(tables: RunTables, destination: str, keys: Iterable[str]) -> None:
    """Drop what is hidden no more; unknown keys are let be."""
    tables.connection.executemany(_TAKEN_OUT, [(destination, _stored(key)) for key in keys])


def _stored(key: str) -> bytes:
    return key.encode(errors="surrogateescape")
