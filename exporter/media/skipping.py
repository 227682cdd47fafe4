"""Which objects need not be copied: by the ledger, by a listing of the destination, or by asking for each."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from exporter.ledger.media_record import IdRange, Trouble
from exporter.ledger.names import REOPENED
from exporter.mastodon.attachments import MediaObject
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
    ACCESS = "access"
    """Whether it has the right size, and those may read it who should, and nobody else."""


@dataclass(frozen=True, slots=True)
class Open:
    """An object that may have to be copied. `listed` is what a listing of the destination tells of it.

    `is_wrong`: what the destination has under its key, if no check finds it right, must not stay as it is.
    `is_counted`: the run has counted it before it was cut short.
    """

    media_object: MediaObject
    check: Check = Check.NOTHING
    listed: Listed | None = None
    is_wrong: bool = False
    is_counted: bool = False


@dataclass(frozen=True)
class PageLook:
    """What is known of the objects of a page before any of them is asked for: how many are there, and the others.

    `hidden` are the keys of those that were written so that nobody may read them.
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
        place = bisect_left(self._lasts, record_id)
        if place == len(self._ranges) or record_id <= self._ranges[place].after:
            return None
        return self._ranges[place].read_timestamp_seconds

    def cover(self, ids: IdRange) -> bool:
        """Tell whether all rows of a range were seen to."""
        place = bisect_left(self._lasts, ids.last)
        return place < len(self._ranges) and self._ranges[place].after <= ids.after

    def __bool__(self) -> bool:
        return bool(self._ranges)


@dataclass(frozen=True)
class Skipping:
    """How to find out what is there already. Any thread may use it where `listing` allows that.

    `known` gives the ranges of a class by part (local, remote, all); they are believed where `trusts_ledger`. What
    they do not tell is looked up in the `listing`, or asked for one by one where `asks_for_each`, else it is copied.
    `whole_key` gives the key in the destination, `hidden_of` those of some keys that nobody may read there.
    """

    whole_key: Callable[[MediaObject], str]
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
        keys = [self.whole_key(one) for one in objects if not self.trusts_ledger or self._read_at(one) is None]
        return self.listing(keys) if keys else {}

    def _judged(
        self,
        one: MediaObject,
        trouble: Trouble | None,
        is_hidden: bool,
        listed: Mapping[str, Listed],
    ) -> Open | None:
        if trouble is not None and (trouble.is_wrong or trouble.result == REOPENED):
            return Open(one, is_wrong=trouble.is_wrong)
        is_known, is_unchanged = self._known(one)
        # Who was suspended since is to be hidden here too, and who is suspended no more is to be seen. What this
        # program has not put there, others may have made public.
        is_access_in_doubt = is_hidden is not one.attachment.is_private
        if self.trusts_ledger and is_known and not is_access_in_doubt:
            return self._judged_by_ledger(one, is_unchanged=is_unchanged, is_in_trouble=trouble is not None)
        check = Check.ACCESS if is_access_in_doubt else Check.SIZE
        if self.asks_for_each or (self.trusts_ledger and is_known):
            return Open(one, check, is_wrong=is_access_in_doubt)
        line = listed.get(self.whole_key(one))
        if line is None:
            return Open(one)
        if is_access_in_doubt or not has_size_told(one, line.size_bytes):
            return Open(one, check, line, is_wrong=is_access_in_doubt)
        return None

    def _judged_by_ledger(self, one: MediaObject, *, is_unchanged: bool, is_in_trouble: bool) -> Open | None:
        if is_in_trouble:
            return Open(one)
        if is_unchanged:
            return None
        return Open(one, Check.CONTENT)

    def _known(self, one: MediaObject) -> tuple[bool, bool]:
        """Return whether the row of an object was seen to, and whether its file is the same since."""
        read_at = self._read_at(one)
        if read_at is None:
            return False, False
        changed_at = one.attachment.updated_timestamp_seconds
        return True, changed_at is None or changed_at < read_at - MARGIN_SECONDS

    def _read_at(self, one: MediaObject) -> float | None:
        attachment = one.attachment
        times = (
            ranges.read_at(attachment.record_id)
            for part in ("all", "remote" if attachment.is_remote else "local")
            if (ranges := self.known.get((attachment.media_class, part)))
        )
        return max((time for time in times if time is not None), default=None)


def has_size_told(media_object: MediaObject, size_bytes: int) -> bool:
    """Tell whether an object of this size is surely the one meant: only of an `original` the database tells the size.

    Of the others it is enough that they are not empty.
    """
    told_bytes = media_object.attachment.size_bytes if media_object.style == "original" else None
    return size_bytes > 0 if told_bytes is None else size_bytes == told_bytes
