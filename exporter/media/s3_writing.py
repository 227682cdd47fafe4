"""An object that is being written: by what the store proves that it holds the right bytes."""

import re
from http import HTTPStatus

from exporter.media.connection import Answer
from exporter.media.s3_answer import Setback, etag_of
from exporter.media.s3_checks import Checks
from exporter.media.s3_client import S3Client

_MD5 = re.compile(r"[0-9a-fA-F]{32}")
_WRITTEN = frozenset({HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.NO_CONTENT})


class Writing:
    """Bytes that are being written, over several tries. `is_damaged`: the last try has left other ones.

    `etag` is what the store called those of the last try.
    """

    def __init__(self, client: S3Client, checks: Checks, md5: bytes) -> None:
        self.is_damaged = False
        self.etag = ""
        self._client = client
        self._checks = checks
        self._md5_hex = md5.hex()

    def judge(self, answer: Answer) -> str | Setback:
        """Return the ETag, unless it tells of other bytes."""
        if answer.status not in _WRITTEN:
            return self._client.unwanted(answer)
        self.etag = etag = etag_of(answer.headers)
        self.is_damaged = self._is_md5(etag) and etag.lower() != self._md5_hex
        return Setback("it holds other bytes than it was sent") if self.is_damaged else etag

    def is_proven_by(self, etag: str) -> bool:
        """Tell whether no further look is needed."""
        return self._is_md5(etag) or self._checks.refuses_wrong_md5

    def _is_md5(self, etag: str) -> bool:
        return self._checks.is_etag_md5 and _MD5.fullmatch(etag) is not None
