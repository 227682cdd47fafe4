"""A large object on its way in parts: all of them, or nothing."""

import hashlib
from contextlib import suppress
from http import HTTPStatus
from types import TracebackType
from typing import Self
from xml.sax.saxutils import escape

from exporter.errors import MediaStoreError
from exporter.media.connection import Answer
from exporter.media.object_headers import content_md5, headers_of
from exporter.media.s3_answer import Setback, error_within, etag_of, is_missing, parsed, text_of
from exporter.media.s3_client import S3Client, S3Request
from exporter.media.store import Put

_ENDED = frozenset({HTTPStatus.OK, HTTPStatus.NO_CONTENT})


class MultipartUpload:
    """An upload, begun when it is entered, and given up when it is left before it is complete. One thread's own.

    Whatever an earlier run has left half done under the same key is taken away first.
    """

    def __init__(self, client: S3Client, put: Put) -> None:
        self._client = client
        self._put = put
        self._upload_id = ""
        self._etags: list[str] = []
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
        if not self._is_complete:
            with suppress(MediaStoreError):  # the next run takes it away
                self._abort(self._upload_id)

    def add(self, part: bytes) -> None:
        """Send the next part."""
        number = len(self._etags) + 1
        md5 = hashlib.md5(part, usedforsecurity=False).digest()
        query = (("partNumber", str(number)), ("uploadId", self._upload_id))
        request = S3Request("PUT", self._put.key, query, content_md5(md5), part)
        self._etags.append(self._client.ask(request, self._judge_part))

    def complete(self) -> None:
        """Put the parts together; from then on the object is there."""
        parts = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{escape(etag)}</ETag></Part>"
            for number, etag in enumerate(self._etags, start=1)
        )
        body = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
        query = (("uploadId", self._upload_id),)
        request = S3Request("POST", self._put.key, query, {"content-type": "application/xml"}, body, is_long_work=True)
        self._client.ask(request, self._judge_completion)
        self._is_complete = True

    def _left_over(self) -> list[str]:
        request = S3Request("GET", query=(("prefix", self._put.key), ("uploads", "")))
        return self._client.ask(request, self._judge_list)

    def _abort(self, upload_id: str) -> None:
        request = S3Request("DELETE", self._put.key, (("uploadId", upload_id),))
        self._client.ask(request, self._judge_abortion)

    def _judge_list(self, answer: Answer) -> list[str] | Setback:
        root = parsed(answer.body)
        if answer.status != HTTPStatus.OK or root is None:
            return self._client.unwanted(answer)
        uploads = [(text_of(upload, "Key"), text_of(upload, "UploadId")) for upload in root.iter("Upload")]
        return [upload_id for key, upload_id in uploads if key == self._put.key]

    def _judge_beginning(self, answer: Answer) -> str | Setback:
        root = parsed(answer.body)
        upload_id = "" if root is None else text_of(root, "UploadId")
        return upload_id if answer.status == HTTPStatus.OK and upload_id else self._client.unwanted(answer)

    def _judge_part(self, answer: Answer) -> str | Setback:
        etag = etag_of(answer.headers)
        return f'"{etag}"' if answer.status == HTTPStatus.OK and etag else self._client.unwanted(answer)

    def _judge_completion(self, answer: Answer) -> Setback | None:
        # Where the answer to an earlier try was lost, there is no such upload any more; the size tells the rest.
        if is_missing(answer):
            return None
        return (
            error_within(answer, self._client.patience.clock())
            if answer.status == HTTPStatus.OK
            else (self._client.unwanted(answer))
        )

    def _judge_abortion(self, answer: Answer) -> Setback | None:
        return None if answer.status in _ENDED or is_missing(answer) else self._client.unwanted(answer)
