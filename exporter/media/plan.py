"""Which rows are to be looked at: in pages by id, one class after the other, with the total known beforehand."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property

from exporter.ledger.media_record import IdRange
from exporter.mastodon.attachments import Attachment, MediaClass
from exporter.mastodon.broken_connection import outlast
from exporter.mastodon.database import Database
from exporter.mastodon.media_rows import MediaTable, media_classes
from exporter.mastodon.media_rules import MediaRules, read_rules
from exporter.mastodon.shape import Shape
from exporter.media.id_windows import IdWindows, Wanted, Window


class Part(StrEnum):
    """Whose media: those of this server, copies of other servers', or both."""

    ALL = "all"
    LOCAL = "local"
    REMOTE = "remote"


@dataclass(frozen=True)
class Filters:
    """Which rows are wanted; `classes` empty: every class that the database has.

    `since`: only rows with a file that was written or hidden from then on; without a zone it is UTC. `offset` and
    `limit` count rows over all classes, in the order of the plan.
    """

    classes: frozenset[MediaClass] = frozenset()
    part: Part = Part.ALL
    since: datetime | None = None
    limit: int | None = None
    offset: int = 0

    @property
    def is_of_all_rows(self) -> bool:
        """Whether every row of its classes and part is wanted."""
        return self.since is None and self.limit is None and not self.offset


@dataclass(frozen=True)
class Census:
    """How many rows a class has, and how large their originals are as far as the database tells.

    `size_bytes` None: only some of the rows are wanted (`limit`, `offset`).
    """

    rows: int
    size_bytes: int | None


@dataclass(frozen=True)
class Page:
    """Some rows with files, by id; all files of a row are in one page.

    `finished`: the ids that are done once this page is; None where `since` leaves rows of them out.
    """

    media_class: MediaClass
    part: Part
    ids: IdRange
    rows: int
    attachments: tuple[Attachment, ...]
    finished: IdRange | None


class Plan:
    """The rows of a database that some filters want.

    Any thread may use it. Transactions are short, and a database that is away for less than a minute is waited for;
    then every method raises DatabaseError.
    """

    def __init__(self, database: Database, shape: Shape, filters: Filters) -> None:
        self._database = database
        self._shape = shape
        self._filters = filters
        self._wanted = Wanted(_is_remote(filters.part), _as_rails_keeps_it(filters.since))

    @property
    def classes(self) -> tuple[MediaClass, ...]:
        """The classes that are looked at, in their order."""
        wanted = self._filters.classes or frozenset(MediaClass)
        return tuple(one for one in media_classes(self._shape) if one in wanted and self._wanted.may_be_in(one))

    def totals(self) -> Mapping[MediaClass, int]:
        """Return how many rows `pages` yields of each class, unless some come or go meanwhile."""
        return {media_class: census.rows for media_class, census in self.census().items()}

    def census(self) -> Mapping[MediaClass, Census]:
        """Return what there is of each class; it counts all rows, in short statements."""
        cut = _Cut(self._filters)
        return {one: cut.census(*self._rows_of(one).total()) for one in self.classes}

    def pages(self) -> Iterator[Page]:
        """Yield all rows, about 200 at a time; of those that come or go meanwhile some."""
        cut = _Cut(self._filters)
        for media_class in self.classes:
            if cut.is_done:
                return
            table = self._tables[media_class]
            for window in _without_empty(map(cut.window, self._rows_of(media_class).windows())):
                yield self._page(table, window)
                if cut.is_done:
                    return

    def reread(self, attachment: Attachment) -> Attachment | None:
        """Return a file as it is in the database now; None where it is gone."""
        table = self._tables[attachment.media_class]
        row = self._rows_of(attachment.media_class).row(attachment.record_id)
        found = table.attachments(row) if row else ()
        return next((one for one in found if one.name == attachment.name), None)

    def _page(self, table: MediaTable, window: Window) -> Page:
        attachments = tuple(one for row in window.rows for one in table.attachments(row))
        finished = window.ids if self._filters.since is None else None
        return Page(table.media_class, self._filters.part, window.ids, len(window.rows), attachments, finished)

    def _rows_of(self, media_class: MediaClass) -> IdWindows:
        return IdWindows(self._database, self._tables[media_class], self._wanted)

    @cached_property
    def _tables(self) -> Mapping[MediaClass, MediaTable]:
        rules = outlast(self._rules)
        return {one: MediaTable(self._shape, rules, one) for one in media_classes(self._shape)}

    def _rules(self) -> MediaRules:
        with self._database.reading() as reading:
            return read_rules(reading, self._shape)


class _Cut:
    """What `offset` and `limit` leave of rows that come in order."""

    def __init__(self, filters: Filters) -> None:
        self._skipped = filters.offset
        self._left = filters.limit

    @property
    def is_done(self) -> bool:
        return self._left == 0

    def census(self, rows: int, size_bytes: int) -> Census:
        taken = self._take(rows)
        return Census(taken.stop - taken.start, size_bytes if taken == range(rows) else None)

    def window(self, window: Window) -> Window | None:
        """Return what is left of a window, with the ids that go with it; None where all of its rows are skipped."""
        taken = self._take(len(window.rows))
        if window.rows and not taken:
            return None
        ids = window.ids
        if taken.start:
            ids = replace(ids, after=window.rows[taken.start - 1][0])
        if taken.stop < len(window.rows):
            ids = replace(ids, last=window.rows[taken.stop - 1][0])
        return Window(ids, window.rows[taken.start : taken.stop])

    def _take(self, rows: int) -> range:
        start = min(self._skipped, rows)
        self._skipped -= start
        stop = rows if self._left is None else min(rows, start + self._left)
        if self._left is not None:
            self._left -= stop - start
        return range(start, stop)


def _without_empty(windows: Iterable[Window | None]) -> Iterator[Window]:
    """Yield the windows with rows; the ids of those without go to the one that follows them."""
    before: Window | None = None
    for window in filter(None, windows):
        follows = before is not None and before.ids.last == window.ids.after
        joined = Window(replace(before.ids, last=window.ids.last), window.rows) if before and follows else window
        before = None if joined.rows else joined
        if joined.rows:
            yield joined


def _is_remote(part: Part) -> bool | None:
    return None if part is Part.ALL else part is Part.REMOTE


def _as_rails_keeps_it(moment: datetime | None) -> datetime | None:
    return moment.astimezone(UTC).replace(tzinfo=None) if moment is not None and moment.tzinfo else moment
