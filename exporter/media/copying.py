"""One object on its way: found at its source, written under the key that Mastodon will ask for."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from exporter.errors import MediaStoreError, StoreShut, StoreUnavailable
from exporter.ledger.names import MediaResult
from exporter.mastodon.attachments import Attachment, MediaObject, objects_of
from exporter.media.access import Access, Righted
from exporter.media.pace import Budget, Held
from exporter.media.placing import Placing, whole_key
from exporter.media.store import Destination, ObjectHead, Put, Source, StoredObject
from exporter.media.sums import PassingSums, Verdict, WrongBytes

LARGEST_WHOLE_BYTES = 8 * 1024 * 1024
"""What is larger goes in parts."""

_NOT_RIGHTED = {
    Righted.STUCK: "who may read it cannot be changed at the destination, and the source has it no more",
    Righted.DAMAGED: "it lost its bytes when it was changed who may read it, and the source has it no more",
}
_WRONG = "what the destination has is not right, and the source has it no more"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one object. `size_bytes` are those that were written; `detail` says why, in words.

    `is_shut`: it failed for what keeps all others from being moved too. `hidden_key`: the key under which it lies so
    that nobody may read it. `is_wrong`: what lies there now cannot stand in for it.
    """

    result: MediaResult
    size_bytes: int = 0
    detail: str = ""
    is_shut: bool = False
    hidden_key: str | None = None
    is_wrong: bool = False


class Rows(Protocol):
    """The database, for one row at a time."""

    def reread(self, attachment: Attachment) -> Attachment | None:
        """Return an attachment as the database tells of it now; None where its row, or its file, is gone."""
        ...


class Refetching(Protocol):
    """Where the server that a file first came from is asked for it."""

    def fetch(self, media_object: MediaObject, largest_bytes: int, held: Held) -> "bytes | NotFetched":
        """Return the file, if it is one that can stand in for the object."""
        ...


@dataclass(frozen=True)
class NotFetched:
    """Why a file could not be had from where it first came from."""

    detail: str


class NoRefetching:
    """What holds without `--refetch`."""

    def fetch(self, _media_object: MediaObject, _largest_bytes: int, _held: Held) -> NotFetched:
        """Return that nobody was asked."""
        return NotFetched("")


@dataclass(frozen=True)
class Found:
    """An object at its source. `is_elsewhere`: under another key than Mastodon's."""

    whole_key: str
    content: StoredObject | ObjectHead
    is_elsewhere: bool

    @property
    def head(self) -> ObjectHead:
        return self.content.head if isinstance(self.content, StoredObject) else self.content


@dataclass(frozen=True)
class Copying:
    """Copies objects; any thread may use it. `stopping` is set once no further part of a large one is to be begun."""

    source: Source
    destination: Destination
    source_prefix: str
    placing: Placing
    budget: Budget
    memory_bytes: int
    rows: Rows
    refetching: Refetching = field(default_factory=NoRefetching)
    stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def largest_whole_bytes(self) -> int:
        """How large an object may be that goes through memory as a whole."""
        return min(LARGEST_WHOLE_BYTES, self.memory_bytes // 4)

    def copy(self, media_object: MediaObject, *, is_wrong: bool = False) -> Outcome:
        """Return what became of an object; that a store fails is an outcome too. Raises DatabaseError.

        `is_wrong`: what the destination has under its key cannot stand in for it.
        """
        try:
            return self._copied(media_object) or self._found_nowhere(media_object, is_wrong=is_wrong)
        except MediaStoreError as error:
            return failed(error)

    def _copied(self, media_object: MediaObject) -> Outcome | None:
        with self.budget.hold() as held:
            found = self._look(media_object, held)
            if found is None:
                return None
            put = self.placing.put(media_object, found.head)
            self._write(found, put, held)
            result = MediaResult.REPAIRED if found.is_elsewhere else MediaResult.COPIED
            hidden_key = self.placing.hidden_key(media_object)
            return Outcome(result, found.head.size_bytes, _elsewhere(found), hidden_key=hidden_key)

    def _look(self, media_object: MediaObject, held: Held) -> Found | None:
        look: Callable[[str], StoredObject | ObjectHead | None] = (
            self.source.head
            if self.destination.can_copy_from(self.source)
            else partial(self.source.get, largest_bytes=self.largest_whole_bytes, reserve=held.grow_to)
        )
        for key in (media_object.key, *media_object.other_keys):
            place = whole_key(self.source_prefix, key)
            if (content := look(place)) is not None:
                return Found(place, content, is_elsewhere=key != media_object.key)
        return None

    def _write(self, found: Found, put: Put, held: Held) -> None:
        is_copied_inside = not isinstance(found.content, StoredObject) and self.destination.copy_from(
            self.source, found.whole_key, put, found.content
        )
        if is_copied_inside:
            return
        content = self._whole(found, held)
        if isinstance(content, StoredObject):
            self.destination.put(put, content.body, content.md5)
        else:
            self._write_parts(found.whole_key, content, put, held)

    def _whole(self, found: Found, held: Held) -> StoredObject | ObjectHead:
        if isinstance(found.content, StoredObject) or found.content.size_bytes > self.largest_whole_bytes:
            return found.content
        content = self.source.get(found.whole_key, self.largest_whole_bytes, held.grow_to)
        if content is None:
            raise StoreUnavailable(f"{found.whole_key} vanished from the source while it was being copied")
        return content

    def _write_parts(self, key: str, head: ObjectHead, put: Put, held: Held) -> None:
        part_bytes = self.destination.part_size(head.size_bytes)
        held.grow_to(part_bytes)
        try:
            self.destination.put_parts(put, head.size_bytes, self._sound_parts(key, head, part_bytes))
        except WrongBytes:  # which may have happened on their way
            self.destination.put_parts(put, head.size_bytes, self._sound_parts(key, head, part_bytes))

    def _sound_parts(self, key: str, head: ObjectHead, part_bytes: int) -> Iterator[bytes]:
        """Yield the parts; raise WrongBytes instead of coming to an end where they are not the object's."""
        sums = PassingSums(head)
        for part in self._parts(key, head, part_bytes):
            sums.update(part)
            yield part
            del part  # which would stay while the next one is read
        verdict = sums.verdict()
        if verdict is Verdict.WRONG or (verdict is Verdict.UNCLEAR and not self._are_again(sums, key, head)):
            raise WrongBytes(f"{key}: the bytes that came are not those that its ETag tells of")

    def _are_again(self, first: PassingSums, key: str, head: ObjectHead) -> bool:
        """Tell whether the same bytes come a second time, which is all that can be told where an ETag is unclear."""
        second = PassingSums(head)
        for part in self._parts(key, head, self.destination.part_size(head.size_bytes)):
            second.update(part)
            del part
        return second.md5_hex == first.md5_hex

    def _parts(self, key: str, head: ObjectHead, part_bytes: int) -> Iterator[bytes]:
        for start in range(0, head.size_bytes, part_bytes):
            if self.stopping.is_set():
                raise StoreUnavailable(f"{key} was not copied to its end, for the run was stopped")
            yield self.source.get_range(key, start, min(part_bytes, head.size_bytes - start), head)

    def _found_nowhere(self, media_object: MediaObject, *, is_wrong: bool) -> Outcome:
        """Return what becomes of an object that is not at its source: the row may have changed since it was read."""
        now = self.rows.reread(media_object.attachment)
        if now is None or now.file_name != media_object.attachment.file_name:
            return Outcome(MediaResult.GONE)
        moved = next((one for one in objects_of(now) if one.style == media_object.style), None)
        if moved is None:
            return Outcome(MediaResult.GONE)
        # The server may have moved it between two looks, to or from `cache/`.
        if moved.key != media_object.key and (copied := self._copied(moved)):
            return copied
        is_wrong = is_wrong and moved.key == media_object.key
        return (None if is_wrong else self._there_already(moved)) or self._refetched(moved, is_wrong=is_wrong)

    def _there_already(self, media_object: MediaObject) -> Outcome | None:
        # After the switch-over the server writes to the destination alone.
        there = self.destination.head(self.placing.key(media_object))
        if there is None:
            return None
        righted = Access(self.destination, self.placing).put_right_of_server(media_object, there)
        if righted is not Righted.RIGHT:
            return Outcome(MediaResult.FAILED, detail=_NOT_RIGHTED[righted], is_wrong=righted is Righted.DAMAGED)
        hidden_key = self.placing.hidden_key(media_object)
        return Outcome(MediaResult.PRESENT, detail="not at the source any more", hidden_key=hidden_key)

    def _refetched(self, media_object: MediaObject, *, is_wrong: bool) -> Outcome:
        with self.budget.hold() as held:
            fetched = self.refetching.fetch(media_object, self.memory_bytes // 4, held)
            if isinstance(fetched, NotFetched):
                details = (_WRONG if is_wrong else "", fetched.detail)
                return Outcome(MediaResult.MISSING, detail="; ".join(filter(None, details)))
            self.destination.put(self.placing.put(media_object, None), fetched)
            return Outcome(MediaResult.REFETCHED, len(fetched), hidden_key=self.placing.hidden_key(media_object))


def failed(error: MediaStoreError) -> Outcome:
    """Return the outcome of an object that a store would not give or take."""
    return Outcome(MediaResult.FAILED, detail=str(error), is_shut=isinstance(error, StoreShut))


def _elsewhere(found: Found) -> str:
    return f"was at {found.whole_key}" if found.is_elsewhere else ""
