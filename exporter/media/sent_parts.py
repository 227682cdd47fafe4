"""The parts of a large object that were sent, and what proves that the store holds these bytes."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from exporter.media.connection import Answer
from exporter.media.s3_answer import Setback, etag_of
from exporter.media.s3_checks import Checks
from exporter.media.s3_client import S3Client
from exporter.media.sums import is_sum_of_sums, sum_of_sums

_MD5 = re.compile(r"[0-9a-fA-F]{32}")

ReadRange = Callable[[int, int], bytes]
"""Returns as many bytes of the object that is there now, from an offset on."""


@dataclass
class PartEtags:
    """Whether a store's ETags of parts are MD5 sums, and those of objects in parts their sums, as far as is known.

    One that is the right sum proves the bytes whatever is known here; another one tells of other bytes only where
    these hold. Some stores give each part a name of its own that looks the same.
    """

    are_md5: bool = True
    are_sums: bool = True

    def contradicts(self, etag: str, md5: bytes) -> bool:
        """Tell whether the ETag of a part tells of other bytes."""
        return self.are_md5 and _MD5.fullmatch(etag) is not None and etag.lower() != md5.hex()


@dataclass(frozen=True, slots=True)
class SentPart:
    """A part that the store has taken."""

    size_bytes: int
    md5: bytes
    etag: str

    @property
    def is_proven(self) -> bool:
        """Whether the store has told the right sum of it."""
        return self.etag.lower() == self.md5.hex()


class PartWriting:
    """A part that is being sent, over several tries."""

    def __init__(self, client: S3Client, etags: PartEtags, md5: bytes) -> None:
        self._client = client
        self._etags = etags
        self._md5 = md5
        self._is_again = False

    def judge(self, answer: Answer) -> str | Setback:
        """Return the ETag. One that tells of other bytes twice is left to whoever looks at the whole object."""
        etag = etag_of(answer.headers)
        if answer.status != HTTPStatus.OK or not etag:
            return self._client.unwanted(answer)
        if self._etags.contradicts(etag, self._md5) and not self._is_again:
            self._is_again = True
            return Setback("it holds other bytes than it was sent")
        return etag


class SentParts:
    """All parts of one object, in order."""

    def __init__(self, checks: Checks, etags: PartEtags) -> None:
        self.etags = etags
        self._refuses_wrong_md5 = checks.refuses_wrong_md5
        self._parts: list[SentPart] = []

    @property
    def quoted_etags(self) -> list[str]:
        """What the store calls them, as it wants to hear it."""
        return [f'"{part.etag}"' for part in self._parts]

    @property
    def next_number(self) -> int:
        """The number of the next one."""
        return len(self._parts) + 1

    def add(self, part: SentPart) -> None:
        """Take in the next one."""
        self._parts.append(part)

    def is_proven_by(self, etag: str, *, is_surely_ours: bool) -> bool:
        """Tell whether the object has to be read no more; `etag` is what the store calls it.

        `is_surely_ours`: the store has said that it put these parts together.
        """
        if etag.lower() == self._sum:
            return True
        if not is_surely_ours or (self.etags.are_sums and is_sum_of_sums(etag)):
            return False
        return all(part.is_proven or self._is_taken_at_its_word(part) for part in self._parts)

    def is_read_by(self, read: ReadRange, etag: str) -> bool:
        """Read the object a part at a time, and tell whether it holds what was sent.

        If it does, an ETag that told otherwise is no sum, and none of this store's is believed to be one again.
        """
        start = 0
        for part in self._parts:
            if hashlib.md5(read(start, part.size_bytes), usedforsecurity=False).digest() != part.md5:
                return False
            start += part.size_bytes
        self._learn(etag)
        return True

    def _is_taken_at_its_word(self, part: SentPart) -> bool:
        return self._refuses_wrong_md5 and not self.etags.contradicts(part.etag, part.md5)

    def _learn(self, etag: str) -> None:
        if any(self.etags.contradicts(part.etag, part.md5) for part in self._parts):
            self.etags.are_md5 = False
        if is_sum_of_sums(etag) and etag.lower() != self._sum:
            self.etags.are_sums = False

    @property
    def _sum(self) -> str:
        return sum_of_sums([part.md5 for part in self._parts])
