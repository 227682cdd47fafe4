"""Objects that are not where they should be, one by one."""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from exporter.ledger.media_ranges import Scope
from exporter.ledger.names import REOPENED, MediaResult
from exporter.ledger.run_tables import RunTables

_COLUMNS = "class, record_id, key, result, domain, detail, is_wrong"
_FORGOTTEN = "DELETE FROM media_troubles WHERE destination = ? AND key = ? RETURNING run, counted"
_ADDED = f"""
    INSERT OR REPLACE INTO media_troubles (destination, {_COLUMNS}, part, run, counted)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""  # noqa: S608 - our own names
_REOPENED = f"""
    INSERT INTO media_troubles (destination, {_COLUMNS}, part, run, counted)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, '', 0, NULL)
    ON CONFLICT (destination, key) DO UPDATE SET is_wrong = excluded.is_wrong,
    result = iif(result = '{MediaResult.MISSING}', result, excluded.result),
    detail = iif(result = '{MediaResult.MISSING}', detail, excluded.detail)
"""  # noqa: S608 - our own names
_VANISHED = """
    DELETE FROM media_troubles WHERE destination = ? AND class = ? AND record_id > ? AND record_id <= ?
    AND ? IN (part, 'all')
"""
_FOUND = f"SELECT {_COLUMNS} FROM media_troubles WHERE destination = ? AND key = ?"  # noqa: S608 - our own names
_LISTED = f"""
    SELECT {_COLUMNS} FROM media_troubles
    WHERE destination = :destination AND (class, record_id, key) > (:class, :record_id, :key)
    AND (:classes = ',' OR instr(:classes, ',' || class || ','))
    AND (:results = ',' OR instr(:results, ',' || result || ','))
    ORDER BY class, record_id, key LIMIT :limit
"""  # noqa: S608 - our own names
LOWEST_ID = -(2**63)
_HIGHEST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Trouble:
    """An object that is not where it should be.

    `result` is missing, failed, or `REOPENED`: found by `media verify` to be absent or wrong at the destination, so
    that it has to be written even where an object of its size is there. `is_wrong`: what lies there under its key is
    not what it should be, so that it is no comfort where the source has it no more.
    """

    media_class: str
    record_id: int
    key: str
    result: str
    domain: str | None = None
    detail: str = ""
    is_wrong: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """Which troubles are asked for: those of a destination, of some classes and results; none named means all."""

    destination: str
    classes: tuple[str, ...] = ()
    results: tuple[str, ...] = ()


def listed(connection: sqlite3.Connection, asked: Asked, last: Trouble | None, limit: int) -> Sequence[Trouble]:
    """Return the next troubles after `last`, by class, record and key."""
    values = {
        "destination": asked.destination,
        "class": last.media_class if last else "",
        "record_id": last.record_id if last else LOWEST_ID,
        "key": _stored(last.key) if last else b"",
        "classes": ",".join(("", *asked.classes, "")),
        "results": ",".join(("", *asked.results, "")),
        "limit": limit,
    }
    return [_trouble(row) for row in connection.execute(_LISTED, values)]


def destinations(connection: sqlite3.Connection) -> tuple[str, ...]:
    """Return the destinations that have troubles."""
    query = "SELECT DISTINCT destination FROM media_troubles ORDER BY destination"
    return tuple(name for (name,) in connection.execute(query))


def found(connection: sqlite3.Connection, destination: str, key: str) -> Trouble | None:
    """Return the trouble of an object, None where it is in none."""
    row = connection.execute(_FOUND, (destination, _stored(key))).fetchone()
    return _trouble(row) if row else None


def add(tables: RunTables, scope: Scope, troubles: Iterable[Trouble]) -> None:
    """Write down what a run has counted as in trouble."""
    rows = ((scope.destination, *_row(one), scope.part, tables.run, one.result) for one in troubles)
    tables.connection.executemany(_ADDED, rows)


def forget(tables: RunTables, destination: str, keys: Iterable[str]) -> Counter[str]:
    """Drop the troubles of some objects; return how many of them this very run has counted, by result."""
    told_before: Counter[str] = Counter()
    for key in keys:
        for run, counted in tables.connection.execute(_FORGOTTEN, (destination, _stored(key))).fetchall():
            told_before[counted] += run == tables.run
    return told_before


def forget_rows(tables: RunTables, scope: Scope, after: int, last: int = _HIGHEST_ID) -> None:
    """Drop what is in trouble of some rows: of rows that are no more, or name other files by now, nobody else tells."""
    tables.connection.execute(_VANISHED, (scope.destination, scope.media_class, after, last, scope.part))


def reopen(connection: sqlite3.Connection, destination: str, troubles: Iterable[Trouble]) -> None:
    """Write down what no run has counted; who was missing at the source stays so."""
    rows = ((destination, *_row(one)[:3], REOPENED, *_row(one)[4:]) for one in troubles)
    connection.executemany(_REOPENED, rows)


def _row(one: Trouble) -> tuple[str | int | bytes | None, ...]:
    domain = None if one.domain is None else _storable(one.domain)
    return one.media_class, one.record_id, _stored(one.key), one.result, domain, _storable(one.detail), one.is_wrong


def _trouble(row: tuple[str, int, bytes, str, str | None, str, int]) -> Trouble:
    media_class, record_id, key, result, domain, detail, is_wrong = row
    return Trouble(media_class, record_id, key.decode(errors="surrogateescape"), result, domain, detail, bool(is_wrong))


def _stored(key: str) -> bytes:
    return key.encode(errors="surrogateescape")


def _storable(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()
