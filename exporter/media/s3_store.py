"""Objects in an S3 bucket: read, written whole, and proven to be what they should be."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from enum import Enum, auto
from functools import partial
from http import HTTPStatus

from exporter.errors import MediaStoreError, StoreUnavailable
from exporter.media.connection import Answer, printable
from exporter.media.listing import Lister
from exporter.media.multipart import MultipartUpload, OwnUploads
from exporter.media.object_headers import content_md5, headers_of
from exporter.media.s3_address import S3Address
from exporter.media.s3_answer import Kind, Setback, error_within, head_of, is_stores_own, parsed, text_of
from exporter.media.s3_checks import Checks
from exporter.media.s3_client import S3Client, S3Request
from exporter.media.s3_reading import PartReading, Reading
from exporter.media.s3_writing import Writing
from exporter.media.sent_parts import PartEtags, SentParts
from exporter.media.store import Acl, Listed, ObjectHead, Put, Source, StoredObject
from exporter.media.sums import WrongBytes

LEAST_PART_BYTES = 8 * 1024 * 1024
MOST_PARTS = 900
"""Some stores take no more than 1,000 parts."""

LARGEST_COPY_BYTES = 5 * 1024**3
"""What S3 copies in one request."""

_MEBIBYTE = 1024 * 1024
_EVERYBODY = "/global/AllUsers"
_READING = ("READ", "FULL_CONTROL")
_GONE = frozenset({HTTPStatus.OK, HTTPStatus.NO_CONTENT})


class _Absence(Enum):
    CERTAIN = auto()
    DOUBTFUL = auto()


class S3Store:
    """One bucket, as a source and as a destination (see `store`). Thread-safe. `client` is what asks it."""

    def __init__(
        self,
        client: S3Client,
        checks: Checks,
        least_part_bytes: int = LEAST_PART_BYTES,
        uploads: OwnUploads | None = None,
    ) -> None:
        self.client = client
        self._checks = checks
        self._uploads = uploads or OwnUploads(client.patience.clock)
        self._least_part_bytes = least_part_bytes
        self._part_etags = PartEtags(checks.is_etag_md5, checks.is_etag_md5)
        self._lister = Lister(client)
        self._copies = True

    @property
    def address(self) -> S3Address:
        """Where the bucket lies."""
        return self.client.address

    def head(self, key: str) -> ObjectHead | None:
        """Return what the store tells of an object; None where there is none.

        A HEAD has no body in which the store could say so itself. Where it does not show otherwise that the answer is
        its own, it is asked a second time.
        """
        head = self.client.ask(S3Request("HEAD", key), self._judge_head)
        if isinstance(head, ObjectHead):
            return head
        if head is _Absence.CERTAIN:
            return None
        found = self.get(key, 0, lambda _: None)
        return found.head if isinstance(found, StoredObject) else found

    def get(self, key: str, largest_bytes: int, reserve: Callable[[int], None]) -> StoredObject | ObjectHead | None:
        """Return the whole object, or its head alone where it is larger; None where there is none."""
        reading = Reading(self.client, self._checks, largest_bytes, reserve)
        return self.client.ask(S3Request("GET", key, admit=reading.admit), reading.judge)

    def get_range(self, key: str, start: int, size_bytes: int, head: ObjectHead) -> bytes:
        """Return a part of an object that is still the one of `head`."""
        reading = PartReading(self.client, start, size_bytes, head)
        return self.client.ask(S3Request("GET", key, headers=reading.headers, admit=reading.admit), reading.judge)

    def put(self, put: Put, body: bytes, md5: bytes | None = None) -> None:
        """Write an object and be sure that the store holds these bytes."""
        digest = md5 or hashlib.md5(body, usedforsecurity=False).digest()
        writing = Writing(self.client, self._checks, digest)
        headers = {**headers_of(put), **content_md5(digest)}
        try:
            etag = self.client.ask(S3Request("PUT", put.key, headers=headers, body=body), writing.judge)
        except MediaStoreError:
            if writing.is_damaged:
                self._drop(put.key, writing.etag)
            raise
        if not writing.is_proven_by(etag):
            self._check_size(put.key, len(body), etag)

    def put_parts(self, put: Put, size_bytes: int, parts: Iterator[bytes]) -> None:
        """Write a large object from parts that come in order, and be sure that the store holds these bytes.

        What was begun is given up when one of them fails. Where neither the store's checks nor its ETags prove the
        bytes, they are read again, as much as a part at a time. Raises WrongBytes where they are others.
        """
        sent = SentParts(self._checks, self._part_etags)
        with MultipartUpload(self.client, put, self._uploads, sent) as upload:
            for part in parts:
                upload.add(part)
                del part  # which would stay while the next one is read
            etag = upload.complete()
        head = self._check_size(put.key, size_bytes, etag)
        if not sent.is_proven_by(etag or head.etag, is_surely_ours=upload.is_surely_ours):
            self._read_again(put.key, sent, head, etag)

    def part_size(self, size_bytes: int) -> int:
        """Return how large the parts of an object are: whole MiB."""
        needed = -(-size_bytes // (MOST_PARTS * _MEBIBYTE)) * _MEBIBYTE
        return max(self._least_part_bytes, needed)

    def can_copy_from(self, source: Source) -> bool:
        """Tell whether the bytes may stay inside the store: both buckets lie in one, and it has not refused yet."""
        return self._address_within(source) is not None

    def copy_from(self, source: Source, source_key: str, put: Put, head: ObjectHead) -> bool:
        """Copy inside the store; False where it will not. Its first refusal holds for all objects."""
        address = self._address_within(source)
        if address is None or head.size_bytes > LARGEST_COPY_BYTES:
            return False
        headers = {
            **headers_of(put),
            "x-amz-copy-source": address.copy_source(source_key),
            "x-amz-metadata-directive": "REPLACE",
        }
        if head.etag:
            headers["x-amz-copy-source-if-match"] = f'"{head.etag}"'
        request = S3Request("PUT", put.key, headers=headers, is_long_work=True)
        etag = self.client.ask(request, self._judge_copy)
        if etag is None:
            return False
        if head.md5_hex is None or etag.lower() != head.md5_hex:
            self._check_size(put.key, head.size_bytes, etag)
        return True

    def list_from(self, prefix: str, after: str = "") -> Iterator[Listed]:
        """Yield what lies under a prefix in the order in which the store lists it: that of keys, as UTF-8 bytes."""
        listed = self._lister.list_from(prefix, after)
        return listed if self._checks.is_etag_md5 else (replace(one, etag="") for one in listed)

    def acl_of(self, key: str) -> Acl | None:
        """Return who may read an object; None where the store does not tell."""
        if not self._checks.shows_acl:
            return None
        return self.client.ask(S3Request("GET", key, query=(("acl", ""),)), self._judge_acl)

    def set_acl(self, key: str, acl: Acl) -> bool:
        """Change who may read an object; False where the store will not do that by itself."""
        if not self._checks.changes_acl:
            return False
        request = S3Request("PUT", key, query=(("acl", ""),), headers={"x-amz-acl": acl})
        return self.client.ask(request, self._judge_acl_set)

    def delete(self, key: str) -> None:
        """Take an object away; that there is none is no error."""
        self.client.ask(S3Request("DELETE", key), self._judge_deletion)

    def _address_within(self, source: Source) -> S3Address | None:
        if not (self._copies and isinstance(source, S3Store)):
            return None
        here, there = self.address, source.address
        return there if (there.store, there.region) == (here.store, here.region) else None

    def _drop(self, key: str, etag: str) -> None:
        """Take away what was written just now, unless somebody else has put something in its place meanwhile."""
        with suppress(MediaStoreError):  # what is told is why it had to go
            head = self.head(key)
            if head is not None and etag and head.etag == etag:
                self.delete(key)

    def _read_again(self, key: str, sent: SentParts, head: ObjectHead, etag: str) -> None:
        read = partial(self.get_range, key, head=head)
        try:
            if not sent.is_read_by(read, etag or head.etag):
                raise WrongBytes(f"{self.address.name}: {printable(key)} holds other bytes than it was sent")
        except MediaStoreError:
            self._drop(key, etag)
            raise

    def _check_size(self, key: str, size_bytes: int, etag: str) -> ObjectHead:
        head = self.head(key)
        if head is None or head.size_bytes != size_bytes:
            self._drop(key, etag)
            there = "is not there" if head is None else f"has {head.size_bytes} bytes instead of {size_bytes}"
            raise StoreUnavailable(f"{self.address.name}: {printable(key)} {there} after it was written")
        return head

    def _judge_head(self, answer: Answer) -> ObjectHead | Setback | _Absence:
        if answer.status == HTTPStatus.NOT_FOUND:
            return _Absence.CERTAIN if is_stores_own(answer.headers) else _Absence.DOUBTFUL
        if answer.status != HTTPStatus.OK:
            return self.client.unwanted(answer)
        head = head_of(answer.headers)
        if head is None:
            return Setback("it does not tell how large the object is", Kind.FINAL)
        return self._checks.trusted(head)

    def _judge_copy(self, answer: Answer) -> str | Setback | None:
        if answer.status != HTTPStatus.OK:
            return self._not_copied(answer)
        root = parsed(answer.body)
        if root is None or root.tag == "Error":
            return error_within(answer, self.client.patience.clock())
        return text_of(root, "ETag").strip('"')

    def _not_copied(self, answer: Answer) -> Setback | None:
        setback = self.client.unwanted(answer)
        if self.client.is_missing(answer) or answer.status == HTTPStatus.PRECONDITION_FAILED:
            return None  # the object is no longer what it was; whoever reads it now will see
        if setback.kind is not Kind.FINAL:
            return setback
        self._copies = False
        return None

    def _judge_deletion(self, answer: Answer) -> Setback | None:
        return None if answer.status in _GONE or self.client.is_missing(answer) else self.client.unwanted(answer)

    def _judge_acl_set(self, answer: Answer) -> bool | Setback:
        if answer.status == HTTPStatus.OK:
            return True
        setback = self.client.unwanted(answer)
        return setback if setback.is_shut or setback.kind is not Kind.FINAL else False

    def _judge_acl(self, answer: Answer) -> Acl | Setback | None:
        root = parsed(answer.body)
        if answer.status != HTTPStatus.OK or root is None:
            setback = self.client.unwanted(answer)
            return setback if setback.kind in (Kind.PASSING, Kind.THROTTLED) else None
        grants = [(text_of(grant, "Grantee/URI"), text_of(grant, "Permission")) for grant in root.iter("Grant")]
        is_public = any(who.endswith(_EVERYBODY) and may in _READING for who, may in grants)
        return Acl.PUBLIC_READ if is_public else Acl.PRIVATE
