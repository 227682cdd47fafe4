"""Ranges of ids that were seen to: none overlaps another, and neighbours that one run found are one."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace

from exporter.ledger.run_tables import RunTables

FOR_GOOD = 0
"""Stands for a run where ranges outlive the run that found them."""

_LISTED = """
    SELECT after, last, read_timestamp_seconds, acls FROM media_ranges
    WHERE run = ? AND destination = ? AND class = ? AND part = ? ORDER BY last
"""
_FROM_HERE_ON = """
    SELECT after, last, read_timestamp_seconds, acls, found_by FROM media_ranges
    WHERE run = ? AND destination = ? AND class = ? AND part = ? AND last >= ? ORDER BY last
"""
_TAKEN_OUT = "DELETE FROM media_ranges WHERE run = ? AND destination = ? AND class = ? AND part = ? AND last = ?"
_PUT_IN = """
    INSERT INTO media_ranges (run, destination, class, part, after, last, read_timestamp_seconds, acls, found_by)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a range of ids is a range of. `destination` tells stores apart; `part` is local, remote, or all."""

    destination: str
    media_class: str
    part: str


@dataclass(frozen=True, slots=True)
class IdRange:
    """The rows with `after` < id <= `last`; the rows as they were when they were read, by the database's clock.

    `acls` names those under which their objects were written; those of other ranges may lie under others.
    """

    after: int
    last: int
    read_timestamp_seconds: float
    acls: str = ""


@dataclass(frozen=True, slots=True)
class _Found:
    ids: IdRange
    found_by: int


def listed(connection: sqlite3.Connection, run: int, scope: Scope) -> tuple[IdRange, ...]:
    """Return what a run has seen to of a scope, or what is known FOR_GOOD, in the order of ids."""
    return tuple(IdRange(*row) for row in connection.execute(_LISTED, (run, *_columns(scope))))


def cover(tables: RunTables, run: int, scope: Scope, ids: IdRange) -> None:
    """Add a range, in the place of what other runs have found; it takes in what this one found just beside it.

    That is so where both lie under the same ACLs.
    A range that took others in is as old as the oldest. Those of other runs keep their own time for what is left of
    them: else a look at every row would bring nothing up to date before it has come to the last.
    """
    if ids.after >= ids.last:
        return
    place = (run, *_columns(scope))
    for old in list(_touching(tables.connection, place, ids)):
        tables.connection.execute(_TAKEN_OUT, (*place, old.ids.last))
        if old.found_by == tables.run and old.ids.acls == ids.acls:
            ids = _union(ids, old.ids)
        else:
            _put_in(tables.connection, place, *_left_of(old, ids))
    _put_in(tables.connection, place, _Found(ids, tables.run))


def _touching(connection: sqlite3.Connection, place: tuple[int | str, ...], ids: IdRange) -> Iterator[_Found]:
    for *columns, found_by in connection.execute(_FROM_HERE_ON, (*place, ids.after)):
        old = IdRange(*columns)
        if old.after > ids.last:
            return
        yield _Found(old, found_by)


def _left_of(old: _Found, ids: IdRange) -> Iterator[_Found]:
    """Yield what a range of another run still tells beside a new one."""
    if old.ids.after < ids.after:
        yield replace(old, ids=replace(old.ids, last=ids.after))
    if ids.last < old.ids.last:
        yield replace(old, ids=replace(old.ids, after=ids.last))


def _union(one: IdRange, other: IdRange) -> IdRange:
    return IdRange(
        min(one.after, other.after),
        max(one.last, other.last),
        min(one.read_timestamp_seconds, other.read_timestamp_seconds),
        one.acls,
    )


def _put_in(connection: sqlite3.Connection, place: tuple[int | str, ...], *ranges: _Found) -> None:
    connection.executemany(_PUT_IN, [(*place, *_columns_of(one.ids), one.found_by) for one in ranges])


def _columns_of(ids: IdRange) -> tuple[int, int, float, str]:
    return ids.after, ids.last, ids.read_timestamp_seconds, ids.acls


def _columns(scope: Scope) -> tuple[str, str, str]:
    return scope.destination, scope.media_class, scope.part
