"""The rows of one class in the order of their ids, so that no statement looks at many of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from psycopg2.extensions import cursor

from exporter.ledger.media_record import IdRange
from exporter.mastodon.attachments import MediaClass
from exporter.mastodon.broken_connection import outlast
from exporter.mastodon.database import Database
from exporter.mastodon.media_rows import WITH_LOCAL, WITH_REMOTE, MediaTable

PAGE_ROWS = 200
LARGEST_WINDOW_ROWS = 20_000
"""How many rows one statement looks at, where few of them are wanted."""

BEFORE_ALL_IDS = 1 - 2**63
"""Ids may be negative: the instance actor has -99. The number before this one is no bigint to PostgreSQL's grammar."""

_BOUNDS = """
SELECT count(*), max(id), extract(epoch FROM now())::float8
FROM (SELECT id FROM {table} WHERE id > %(after)s ORDER BY id LIMIT %(limit)s) AS ids
"""
_ROWS = """
SELECT {selected} FROM {relations} WHERE {conditions} ORDER BY {id} LIMIT %(limit)s
"""
_COUNT = """
SELECT count(*), sum({size}) FROM {relations} WHERE {conditions}
"""

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Wanted:
    """Which rows of a class are wanted: with a file, of a part (`is_remote` None: both), changed since then (UTC)."""

    is_remote: bool | None = None
    since: datetime | None = None

    def may_be_in(self, media_class: MediaClass) -> bool:
        """Tell whether a class can have such rows."""
        return self.is_remote is None or media_class in (WITH_REMOTE if self.is_remote else WITH_LOCAL)


@dataclass(frozen=True)
class Window:
    """The wanted rows among some ids, at most PAGE_ROWS of them, perhaps none."""

    ids: IdRange
    rows: Sequence[Row]


@dataclass(frozen=True)
class _Bounds:
    rows: int
    ids: IdRange


class IdWindows:
    """The rows of one class. Every method raises DatabaseError, once the database is away for long."""

    def __init__(self, database: Database, table: MediaTable, wanted: Wanted) -> None:
        self._database = database
        self._table = table
        self._since = wanted.since
        self._conditions = " AND ".join(_conditions(table, wanted))

    def windows(self) -> Iterator[Window]:
        """Yield windows without gaps, from the first id to the last there is when it is reached."""
        after, size = BEFORE_ALL_IDS, PAGE_ROWS
        while window_and_size := outlast(partial(self._window, after, size)):
            window, size = window_and_size
            yield window
            after = window.ids.last

    def total(self) -> tuple[int, int]:
        """Return how many rows are wanted, and how many bytes their originals have as far as it is told."""
        after, rows, size_bytes = BEFORE_ALL_IDS, 0, 0
        while counted := outlast(partial(self._count, after)):
            after, more_rows, more_bytes = counted
            rows, size_bytes = rows + more_rows, size_bytes + more_bytes
        return rows, size_bytes

    def row(self, record_id: int) -> Row | None:
        """Return one row as it is now, whether it is wanted or not."""
        return outlast(partial(self._row, record_id))

    def _window(self, after: int, size: int) -> tuple[Window, int] | None:
        """Return what follows an id, and how many ids to look at next so that about a page of rows is wanted."""
        with self._database.reading() as reading:
            bounds = self._bounds(reading, after, size)
            if bounds is None:
                return None
            reading.execute(self._statement(_ROWS, self._conditions), self._parameters(bounds.ids))
            rows = reading.fetchall()
        if len(rows) < PAGE_ROWS:
            fitting = PAGE_ROWS * bounds.rows // max(1, len(rows))
            return Window(bounds.ids, rows), min(max(fitting, PAGE_ROWS), LARGEST_WINDOW_ROWS)
        reached = IdRange(after, rows[-1][0], bounds.ids.read_timestamp_seconds)
        return Window(reached, rows), max(size * 3 // 4, PAGE_ROWS)

    def _count(self, after: int) -> tuple[int, int, int] | None:
        with self._database.reading() as reading:
            bounds = self._bounds(reading, after, LARGEST_WINDOW_ROWS)
            if bounds is None:
                return None
            reading.execute(self._statement(_COUNT, self._conditions), self._parameters(bounds.ids))
            ((rows, size_bytes),) = reading.fetchall()
        return bounds.ids.last, rows, int(size_bytes or 0)

    def _row(self, record_id: int) -> Row | None:
        with self._database.reading() as reading:
            reading.execute(self._statement(_ROWS, f"{self._table.id} = %(id)s"), {"id": record_id, "limit": 1})
            return next(iter(reading.fetchall()), None)

    def _bounds(self, reading: cursor, after: int, size: int) -> _Bounds | None:
        reading.execute(_BOUNDS.format(table=self._table.name), {"after": after, "limit": size})
        ((rows, last, now_seconds),) = reading.fetchall()
        return _Bounds(rows, IdRange(after, last, now_seconds)) if rows else None

    def _statement(self, form: str, conditions: str) -> str:
        table = self._table
        return form.format(
            selected=table.selected,
            relations=table.relations,
            size=table.size_bytes,
            id=table.id,
            conditions=conditions,
        )

    def _parameters(self, ids: IdRange) -> Mapping[str, object]:
        return {"after": ids.after, "last": ids.last, "since": self._since, "limit": PAGE_ROWS}


def _conditions(table: MediaTable, wanted: Wanted) -> Iterator[str]:
    yield f"{table.id} > %(after)s AND {table.id} <= %(last)s"
    yield table.has_file
    if wanted.is_remote is not None:
        yield table.is_remote if wanted.is_remote else f"NOT ({table.is_remote})"
    if wanted.since is not None:
        yield f"{table.changed_at} >= %(since)s"
