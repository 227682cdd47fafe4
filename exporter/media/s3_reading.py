"""An object, or a part of one, that is being read: how much of an answer is taken, and whether it can be trusted."""

import hashlib
from collections.abc import Callable, Mapping
from http import HTTPStatus

from exporter.media.connection import ANSWER_LIMIT_BYTES, Answer
from exporter.media.s3_answer import Kind, Setback, head_of
from exporter.media.s3_checks import Checks
from exporter.media.s3_client import S3Client
from exporter.media.store import ObjectHead, StoredObject

_NO_SIZE = "it does not tell how large the object is"


class Reading:
    """A whole object that is being read, over several tries."""

    def __init__(self, client: S3Client, checks: Checks, largest_bytes: int, reserve: Callable[[int], None]) -> None:
        self._client = client
        self._checks = checks
        self._largest_bytes = largest_bytes
        self._reserve = reserve
        self._last_md5 = b""
        self._headers: Mapping[str, str] = {}
        self._head: ObjectHead | None = None

    def admit(self, status: int, headers: Mapping[str, str]) -> int | None:
        """Return how much of an answer's body is taken, once there is memory for it."""
        if status != HTTPStatus.OK:
            return ANSWER_LIMIT_BYTES
        head = self._read_head(headers)
        if head is None or head.size_bytes > self._largest_bytes:
            return None
        self._reserve(head.size_bytes)
        return head.size_bytes

    def judge(self, answer: Answer) -> StoredObject | ObjectHead | Setback | None:
        """Return the object, if these are its bytes."""
        if self._client.is_missing(answer):
            return None
        if answer.status != HTTPStatus.OK:
            return self._client.unwanted(answer)
        head = self._read_head(answer.headers)
        if head is None:
            return Setback(_NO_SIZE, Kind.FINAL)
        return self._judge_body(answer, head) if answer.is_whole else head

    def _read_head(self, headers: Mapping[str, str]) -> ObjectHead | None:
        if headers is not self._headers:
            self._headers, head = headers, head_of(headers)
            self._head = None if head is None else self._checks.trusted(head)
        return self._head

    def _judge_body(self, answer: Answer, head: ObjectHead) -> StoredObject | Setback:
        if len(answer.body) != head.size_bytes:
            return Setback(f"{len(answer.body)} bytes came instead of {head.size_bytes}")
        md5 = hashlib.md5(answer.body, usedforsecurity=False).digest()
        if head.md5_hex not in (None, md5.hex()) and not self._is_settled(head, md5):
            return Setback("the bytes that came are not those that its ETag tells of")
        return StoredObject(head, answer.body, md5)

    def _is_settled(self, head: ObjectHead, md5: bytes) -> bool:
        # Where a store encrypts, its ETag may be anything: then the same bytes twice are the object's.
        is_same, self._last_md5 = md5 == self._last_md5, md5
        return is_same and head.is_encrypted


class PartReading:
    """A part that is being read of an object that is still the one of `head`."""

    def __init__(self, client: S3Client, start: int, size_bytes: int, head: ObjectHead) -> None:
        self._client = client
        self._size_bytes = size_bytes
        self._head = head
        self._range = f"{start}-{start + size_bytes - 1}"

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the request."""
        wanted = {"range": f"bytes={self._range}"}
        return {**wanted, "if-match": f'"{self._head.etag}"'} if self._head.etag else wanted

    def admit(self, status: int, headers: Mapping[str, str]) -> int | None:
        """Return how much of an answer's body is taken."""
        if status == HTTPStatus.OK and headers.get("content-length") != str(self._size_bytes):
            return None
        return self._size_bytes if status in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT) else ANSWER_LIMIT_BYTES

    def judge(self, answer: Answer) -> bytes | Setback:
        """Return the part, if it is the one that was asked for."""
        if answer.status == HTTPStatus.OK and not answer.is_whole:
            return Setback("it gives no parts of objects", Kind.FINAL)
        if self._client.is_missing(answer) or answer.status in (
            HTTPStatus.PRECONDITION_FAILED,
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
        ):
            return Setback("the object has changed while it was read", Kind.CHANGED)
        if answer.status not in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
            return self._client.unwanted(answer)
        if answer.status == HTTPStatus.PARTIAL_CONTENT and not self._is_wanted(answer.headers):
            return Setback("the object has changed while it was read", Kind.CHANGED)
        if len(answer.body) != self._size_bytes:
            return Setback(f"{len(answer.body)} bytes came instead of {self._size_bytes}")
        return answer.body

    def _is_wanted(self, headers: Mapping[str, str]) -> bool:
        told = headers.get("content-range", "").removeprefix("bytes").strip()
        return told in (f"{self._range}/{self._head.size_bytes}", f"{self._range}/*")
