"""Which objects need not be copied: by the ledger, by a listing of the destination, or by asking for each."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from exporter.ledger.media_record import IdRange, Trouble
from exporter.ledger.names import REOPENED
from exporter.mastodon.attachments import MediaObject
from exporter.media.store import Listed

MARGIN_SECONDS = 60.0
"""A row that was written so shortly before it was read may have been committed after it; it is looked at anew."""

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
    SECRECY = "secrecy"
    """Whether it has the right size, and nobody may read it who should not."""


@dataclass(frozen=True, slots=True)
class Open:
    """An object that may have to be copied. `listed` is what a listing of the destination tells of it."""

    media_object: MediaObject
    check: Check = Check.NOTHING
    listed: Listed | None = None


@dataclass(frozen=True)
class PageLook:
    """What is known of the objects of a page before any of them is asked for: how many are there, and the others."""

    present: int
    open: tuple[Open, ...]
    in_trouble: Mapping[str, Trouble] = field(default_factory=dict)


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
    `whole_key` gives the key in the destination.
    """

    whole_key: Callable[[MediaObject], str]
    troubles_of: Callable[[Sequence[str]], Mapping[str, Trouble]]
    known: Mapping[tuple[str, str], KnownRanges] = field(default_factory=dict)
    trusts_ledger: bool = True
    listing: Lookup | None = None
    asks_for_each: bool = False

    def look(self, objects: Sequence[MediaObject]) -> PageLook:
        """Return what is known of the objects of one page. Raises StateError, and MediaStoreError for a listing."""
        if not objects:
            return PageLook(0, ())
        troubles = self.troubles_of([one.key for one in objects])
        listed = self._listed(objects)
        judged = [self._judged(one, troubles.get(one.key), listed) for one in objects]
        is_open = tuple(one for one in judged if one is not None)
        return PageLook(len(judged) - len(is_open), is_open, troubles)

    def _listed(self, objects: Sequence[MediaObject]) -> Mapping[str, Listed]:
        if self.listing is None:
            return {}
        keys = [self.whole_key(one) for one in objects if not self.trusts_ledger or self._read_at(one) is None]
        return self.listing(keys) if keys else {}

    def _judged(self, one: MediaObject, trouble: Trouble | None, listed: Mapping[str, Listed]) -> Open | None:
        if trouble is not None and trouble.result == REOPENED:
            return Open(one)
        is_known, is_unchanged = self._known(one)
        if is_known and not is_unchanged and one.attachment.is_private:
            return Open(one)  # who was suspended since is to be hidden here too
        if self.trusts_ledger and is_known:
            return self._judged_by_ledger(one, is_unchanged=is_unchanged, is_in_trouble=trouble is not None)
        # Others may have made public what Mastodon hides.
        is_in_doubt = one.attachment.is_private and not is_unchanged
        check = Check.SECRECY if is_in_doubt else Check.SIZE
        if self.asks_for_each:
            return Open(one, check)
        line = listed.get(self.whole_key(one))
        if line is None:
            return Open(one)
        return Open(one, check, line) if is_in_doubt or not has_size_told(one, line.size_bytes) else None

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
