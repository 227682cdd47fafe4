"""A bucket as an independent client sees it: many objects at once, without the code under test."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, TypeVar
from urllib.parse import quote

import urllib3
from boto3.s3.transfer import TransferConfig
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.seaweedfs import OWNER, REGION, RunningSeaweed

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

T = TypeVar("T")
R = TypeVar("R")

_THREADS = 8
_PUBLIC = "http://acs.amazonaws.com/groups/global/AllUsers"


@dataclass(frozen=True)
class Lying:
    """What a listing tells of an object."""

    size_bytes: int
    etag: str


class Bucket:
    """One bucket of a running server. Requests are signed by botocore and sent without boto3, which is slower."""

    def __init__(self, server: RunningSeaweed, name: str, client: "S3Client") -> None:
        self.server = server
        self.name = name
        self.client = client
        credentials = Credentials(OWNER.access, OWNER.secret)
        self._signer = S3SigV4QueryAuth(credentials, "s3", REGION)
        self._pool = urllib3.PoolManager(maxsize=_THREADS, retries=False, timeout=60)

    def put(self, key: str, body: bytes, headers: Mapping[str, str]) -> None:
        answer = self._ask("PUT", key, body=body, headers=headers)
        assert answer.status == 200, (answer.status, key, answer.data[:500])

    def put_large(self, key: str, body: BinaryIO, headers: Mapping[str, str]) -> None:
        """Write in parts, as Mastodon does: the ETag then is no MD5."""
        names = {"Content-Type": "ContentType", "Cache-Control": "CacheControl"}
        extra = {names[name]: value for name, value in headers.items() if name in names}
        mebibyte = 1 << 20
        config = TransferConfig(multipart_threshold=15 * mebibyte, multipart_chunksize=5 * mebibyte)
        self.client.upload_fileobj(body, self.name, key, ExtraArgs=extra, Config=config)

    def head(self, key: str) -> Mapping[str, str] | None:
        """Return the headers of an object in lower case, or None where it is not there."""
        answer = self._ask("HEAD", key)
        if answer.status == 404:
            return None
        assert answer.status == 200, (answer.status, key)
        return {name.lower(): value for name, value in answer.headers.items()}

    def md5(self, key: str) -> str:
        """Return the MD5 of the bytes that can be read."""
        digest = hashlib.md5()
        for chunk in self.client.get_object(Bucket=self.name, Key=key)["Body"].iter_chunks(1 << 20):
            digest.update(chunk)
        return digest.hexdigest()

    def is_public(self, key: str) -> bool:
        """Tell whether everybody may read an object, by its own access rules."""
        grants = self.client.get_object_acl(Bucket=self.name, Key=key)["Grants"]
        return any(grant.get("Grantee", {}).get("URI") == _PUBLIC for grant in grants)

    def listed(self) -> dict[str, Lying]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name)
        found = (one for page in pages for one in page.get("Contents", []))
        return {one["Key"]: Lying(one["Size"], one["ETag"].strip('"')) for one in found}

    def unfinished_uploads(self) -> list[str]:
        return [one["Key"] for one in self.client.list_multipart_uploads(Bucket=self.name).get("Uploads", [])]

    def delete(self, key: str) -> None:
        self.client.delete_object(Bucket=self.name, Key=key)

    def empty(self) -> None:
        side_by_side(self.delete, self.listed())

    def _ask(
        self, method: str, key: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> urllib3.BaseHTTPResponse:
        signed = AWSRequest(method=method, url=f"{self.server.endpoint}/{self.name}/{quote(key)}")
        self._signer.add_auth(signed)
        url, sent = str(signed.url), dict(headers or {})
        return self._pool.urlopen(method, url, body=body, headers=sent, assert_same_host=False)


def side_by_side(ask: Callable[[T], R], of_all: Iterable[T]) -> list[R]:
    """Return the answers in the order of the questions, several of which are asked at once."""
    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(ask, of_all))


@contextmanager
def new_bucket(server: RunningSeaweed) -> Iterator[Bucket]:
    """Give a fresh, empty bucket."""
    with closing(server.client()) as client:
        yield Bucket(server, server.new_bucket(), client)
