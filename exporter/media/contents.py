"""Whether two objects are the same: by their sizes and sums, and by their bytes where that does not tell."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from exporter.media.findings import What
from exporter.media.pace import Budget
from exporter.media.store import ObjectHead
from exporter.media.whereabouts import Place

LARGEST_PART_BYTES = 8 * 1024 * 1024


class Readable(Protocol):
    """A store that objects are read from; any thread may read."""

    def get_range(self, key: str, start: int, size_bytes: int, head: ObjectHead) -> bytes:
        """Return a part of an object that is still the one of `head`; StoreUnavailable where it has changed."""
        ...


@dataclass
class TrustInSums:
    """Whether a store's ETags are MD5 sums, where they look like it: found out when bytes are read. None: not known.

    Those of objects that a store encrypts look like it and are none.
    """

    are_md5: bool | None = None

    def learn(self, head: ObjectHead, md5_hex: str, *, is_sound: bool) -> None:
        """Compare what an ETag says with a sum that was computed; `is_sound`: the bytes are surely the right ones."""
        if head.md5_hex == md5_hex:
            self.are_md5 = True
        elif head.md5_hex is not None and is_sound and self.are_md5 is None:
            self.are_md5 = False

    def md5_hex(self, head: ObjectHead) -> str | None:
        """Return the MD5 of an object, as far as it can be believed."""
        if head.is_etag_opaque and self.are_md5 is None:
            self.are_md5 = False
        return None if self.are_md5 is False else head.md5_hex


@dataclass(frozen=True)
class Contents:
    """Compares objects of a destination with those of a source; any thread may use it.

    What is read of an object is as much as a part at a time, out of the memory of all.
    """

    source: Readable
    destination: Readable
    budget: Budget
    memory_bytes: int
    source_sums: TrustInSums = field(default_factory=TrustInSums)
    destination_sums: TrustInSums = field(default_factory=TrustInSums)

    @property
    def part_bytes(self) -> int:
        """How much is read at a time."""
        return min(LARGEST_PART_BYTES, self.memory_bytes // 4)

    def look_the_same(self, here: ObjectHead, there: ObjectHead) -> bool:
        """Tell whether two objects may be the same, as far as that can be told without reading them."""
        if here.size_bytes != there.size_bytes:
            return False
        sums = (self.source_sums.md5_hex(here), self.destination_sums.md5_hex(there))
        return None in sums or sums[0] == sums[1]

    def difference(self, here: Place, there: Place) -> What | None:
        """Return in what the bytes of two objects differ, having read them as far as it takes to be sure."""
        if here.head.size_bytes != there.head.size_bytes:
            return What.SIZE
        read_there = self._read(self.destination, there)
        read_here = self.source_sums.md5_hex(here.head)
        if read_there != read_here:
            read_here = self._read(self.source, here)
        is_same = read_there == read_here
        self.source_sums.learn(here.head, read_here, is_sound=is_same)
        self.destination_sums.learn(there.head, read_there, is_sound=is_same)
        return None if is_same else What.MD5

    def decay(self, there: Place) -> What | None:
        """Return whether an object that the source has no more is still what its own ETag says, having read it."""
        read = self._read(self.destination, there)
        self.destination_sums.learn(there.head, read, is_sound=False)
        told = self.destination_sums.md5_hex(there.head)
        return What.MD5 if told is not None and told != read else None

    def _read(self, store: Readable, place: Place) -> str:
        digest = hashlib.md5(usedforsecurity=False)
        with self.budget.hold() as held:
            held.grow_to(min(self.part_bytes, place.head.size_bytes))
            for part in self._parts(store, place):
                digest.update(part)
                del part  # which would stay while the next one is read
        return digest.hexdigest()

    def _parts(self, store: Readable, place: Place) -> Iterator[bytes]:
        size_bytes = place.head.size_bytes
        for start in range(0, size_bytes, self.part_bytes):
            yield store.get_range(place.whole_key, start, min(self.part_bytes, size_bytes - start), place.head)
