"""The proxy does to requests what each fault says, to nothing else, and the store sees signatures that are right."""

import base64
import hashlib
import io
from collections.abc import Iterator
from contextlib import closing
from random import Random
from typing import TYPE_CHECKING

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from tests.media.bucket import Bucket, new_bucket, side_by_side
from tests.media.fault_proxy import Asked, Fault, FaultProxy, RandomFaults, fault_proxy
from tests.seaweedfs import S3Servers

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEYS = ("plain/name.jpg", "cache/a b/über 100%25 & #1?.png", "写真/+plus+.webp", "empty")
BODY = Random(1).randbytes(100_000)


@pytest.fixture(scope="module")
def lasting_bucket(s3_servers: S3Servers) -> Iterator[Bucket]:
    with new_bucket(s3_servers.source) as bucket:
        yield bucket


@pytest.fixture
def bucket(lasting_bucket: Bucket) -> Bucket:
    lasting_bucket.empty()
    return lasting_bucket


@pytest.fixture
def proxy(s3_servers: S3Servers) -> Iterator[FaultProxy]:
    with fault_proxy(s3_servers.source.port) as proxy:
        yield proxy


@pytest.fixture
def client(s3_servers: S3Servers, proxy: FaultProxy) -> Iterator["S3Client"]:
    with closing(s3_servers.source.client(endpoint=proxy.endpoint)) as client:
        yield client


def read(client: "S3Client", bucket: Bucket, key: str = "one") -> bytes:
    return client.get_object(Bucket=bucket.name, Key=key)["Body"].read()


@pytest.mark.parametrize("key", KEYS)
def test_without_a_fault_everything_comes_through_and_is_remembered(
    bucket: Bucket, proxy: FaultProxy, client: "S3Client", key: str
) -> None:
    body = b"" if key == "empty" else BODY
    client.put_object(Bucket=bucket.name, Key=key, Body=body, ACL="private", CacheControl="no-cache")
    assert read(client, bucket, key) == body
    assert client.head_object(Bucket=bucket.name, Key=key)["CacheControl"] == "no-cache"
    client.delete_object(Bucket=bucket.name, Key=key)
    with pytest.raises(ClientError, match="NoSuchKey"):
        read(client, bucket, key)
    assert [asked.method for asked in proxy.asked if asked.key == key] == ["PUT", "GET", "HEAD", "DELETE", "GET"]
    (put,) = proxy.asked_for("PUT", key)
    assert (put.headers["x-amz-acl"], put.headers["cache-control"]) == ("private", "no-cache")


def test_listings_and_large_objects_come_through(bucket: Bucket, proxy: FaultProxy, client: "S3Client") -> None:
    large = Random(2).randbytes(12 << 20)
    config = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20)
    client.upload_fileobj(io.BytesIO(large), bucket.name, "large", Config=config)
    assert read(client, bucket, "large") == large
    assert [one["Key"] for one in client.list_objects_v2(Bucket=bucket.name)["Contents"]] == ["large"]


def test_many_connections_at_once_do_not_mix_their_answers(bucket: Bucket, client: "S3Client") -> None:
    bodies = {f"key {number}": Random(number).randbytes(number * 100) for number in range(100)}
    side_by_side(lambda key: client.put_object(Bucket=bucket.name, Key=key, Body=bodies[key]), bodies)
    assert dict(zip(bodies, side_by_side(lambda key: read(client, bucket, key), bodies), strict=True)) == bodies


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Fault.INTERNAL_ERROR, 500),
        (Fault.UNAVAILABLE, 503),
        (Fault.SLOW_DOWN, 503),
        (Fault.TOO_MANY_REQUESTS, 429),
        (Fault.FORBIDDEN, 403),
        (Fault.REFUSED_EARLY, 503),
        (Fault.DONE_AND_LOST, 500),
    ],
)
def test_an_error_is_answered_and_the_connection_goes_on(
    bucket: Bucket, proxy: FaultProxy, client: "S3Client", fault: Fault, status: int
) -> None:
    proxy.choose = lambda asked: fault if asked.method == "PUT" else None
    with pytest.raises(ClientError) as refused:
        client.put_object(Bucket=bucket.name, Key="one", Body=BODY)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert ("one" in bucket.listed()) is (fault is Fault.DONE_AND_LOST)
    assert client.list_objects_v2(Bucket=bucket.name)["KeyCount"] == (fault is Fault.DONE_AND_LOST)


@pytest.mark.parametrize("fault", [Fault.RESET, Fault.DONE_AND_RESET])
def test_a_reset_is_one_whether_the_store_has_done_it_or_not(
    bucket: Bucket, proxy: FaultProxy, client: "S3Client", fault: Fault
) -> None:
    proxy.choose = lambda asked: fault if asked.method == "PUT" else None
    with pytest.raises((ConnectionClosedError, BotoCoreError)):
        client.put_object(Bucket=bucket.name, Key="one", Body=BODY)
    assert ("one" in bucket.listed()) is (fault is Fault.DONE_AND_RESET)


def test_an_answer_that_is_cut_short_tells_its_whole_length(
    bucket: Bucket, proxy: FaultProxy, client: "S3Client"
) -> None:
    bucket.put("one", BODY, {})
    proxy.choose = lambda _: Fault.CUT_SHORT
    with pytest.raises((IncompleteReadError, ResponseStreamingError)):
        read(client, bucket)


def test_an_answer_that_stands_still_never_ends(bucket: Bucket, proxy: FaultProxy, client: "S3Client") -> None:
    bucket.put("one", BODY, {})
    proxy.choose = lambda _: Fault.STALLED
    body = client.get_object(Bucket=bucket.name, Key="one")["Body"]
    body.set_socket_timeout(0.3)
    with pytest.raises(ReadTimeoutError):
        body.read()


def test_a_wrong_bit_comes_with_the_right_length(bucket: Bucket, proxy: FaultProxy, client: "S3Client") -> None:
    bucket.put("one", BODY, {})
    proxy.choose = lambda _: Fault.FLIPPED_ANSWER
    came = read(client, bucket)
    assert sum(a != b for a, b in zip(came, BODY, strict=True)) == 1


def test_the_store_finds_the_wrong_bit_of_a_request(bucket: Bucket, proxy: FaultProxy, client: "S3Client") -> None:
    proxy.choose = lambda _: Fault.FLIPPED_REQUEST
    digest = base64.b64encode(hashlib.md5(BODY).digest()).decode()
    with pytest.raises(ClientError):
        client.put_object(Bucket=bucket.name, Key="one", Body=BODY, ContentMD5=digest)
    assert bucket.listed() == {}


def test_faults_by_chance_are_the_same_again_and_leave_every_request_a_way_through() -> None:
    requests = [Asked("GET", f"key {number % 50}", "", {}) for number in range(500)]

    def chosen() -> list[Fault | None]:
        return list(map(RandomFaults(Random(7), 0.5), requests))

    assert chosen() == chosen()
    faults = RandomFaults(Random(7), 1.0)
    assert sum(map(bool, map(faults, requests))) == 2 * 50 == sum(faults.chosen.values())
