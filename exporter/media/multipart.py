"""A large object on its way in parts: all of them, or nothing."""

import hashlib
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from types import TracebackType
from typing import Self
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape

from exporter.errors import MediaStoreError
from exporter.media.connection import Answer
from exporter.media.listing import admit_listing
from exporter.media.object_headers import content_md5, headers_of
from exporter.media.s3_answer import Setback, error_within, parsed, text_of
from exporter.media.s3_client import S3Client, S3Request
from exporter.media.sent_parts import PartWriting, SentPart, SentParts
from exporter.media.store import Put

_ENDED = frozenset({HTTPStatus.OK, HTTPStatus.NO_CONTENT})
_SERVER_ERROR = HTTPStatus.INTERNAL_SERVER_ERROR


class OwnUploads:
    """Which of the uploads in a bucket may be given up: others may be writing to it too. Thread-safe.

    Those are the ones of this process that it could not give up when it failed, and those that are older than the
    process, which a killed run has left. `clock` is that of the machine, for a store that does not tell its own.
    """

    def __init__(self, clock: Callable[[], float], elapsed: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._elapsed = elapsed
        self._began_at = elapsed()
        self._failed: set[str] = set()

    def remember(self, upload_id: str) -> None:
        """Have a failed upload taken away later."""
        self._failed.add(upload_id)

    def may_be_given_up(self, upload: Element, headers: Mapping[str, str]) -> bool:
        """Tell it of an upload as it stands in a listing, of which the headers tell the store's time."""
        if text_of(upload, "UploadId") in self._failed:
            return True
        begun_at = _moment(text_of(upload, "Initiated"))
        if begun_at is None:
            return False
        return self._now(headers) - begun_at > self._elapsed() - self._began_at

    def _now(self, headers: Mapping[str, str]) -> float:
        try:
            moment = parsedate_to_datetime(headers.get("date", ""))
        except (TypeError, ValueError, OverflowError):
            return self._clock()
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _moment(text: str) -> float | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


class MultipartUpload:
    """An upload, begun when it is entered, and given up when it is left before it is complete. One thread's own.

    What an earlier run has left half done under the same key is taken away first. `sent` is empty at the beginning.
    """

    def __init__(self, client: S3Client, put: Put, uploads: OwnUploads, sent: SentParts) -> None:
        self._client = client
        self._put = put
        self._uploads = uploads
        self.is_surely_ours = True
        self._sent = sent
        self._upload_id = ""
        self._is_answer_lost = False
        self._is_complete = False

    def __enter__(self) -> Self:
        with suppress(MediaStoreError):  # not every store lists them, and not everybody may see the list
            for upload_id in self._left_over():
                self._abort(upload_id)
        request = S3Request("POST", self._put.key, (("uploads", ""),), headers_of(self._put))
        self._upload_id = self._client.ask(request, self._judge_beginning)
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _: TracebackType | None
    ) -> None:
        if self._is_complete:
            return
        try:
            self._abort(self._upload_id)
        except MediaStoreError:  # the next try, or the next run, takes it away
            self._uploads.remember(self._upload_id)

    def add(self, part: bytes) -> None:
        """Send the next part."""
        md5 = hashlib.md5(part, usedforsecurity=False).digest()
        query = (("partNumber", str(self._sent.next_number)), ("uploadId", self._upload_id))
        request = S3Request("PUT", self._put.key, query, content_md5(md5), part)
        writing = PartWriting(self._client, self._sent.etags, md5)
        self._sent.add(SentPart(len(part), md5, self._client.ask(request, writing.judge)))

    def complete(self) -> str:
        """Put the parts together and return the ETag, as far as it was told; from then on the object is there.

        Where the answer was lost, and the upload is gone since, it `is_surely_ours` no more: it may be another one.
        """
        parts = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{escape(etag)}</ETag></Part>"
            for number, etag in enumerate(self._sent.quoted_etags, start=1)
        )
        body = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
        query = (("uploadId", self._upload_id),)
        request = S3Request("POST", self._put.key, query, {"content-type": "application/xml"}, body, is_long_work=True)
        etag = self._client.ask(request, self._judge_completion, self._lose_answer)
        self._is_complete = True
        return etag

    def _left_over(self) -> list[str]:
        request = S3Request("GET", query=(("prefix", self._put.key), ("uploads", "")), admit=admit_listing)
        return self._client.ask(request, self._judge_list)

    def _abort(self, upload_id: str) -> None:
        # By the other connection, which is not broken off together with the part that is on its way.
        request = S3Request("DELETE", self._put.key, (("uploadId", upload_id),), is_long_work=True)
        self._client.ask(request, self._judge_abortion)

    def _judge_list(self, answer: Answer) -> list[str] | Setback:
        root = parsed(answer.body)
        if answer.status != HTTPStatus.OK or root is None:
            return self._client.unwanted(answer)
        same_key = [upload for upload in root.iter("Upload") if text_of(upload, "Key") == self._put.key]
        ours = [upload for upload in same_key if self._uploads.may_be_given_up(upload, answer.headers)]
        return [text_of(upload, "UploadId") for upload in ours]

    def _judge_beginning(self, answer: Answer) -> str | Setback:
        root = parsed(answer.body)
        upload_id = "" if root is None else text_of(root, "UploadId")
        return upload_id if answer.status == HTTPStatus.OK and upload_id else self._client.unwanted(answer)

    def _judge_completion(self, answer: Answer) -> str | Setback:
        if self._is_answer_lost and self._client.is_upload_gone(answer):
            self.is_surely_ours = False
            return ""
        told = self._told_of_completion(answer)
        if isinstance(told, Setback) and (answer.status >= _SERVER_ERROR or answer.status == HTTPStatus.OK):
            self._lose_answer()  # it may be done all the same
        return told

    def _told_of_completion(self, answer: Answer) -> str | Setback:
        if answer.status != HTTPStatus.OK:
            return self._client.unwanted(answer)
        root = parsed(answer.body)
        setback = error_within(answer, self._client.patience.clock())
        return setback or ("" if root is None else text_of(root, "ETag").strip('"'))

    def _lose_answer(self) -> None:
        self._is_answer_lost = True

    def _judge_abortion(self, answer: Answer) -> Setback | None:
        return None if answer.status in _ENDED or self._client.is_upload_gone(answer) else self._client.unwanted(answer)
