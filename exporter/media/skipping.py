"""Which objects need not be copied: by the ledger, by a listing of the destination, or by asking for each."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from exporter.ledger.media_record import IdRange, Trouble
from exporter.mastodon.attachments import MediaObject
from exporter.media.placing import Placing
from exporter.media.store import Listed

MARGIN_SECONDS = 6 * 3600.0
"""A row that was written so shortly before it was read may have been committed after it; it is looked at anew.

A video bears the time at which its processing began, which takes hours where the queue is long.
"""

Lookup = Callable[[Iterable[str]], Mapping[str, Listed]]
"""Tells of some whole keys what the destination lists under them; those that it has not are left out."""


class SkipBy(StrEnum):
    """What tells which objects are there already."""

    LEDGER = "ledger"
    LIST = "list"
    HEAD = "head"


class Check(StrEnum):
    """What has to be asked before an object is copied."""

    NOTHING = "nothing"
    SIZE = "size"
    """Whether the destination has it, and of the size that it must have."""
    CONTENT = "content"
    """Whether it is the same at both places, as far as that can be told without reading it."""


@dataclass(frozen=True, slots=True)
class Open:
    """An object that may have to be copied. `listed` is what a listing of the destination tells of it.

    `is_access_in_doubt`: even where it need not be copied, others may read it than should.
    `is_wrong`: what the destination has under its key, if no check finds it right, must not stay as it is.
    `is_counted`: the run has counted it before it was cut short.
    """

    media_object: MediaObject
    check: Check = Check.NOTHING
    listed: Listed | None = None
    is_access_in_doubt: bool = False
    is_wrong: bool = False
    is_counted: bool = False


@dataclass(frozen=True)
class PageLook:
    """What is known of the objects of a page before any of them is asked for: how many are there, and the others.

    `hidden` are the keys of those that were hidden when they were seen to the last time.
    """

    present: int
    open: tuple[Open, ...]
    in_trouble: Mapping[str, Trouble] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()

    def with_more(self, other: "PageLook") -> "PageLook":
        """Return this with the objects of another that are not known to be there."""
        in_trouble = {**self.in_trouble, **other.in_trouble}
        return PageLook(self.present, (*self.open, *other.open), in_trouble, self.hidden | other.hidden)


class KnownRanges:
    """The rows of a class that were seen to, with the time of that."""

    def __init__(self, ranges: Sequence[IdRange]) -> None:
        self._ranges = sorted(ranges, key=lambda one: one.last)
        self._lasts = [one.last for one in self._ranges]

    def read_at(self, record_id: int) -> float | None:
        """Return when a row was read; None where it was not."""
        seen = self.range_of(record_id)
        return seen.read_timestamp_seconds if seen else None

    def range_of(self, record_id: int) -> IdRange | None:
        """Return the range that has a row; None where it was not seen to."""
        place = bisect_left(self._lasts, record_id)
        if place == len(self._ranges) or record_id <= self._ranges[place].after:
            return None
        return self._ranges[place]

    def cover(self, ids: IdRange) -> bool:
        """Tell whether all rows of a range were seen to, under the same ACLs."""
        seen = self.range_of(ids.last)
        return seen is not None and seen.after <= ids.after and seen.acls == ids.acls

    def __bool__(self) -> bool:
        return bool(self._ranges)


@dataclass(frozen=True)
class Skipping:
    """How to find out what is there already. Any thread may use it where `listing` allows that.

    `known` gives the ranges of a class by part (local, remote, all); they are believed where `trusts_ledger`. What
    they do not tell is looked up in the `listing`, or asked for one by one where `asks_for_each`, else it is copied.
    `placing` tells where objects are to lie, and who may read them there; `hidden_of` gives those of some keys that
    were hidden when they were seen to the last time.
    """

    placing: Placing
    troubles_of: Callable[[Sequence[str]], Mapping[str, Trouble]]
    hidden_of: Callable[[Sequence[str]], frozenset[str]] = lambda _keys: frozenset()
    known: Mapping[tuple[str, str], KnownRanges] = field(default_factory=dict)
    trusts_ledger: bool = True
    listing: Lookup | None = None
    asks_for_each: bool = False

    def look(self, objects: Sequence[MediaObject]) -> PageLook:
        """Return what is known of the objects of one page. Raises StateError, and MediaStoreError for a listing."""
        if not objects:
            return PageLook(0, ())
        keys = [one.key for one in objects]
        troubles, hidden = self.troubles_of(keys), self.hidden_of(keys)
        listed = self._listed(objects)
        judged = [self._judged(one, troubles.get(one.key), one.key in hidden, listed) for one in objects]
        is_open = tuple(one for one in judged if one is not None)
        return PageLook(len(judged) - len(is_open), is_open, troubles, hidden)

    def for_rows_of_this_run(self, seen: Mapping[tuple[str, str], KnownRanges]) -> "Skipping":
        """Return how to look once more at rows that a run has seen to before it was cut short.

        Where the ledger is trusted, those that did not change meanwhile are not asked for.
        """
        return replace(self, known=seen, listing=None) if self.trusts_ledger else self

    def _listed(self, objects: Sequence[MediaObject]) -> Mapping[str, Listed]:
        if self.listing is None:
            return {}
        keys = [self.placing.key(one) for one in objects if self._seen(one) is None]
        return self.listing(keys) if keys else {}

    def _judged(
        self,
        one: MediaObject,
        trouble: Trouble | None,
        is_hidden: bool,
        listed: Mapping[str, Listed],
    ) -> Open | None:
        if trouble is not None:  # what lies there may be what was left of a failure
            return Open(one, is_wrong=trouble.is_wrong)
        line = listed.get(self.placing.key(one))
        check = self._check(one, line)
        if check is Check.NOTHING:
            return Open(one)
        is_in_doubt = self._is_access_in_doubt(one, is_hidden=is_hidden)
        if check is None and not is_in_doubt:
            return None
        return Open(one, check or Check.SIZE, line, is_access_in_doubt=is_in_doubt, is_wrong=is_in_doubt)

    def _check(self, one: MediaObject, line: Listed | None) -> Check | None:
        """Return what has to be asked before an object is copied; None where it is there."""
        seen = self._seen(one)
        if seen is not None:
            return None if _is_unchanged(one, seen) else Check.CONTENT
        if self.asks_for_each:
            return Check.SIZE
        if line is None:
            return Check.NOTHING
        return None if has_size_told(one, line.size_bytes) else Check.SIZE

    def _is_access_in_doubt(self, one: MediaObject, *, is_hidden: bool) -> bool:
        if not self.placing.sends_acls:
            return False
        told = self._told(one)
        if told is not None and told.acls != self.placing.acls:
            return True
        if self._seen(one) is None:  # others may have made public what is not for everybody
            return is_hidden or one.attachment.is_private
        # Who was suspended since is to be hidden here too, and who is suspended no more is to be seen.
        return is_hidden is not self.placing.hides(one)

    def _seen(self, one: MediaObject) -> IdRange | None:
        """Return the rows that were seen to with that of an object, where that is believed."""
        return self._told(one) if self.trusts_ledger else None

    def _told(self, one: MediaObject) -> IdRange | None:
        attachment = one.attachment
        found = (
            ranges.range_of(attachment.record_id)
            for part in ("all", "remote" if attachment.is_remote else "local")
            if (ranges := self.known.get((attachment.media_class, part)))
        )
        return max(filter(None, found), key=lambda ids: ids.read_timestamp_seconds, default=None)


def _is_unchanged(one: MediaObject, seen: IdRange) -> bool:
    changed_at = one.attachment.updated_timestamp_seconds
    return changed_at is None or changed_at < seen.read_timestamp_seconds - MARGIN_SECONDS


def has_size_told(media_object: MediaObject, size_bytes: int) -> bool:
    """Tell whether an object of this size is surely the one meant: only of an `original` the database tells the size.

    Of the others it is enough that they are not empty.
    """
    told_bytes = media_object.attachment.size_bytes if media_object.style == "original" else None
    return size_bytes > 0 if told_bytes is None else size_bytes == told_bytes
