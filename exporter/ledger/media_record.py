"""What has been moved so far, by ranges of ids; what could not be, one by one."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from exporter.ledger import media_hidden, media_ranges, media_troubles
from exporter.ledger.job import Job
from exporter.ledger.media_ranges import IdRange, Scope
from exporter.ledger.media_troubles import Asked, Trouble
from exporter.ledger.names import MEDIA_SYNC_BYTES, MEDIA_SYNC_OBJECTS, MediaResult
from exporter.ledger.record import Series
from exporter.ledger.run_tables import RunTables
from exporter.ledger.schema import LEDGER_NAME, MIGRATIONS, has_media
from exporter.sqlite_file import SqliteFile, reading

__all__ = ["Asked", "IdRange", "MediaRecord", "MediaRun", "RangeResult", "Scope", "Trouble"]

_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class RangeResult:
    """What became of the rows of one page, or of objects in trouble that were tried again.

    `page` are the rows that this run need not look at again, `finished` those of which the destination now has all
    that there is: the same, or None where the page was only a part (`--since`, `--limit`). Both are None for objects
    that were tried again, and `rows` is 0.

    `objects` counts by result. `healed` are keys that are in trouble no more: they are where they should be, or gone.
    Of `finished` rows all `troubles` are told; what else was known of them is forgotten. `hidden` are keys that
    were given an ACL by which nobody may read them, `shown` those that were hidden once and are no more.
    """

    scope: Scope
    rows: int
    objects: Mapping[str, int] = field(default_factory=dict)
    size_bytes: int = 0
    page: IdRange | None = None
    finished: IdRange | None = None
    troubles: tuple[Trouble, ...] = ()
    healed: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()


@dataclass(frozen=True)
class MediaRecord:
    """What the ledger of a state folder tells of destinations, as last committed; nothing where there is no ledger.

    Any thread may use it while another writes. Every method raises StateError where the ledger cannot be used.
    """

    folder: Path

    def finished(self, scope: Scope) -> tuple[IdRange, ...]:
        """Return which rows were seen to, in the order of ids, none twice: save troubles, their objects are there."""
        with self._reading() as connection:
            return media_ranges.listed(connection, media_ranges.FOR_GOOD, scope) if connection else ()

    def troubles(self, asked: Asked) -> Iterator[Trouble]:
        """Yield what is in trouble, by class, record and key, each as it is when it is reached; memory is bounded."""
        last: Trouble | None = None
        while batch := self._batch(asked, last):
            yield from batch
            last = batch[-1]

    def destinations(self) -> tuple[str, ...]:
        """Return those that have troubles, in the order of names."""
        with self._reading() as connection:
            return media_troubles.destinations(connection) if connection else ()

    def troubles_of(self, destination: str, keys: Iterable[str]) -> Mapping[str, Trouble]:
        """Return by key those of some objects that are in trouble."""
        with self._reading() as connection:
            if connection is None:
                return {}
            found = (media_troubles.found(connection, destination, key) for key in keys)
            return {one.key: one for one in found if one is not None}

    def hidden_of(self, destination: str, keys: Iterable[str]) -> frozenset[str]:
        """Return those of some keys that were given an ACL by which nobody may read them."""
        with self._reading() as connection:
            return media_hidden.found(connection, destination, keys) if connection else frozenset()

    def reopen(self, destination: str, troubles: Iterable[Trouble]) -> None:
        """Have the next run see to objects that the destination has not, or has wrong, though they were seen to.

        What is known to be missing stays so. A ledger is made if need be.
        """
        remaining = iter(troubles)
        with closing(SqliteFile.open(self.folder / LEDGER_NAME, MIGRATIONS)) as file:
            while batch := tuple(islice(remaining, _AT_ONCE)):
                with file.writing() as connection:
                    media_troubles.reopen(connection, destination, batch)

    def _batch(self, asked: Asked, last: Trouble | None) -> Sequence[Trouble]:
        with self._reading() as connection:
            return media_troubles.listed(connection, asked, last, _AT_ONCE) if connection else ()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        with reading(self.folder / LEDGER_NAME, MIGRATIONS) as connection:
            yield connection if connection and has_media(connection) else None


@dataclass(frozen=True)
class MediaRun:
    """What a run of the media sync writes down.

    Any thread may use it. Each method raises StoreError, having written nothing, where the ledger cannot be written.
    """

    job: Job

    def done(self, scope: Scope) -> tuple[IdRange, ...]:
        """Return which rows this run has counted already, in the order of ids: some, where it is carried on."""
        with self.job.writing() as tables:
            return media_ranges.listed(tables.connection, tables.run, scope)

    def set_rows(self, rows: Mapping[str, int]) -> None:
        """Say how many rows there are of each class, those included that this run has counted already."""
        with self.job.writing() as tables:
            for media_class, count in rows.items():
                tables.expect(media_class, count)

    def forget_beyond(self, scope: Scope) -> None:
        """Drop what is in trouble of rows behind the last that this run has seen to; it must have seen to all."""
        with self.job.writing() as tables:
            seen = media_ranges.listed(tables.connection, tables.run, scope)
            media_troubles.forget_rows(tables, scope, after=seen[-1].last if seen else media_troubles.LOWEST_ID)

    def write(self, results: Sequence[RangeResult]) -> None:
        """Write down what became of pages, all of them or none: their rows, their counts, what is in trouble.

        An object that this run has counted before, as one in trouble, is counted as what became of it now instead.
        """
        with self.job.writing() as tables:
            for result in results:
                _write(tables, result)


def _write(tables: RunTables, result: RangeResult) -> None:
    scope = result.scope
    keys = (*result.healed, *(one.key for one in result.troubles))
    told_before = media_troubles.forget(tables, scope.destination, keys)
    if result.finished:
        media_troubles.forget_rows(tables, scope, result.finished.after, result.finished.last)
    media_troubles.add(tables, scope, result.troubles)
    media_hidden.add(tables, scope.destination, result.hidden)
    media_hidden.forget(tables, scope.destination, result.shown)
    for name in MediaResult:
        series = Series(MEDIA_SYNC_OBJECTS, (scope.media_class, name))
        tables.recount(series, result.objects.get(name, 0), told_before[name])
    if result.size_bytes:
        tables.count(Series(MEDIA_SYNC_BYTES, (scope.media_class,)), result.size_bytes)
    tables.advance(scope.media_class, result.rows)
    if result.page:
        media_ranges.cover(tables, tables.run, scope, result.page)
    if result.finished:
        media_ranges.cover(tables, media_ranges.FOR_GOOD, scope, result.finished)
