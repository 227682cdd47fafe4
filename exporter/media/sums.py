"""Whether the bytes of a large object are those that its source tells of: found out while they pass, part by part."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from enum import Enum, auto

from exporter.errors import StoreUnavailable
from exporter.media.store import ObjectHead

_MEBIBYTE = 1024 * 1024
_USUAL_PARTS_MEBIBYTES = (5, 8, 15, 16)
"""What Mastodon and rclone, the AWS tools, s3cmd, and MinIO's client cut objects into."""

_SUM_OF_SUMS = re.compile(r"([0-9a-f]{32})-([1-9][0-9]{0,4})")


class WrongBytes(StoreUnavailable):
    """What came of an object, or what is there now of it, is not what its source has."""


class Verdict(Enum):
    """UNTOLD: the source tells nothing of the bytes; UNCLEAR: what it tells may be a sum of something else."""

    RIGHT = auto()
    WRONG = auto()
    UNCLEAR = auto()
    UNTOLD = auto()


class PassingSums:
    """The sums of an object whose bytes come in order, in pieces of any size."""

    def __init__(self, head: ObjectHead) -> None:
        self._head = head
        self._whole = hashlib.md5(usedforsecurity=False)
        self._in_parts = [_SumOfSums(part_bytes) for part_bytes in part_sizes(head)]

    @property
    def md5_hex(self) -> str:
        """The MD5 of what has come."""
        return self._whole.hexdigest()

    def update(self, piece: bytes) -> None:
        """Take in the next piece."""
        self._whole.update(piece)
        for one in self._in_parts:
            one.update(piece)

    def verdict(self) -> Verdict:
        """Return what the ETag says of the bytes once all have come."""
        head = self._head
        if head.md5_hex is not None:
            wrong = Verdict.UNCLEAR if head.is_encrypted else Verdict.WRONG
            return Verdict.RIGHT if self.md5_hex == head.md5_hex else wrong
        if _parts_told(head) is None:
            return Verdict.UNTOLD
        told = head.etag.lower()
        return Verdict.RIGHT if any(one.etag() == told for one in self._in_parts) else Verdict.UNCLEAR


def part_sizes(head: ObjectHead) -> tuple[int, ...]:
    """Return the sizes of the parts in which an object may have been written, as far as its ETag tells of parts."""
    count = _parts_told(head)
    if count is None:
        return ()
    even = -(-head.size_bytes // (count * _MEBIBYTE))
    sizes = [mebibytes * _MEBIBYTE for mebibytes in dict.fromkeys((*_USUAL_PARTS_MEBIBYTES, even))]
    return tuple(size for size in sizes if size and -(-head.size_bytes // size) == count)


def sum_of_sums(part_md5s: Sequence[bytes]) -> str:
    """Return what S3 calls an object that was written in parts."""
    return f"{hashlib.md5(b''.join(part_md5s), usedforsecurity=False).hexdigest()}-{len(part_md5s)}"


def is_sum_of_sums(etag: str) -> bool:
    """Tell whether an ETag looks like that of an object that was written in parts."""
    return _SUM_OF_SUMS.fullmatch(etag.lower()) is not None


def _parts_told(head: ObjectHead) -> int | None:
    match = None if head.is_etag_opaque else _SUM_OF_SUMS.fullmatch(head.etag.lower())
    return int(match[2]) if match else None


class _SumOfSums:
    """The MD5 of the MD5s of parts, of bytes that come in pieces of other sizes."""

    def __init__(self, part_bytes: int) -> None:
        self._part_bytes = part_bytes
        self._sums: list[bytes] = []
        self._part = hashlib.md5(usedforsecurity=False)
        self._room_bytes = part_bytes

    def update(self, piece: bytes) -> None:
        for one in self._cut(memoryview(piece)):
            self._part.update(one)
            self._room_bytes -= len(one)
            if not self._room_bytes:
                self._end_part()

    def etag(self) -> str:
        if self._room_bytes < self._part_bytes:
            self._end_part()
        return sum_of_sums(self._sums)

    def _cut(self, piece: memoryview) -> Iterator[memoryview]:
        while len(piece):
            room_bytes = self._room_bytes
            yield piece[:room_bytes]
            piece = piece[room_bytes:]

    def _end_part(self) -> None:
        self._sums.append(self._part.digest())
        self._part = hashlib.md5(usedforsecurity=False)
        self._room_bytes = self._part_bytes
