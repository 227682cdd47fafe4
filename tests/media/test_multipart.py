"""Large objects in parts, in a real store and in one that fails under way."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from exporter.errors import StoreUnavailable
from exporter.media.multipart import OwnUploads
from exporter.media.s3_answer import parsed
from exporter.media.s3_checks import Checks
from exporter.media.s3_store import LEAST_PART_BYTES, S3Store
from exporter.media.store import MASTODON_CACHE_CONTROL, Acl, Put
from tests.media.asking import a_key, store_at, store_in
from tests.media.scripted_store import Asked, ScriptedStore, answer, error, scripted_store
from tests.seaweedfs import S3Servers

PART_BYTES = 5 * 1024 * 1024
BEGUN = answer(200, b"<InitiateMultipartUploadResult><UploadId>u 1</UploadId></InitiateMultipartUploadResult>")
CHECKS = Checks(is_etag_md5=True, refuses_wrong_md5=True)
TELLS_ONLY = Checks(is_etag_md5=True, refuses_wrong_md5=False)
PROVES_NOTHING = Checks(is_etag_md5=False, refuses_wrong_md5=False)
WITHOUT_READING = ["list", "begin", "part", "part", "complete", "head"]
NOW = 1_700_000_000.0


@pytest.fixture(scope="module")
def bucket(s3_servers: S3Servers) -> str:
    return s3_servers.source.new_bucket()


@pytest.fixture(scope="module")
def store(s3_servers: S3Servers, bucket: str) -> S3Store:
    return store_in(s3_servers.source, bucket)


@pytest.fixture
def server() -> Iterator[ScriptedStore]:
    with scripted_store() as server:
        yield server


def a_put(key: str) -> Put:
    return Put(key, "video/mp4", MASTODON_CACHE_CONTROL, Acl.PUBLIC_READ, {"x-amz-meta-a": "b"})


def cut(body: bytes, part_bytes: int = PART_BYTES) -> Iterator[bytes]:
    return (body[start : start + part_bytes] for start in range(0, len(body), part_bytes))


def test_a_large_object_is_whole_and_has_its_headers(store: S3Store) -> None:
    key, body = a_key(" ü+%41.mp4"), bytes(range(256)) * 45_000
    store.put_parts(a_put(key), len(body), cut(body))
    head = store.head(key)
    assert head is not None
    assert (head.size_bytes, head.content_type, head.cache_control) == (len(body), "video/mp4", MASTODON_CACHE_CONTROL)
    assert head.metadata == {"x-amz-meta-a": "b"}
    assert head.md5_hex is None
    assert (
        b"".join(store.get_range(key, at, 1_000_000, head) for at in range(0, 11_000_000, 1_000_000))
        == body[:11_000_000]
    )


def test_nothing_is_left_where_the_parts_end_early(s3_servers: S3Servers, store: S3Store, bucket: str) -> None:
    key = a_key(".mp4")

    def parts() -> Iterator[bytes]:
        yield bytes(PART_BYTES)
        raise StoreUnavailable("the source has changed")

    with pytest.raises(StoreUnavailable, match="the source has changed"):
        store.put_parts(a_put(key), 2 * PART_BYTES, parts())
    assert store.head(key) is None
    assert uploads_of(s3_servers, bucket) == []


def test_what_a_killed_run_left_half_done_is_taken_away(s3_servers: S3Servers, bucket: str) -> None:
    store = store_in(s3_servers.source, bucket)
    store._uploads = begun_seconds_ago(-5.0)  # some time after what was left
    key, other = a_key(" +.mp4"), a_key(".mp4")
    with closing(s3_servers.source.client()) as client:
        for left in (key, key, other, f"{key}.webm"):
            begun = client.create_multipart_upload(Bucket=bucket, Key=left)
            client.upload_part(Bucket=bucket, Key=left, UploadId=begun["UploadId"], PartNumber=1, Body=b"half")
        store.put_parts(a_put(key), PART_BYTES, cut(bytes(PART_BYTES)))
        assert sorted(uploads_of(s3_servers, bucket)) == sorted([other, f"{key}.webm"])
        for upload in client.list_multipart_uploads(Bucket=bucket)["Uploads"]:
            client.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])


def begun_seconds_ago(seconds: float) -> OwnUploads:
    moments = iter([0.0])
    return OwnUploads(clock=lambda: NOW, elapsed=lambda: next(moments, seconds))


def test_what_others_have_begun_since_this_run_began_is_left_to_them(
    s3_servers: S3Servers, store: S3Store, bucket: str
) -> None:
    key = a_key(".mp4")
    with closing(s3_servers.source.client()) as client:
        begun = client.create_multipart_upload(Bucket=bucket, Key=key)
        store._uploads = begun_seconds_ago(60.0)
        store.put_parts(a_put(key), PART_BYTES, cut(bytes(PART_BYTES)))
        assert key in uploads_of(s3_servers, bucket)
        client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=begun["UploadId"])


@pytest.mark.parametrize(
    ("initiated", "headers", "is_given_up"),
    [
        ("2023-11-14T22:00:00.000Z", {}, True),
        ("2023-11-14T22:13:19Z", {}, True),
        ("2023-11-14T22:13:20Z", {}, False),
        ("2023-11-14T22:13:10.000Z", {"date": "Tue, 14 Nov 2023 22:13:10 GMT"}, False),
        ("2023-11-14T23:13:10Z", {"date": "Tue, 14 Nov 2023 23:13:12 GMT"}, True),
        ("2023-11-14T22:00:00.000Z", {"date": "yesterday"}, True),
        ("", {}, False),
        ("long ago", {}, False),
    ],
)
def test_what_was_begun_before_this_run_by_the_stores_clock_is_given_up(
    initiated: str, headers: dict[str, str], is_given_up: bool
) -> None:
    upload = parsed(f"<Upload><UploadId>u</UploadId><Initiated>{initiated}</Initiated></Upload>".encode())
    assert upload is not None
    assert begun_seconds_ago(0.5).may_be_given_up(upload, headers) is is_given_up


def test_what_this_run_could_not_give_up_is_given_up_at_the_next_try(server: ScriptedStore) -> None:
    uploads = Uploads(server)
    uploads.failures = {"part": [answer(500)], "abort": [answer(500)]}
    store = store_at(server)
    with pytest.raises(StoreUnavailable):
        store.put_parts(a_put("a.mp4"), 6, cut(b"abcdef", 4))
    left = "<Upload><Key>a.mp4</Key><UploadId>u 1</UploadId><Initiated>2999-01-01T00:00:00Z</Initiated></Upload>"
    other = left.replace("u 1", "others")
    listed = answer(200, f"<ListMultipartUploadsResult>{left}{other}</ListMultipartUploadsResult>".encode())
    uploads.failures = {"list": [listed]}
    uploads.steps.clear()
    store.put_parts(a_put("a.mp4"), 0, cut(b""))
    assert uploads.steps[:3] == ["list", "abort", "begin"]
    assert uploads.steps.count("abort") == 1


def test_an_object_that_somebody_else_has_written_meanwhile_stays(server: ScriptedStore) -> None:
    uploads = Uploads(server)
    uploads.failures["head"] = [answer(200, bytes(777), etag="theirs")]
    with pytest.raises(StoreUnavailable, match="has 777 bytes instead of 6"):
        store_at(server).put_parts(a_put("a.mp4"), 6, cut(b"abcdef", 4))
    assert "delete" not in uploads.steps


def uploads_of(s3_servers: S3Servers, bucket: str) -> list[str]:
    with closing(s3_servers.source.client()) as client:
        return [upload["Key"] for upload in client.list_multipart_uploads(Bucket=bucket).get("Uploads", [])]


class Uploads:
    """A store that takes parts; what it is to fail at can be set by the step."""

    def __init__(self, server: ScriptedStore) -> None:
        self.failures: dict[str, list[bytes]] = {}
        self.steps: list[str] = []
        self.parts: dict[str, bytes] = {}
        self.part_etag: Callable[[bytes], str] = lambda _: "p&1"
        self.etag: Callable[[list[bytes]], str] = lambda _: "ours"
        self.alter: Callable[[bytes], bytes] = bytes
        server.script = self.answer

    def answer(self, asked: Asked) -> bytes:
        step = step_of(asked)
        self.steps.append(step)
        failures = self.failures.get(step, [])
        if failures:
            return failures.pop(0) if len(failures) > 1 else failures[0]
        if step == "part":
            return self._take(asked)
        body, etag = b"".join(self.parts.values()), self.etag([*self.parts.values()])
        told = {
            "begin": BEGUN,
            "complete": answer(
                200, f"<CompleteMultipartUploadResult><ETag>{etag}</ETag></CompleteMultipartUploadResult>".encode()
            ),
            "head": answer(200, body, etag=etag),
            "list": answer(200, b"<ListMultipartUploadsResult/>"),
            "read": ranged(asked, body),
        }
        return told.get(step, answer(204))

    def _take(self, asked: Asked) -> bytes:
        self.parts[asked.path] = body = self.alter(asked.body)
        return answer(200, etag=f'"{self.part_etag(body)}"')


def ranged(asked: Asked, body: bytes) -> bytes:
    start, _, end = asked.headers.get("range", "bytes=0-0").removeprefix("bytes=").partition("-")
    part = body[int(start) : int(end) + 1]
    return answer(206, part, content_range=f"bytes {start}-{end}/{len(body)}")


def md5_of(body: bytes) -> str:
    return hashlib.md5(body).hexdigest()


def sum_of(parts: list[bytes]) -> str:
    return f"{md5_of(b''.join(hashlib.md5(part).digest() for part in parts))}-{len(parts)}"


def a_name(_: object) -> str:
    return "0" * 32


def damaged(body: bytes) -> bytes:
    return b"!" + body[1:]


def step_of(asked: Asked) -> str:
    if asked.method == "POST":
        return "begin" if "uploads" in asked.path else "complete"
    names = {"PUT": "part", "DELETE": "abort" if "uploadId" in asked.path else "delete", "HEAD": "head"}
    return names.get(asked.method, "list" if "uploads" in asked.path else "read")


def test_each_part_is_sent_with_its_md5_and_named_at_the_end(server: ScriptedStore) -> None:
    uploads = Uploads(server)
    store_at(server).put_parts(a_put("a.mp4"), 6, cut(b"abcdef", 4))
    assert uploads.steps == ["list", "begin", "part", "part", "complete", "head"]
    begun, first, second, completed = server.asked[1:5]
    assert begun.headers["x-amz-acl"] == "public-read"
    assert begun.headers["content-type"] == "video/mp4"
    assert (first.path, second.path) == (
        "/media/a.mp4?partNumber=1&uploadId=u%201",
        "/media/a.mp4?partNumber=2&uploadId=u%201",
    )
    assert first.headers["content-md5"] == "4vxxTEcn7pOV8yTNLn8zHw=="
    assert completed.body.count(b'<ETag>"p&amp;1"</ETag>') == 2


@pytest.mark.parametrize("step", ["begin", "part", "complete", "head"])
def test_a_step_that_fails_is_tried_again(server: ScriptedStore, step: str) -> None:
    uploads = Uploads(server)
    first = answer(500)

    def once(asked: Asked) -> bytes:
        nonlocal first
        told, first = (first, b"") if step_of(asked) == step and first else (uploads.answer(asked), first)
        return told

    server.script = once
    store_at(server).put_parts(a_put("a.mp4"), 6, cut(b"abcdef", 4))
    assert uploads.steps == ["list", "begin", "part", "part", "complete", "head"]


@pytest.mark.parametrize("step", ["part", "complete"])
def test_an_upload_that_cannot_be_ended_is_given_up(server: ScriptedStore, step: str) -> None:
    uploads = Uploads(server)
    uploads.failures[step] = [answer(500)]
    with pytest.raises(StoreUnavailable):
        store_at(server).put_parts(a_put("a.mp4"), 6, cut(b"abcdef", 4))
    assert uploads.steps[-1] == "abort"


def test_an_error_within_an_answer_of_status_200_is_one(server: ScriptedStore) -> None:
    uploads = Uploads(server)
    uploads.failures["complete"] = [answer(200, b"<Error><Code>InternalError</Code></Error>")]
    with pytest.raises(StoreUnavailable, match="InternalError"):
        store_at(server).put_parts(a_put("a.mp4"), 6, cut(b"abcdef", 4))


LOST = [b"", answer(500), answer(200, b"<Error><Code>InternalError</Code></Error>"), answer(200, b"<Comp")]


@pytest.mark.parametrize("lost", LOST)
def test_an_upload_that_was_complete_although_its_answer_was_lost_is_complete(
    server: ScriptedStore, lost: bytes
) -> None:
    uploads = Uploads(server)
    uploads.failures["complete"] = [lost, error(404, "NoSuchUpload")]
    store_at(server).put_parts(a_put("a.mp4"), 6, cut(b"abcdef", 4))
    assert uploads.steps[-5:] == ["complete", "complete", "head", "read", "read"]
    uploads.failures["complete"] = [lost, error(404, "NoSuchUpload")]
    uploads.etag = sum_of
    store_at(server).put_parts(a_put("a.mp4"), 6, cut(b"abcdef", 4))
    assert uploads.steps[-3:] == ["complete", "complete", "head"]


@pytest.mark.parametrize("lost", LOST)
def test_what_was_there_before_is_not_taken_for_an_upload_whose_answer_was_lost(
    server: ScriptedStore, lost: bytes
) -> None:
    uploads = Uploads(server)
    uploads.failures["complete"] = [lost, error(404, "NoSuchUpload")]
    uploads.alter = damaged
    with pytest.raises(StoreUnavailable, match="holds other bytes than it was sent"):
        store_at(server).put_parts(a_put("a.mp4"), 6, cut(b"abcdef", 4))
    assert "delete" not in uploads.steps


@pytest.mark.parametrize("first", [error(404, "NoSuchUpload"), error(400, "RequestTimeout")])
def test_an_upload_that_somebody_else_has_given_up_is_not_complete(server: ScriptedStore, first: bytes) -> None:
    uploads = Uploads(server)
    uploads.failures["complete"] = [first, error(404, "NoSuchUpload")]
    with pytest.raises(StoreUnavailable, match="NoSuchUpload"):
        store_at(server).put_parts(a_put("a.mp4"), 6, cut(b"abcdef", 4))
    assert "head" not in uploads.steps


def test_a_part_that_the_store_holds_otherwise_is_sent_again(server: ScriptedStore) -> None:
    uploads = Uploads(server)
    uploads.part_etag, uploads.etag = md5_of, sum_of
    arrived = iter([b"!bcd", b"abcd", b"!f", b"ef"])
    uploads.alter = lambda _: next(arrived)
    store_at(server, TELLS_ONLY).put_parts(a_put("a.mp4"), 6, cut(b"abcdef", 4))
    assert uploads.steps == ["list", "begin", "part", "part", "part", "part", "complete", "head"]
    assert b"".join(uploads.parts.values()) == b"abcdef"


@pytest.mark.parametrize(
    ("checks", "part_etag", "etag"),
    [
        (CHECKS, md5_of, sum_of),
        (CHECKS, md5_of, lambda _: "ours"),
        (CHECKS, lambda _: "p1", sum_of),
        (TELLS_ONLY, md5_of, sum_of),
        (PROVES_NOTHING, lambda _: "p1", lambda _: "ours"),
        (PROVES_NOTHING, md5_of, sum_of),
    ],
)
def test_a_large_object_that_the_store_holds_otherwise_is_taken_away(
    server: ScriptedStore, checks: Checks, part_etag: Callable[[bytes], str], etag: Callable[[list[bytes]], str]
) -> None:
    uploads = Uploads(server)
    uploads.alter, uploads.part_etag, uploads.etag = damaged, part_etag, etag
    with pytest.raises(StoreUnavailable, match="holds other bytes than it was sent"):
        store_at(server, checks).put_parts(a_put("a.mp4"), 6, cut(b"abcdef", 4))
    assert uploads.steps[-3:] == ["read", "head", "delete"]


def test_a_large_object_that_somebody_else_has_replaced_before_it_was_read_stays(server: ScriptedStore) -> None:
    uploads = Uploads(server)
    uploads.failures["read"] = [answer(412)]
    uploads.failures["head"] = [answer(200, b"abcdef", etag="ours"), answer(200, b"abcdef", etag="theirs")]
    with pytest.raises(StoreUnavailable, match="has changed"):
        store_at(server, PROVES_NOTHING).put_parts(a_put("a.mp4"), 6, cut(b"abcdef", 4))
    assert uploads.steps[-1] == "head"


@pytest.mark.parametrize(
    ("checks", "part_etag", "etag"),
    [
        (CHECKS, lambda _: "p1", lambda _: "ours"),
        (TELLS_ONLY, md5_of, lambda _: "ours"),
        (PROVES_NOTHING, md5_of, lambda _: "ours"),
        (PROVES_NOTHING, lambda _: "p1", sum_of),
    ],
)
def test_a_large_object_is_not_read_where_it_is_proven(
    server: ScriptedStore, checks: Checks, part_etag: Callable[[bytes], str], etag: Callable[[list[bytes]], str]
) -> None:
    uploads = Uploads(server)
    uploads.part_etag, uploads.etag = part_etag, etag
    store_at(server, checks).put_parts(a_put("a.mp4"), 6, cut(b"abcdef", 4))
    assert uploads.steps == WITHOUT_READING


def test_a_large_object_that_nothing_proves_is_read_a_part_at_a_time(server: ScriptedStore) -> None:
    Uploads(server)
    store_at(server, PROVES_NOTHING).put_parts(a_put("a.mp4"), 6, cut(b"abcdef", 4))
    read = [asked.headers["range"] for asked in server.asked if "range" in asked.headers]
    assert read == ["bytes=0-3", "bytes=4-5"]


@pytest.mark.parametrize(
    ("part_etag", "etag"),
    [(a_name, lambda _: "ours"), (lambda _: "p1", lambda _: f"{'0' * 32}-2"), (a_name, lambda _: f"{'0' * 32}-2")],
)
def test_a_store_whose_etags_of_parts_are_no_sums_is_found_out_by_reading_once(
    server: ScriptedStore, part_etag: Callable[[bytes], str], etag: Callable[[list[bytes]], str]
) -> None:
    uploads, store = Uploads(server), store_at(server, CHECKS)
    uploads.part_etag, uploads.etag = part_etag, etag
    store.put_parts(a_put("a.mp4"), 6, cut(b"abcdef", 4))
    assert uploads.steps[-2:] == ["read", "read"]
    uploads.steps.clear()
    store.put_parts(a_put("a.mp4"), 6, cut(b"abcdef", 4))
    assert uploads.steps == WITHOUT_READING


def test_an_upload_of_the_wrong_size_does_not_stay(server: ScriptedStore) -> None:
    uploads = Uploads(server)
    with pytest.raises(StoreUnavailable, match="has 6 bytes instead of 7"):
        store_at(server).put_parts(a_put("a.mp4"), 7, cut(b"abcdef", 4))
    assert uploads.steps[-1] == "delete"


def test_a_store_that_lists_no_uploads_is_written_to_all_the_same(server: ScriptedStore) -> None:
    uploads = Uploads(server)
    uploads.failures["list"] = [error(501, "NotImplemented")]
    store_at(server).put_parts(a_put("a.mp4"), 6, cut(b"abcdef", 4))
    assert uploads.steps[-1] == "head"


@pytest.mark.parametrize(
    "size", [1, LEAST_PART_BYTES, 5 * 1024**3, 7_200 * 1024**2, 7_200 * 1024**2 + 1, 100 * 1024**3]
)
def test_parts_are_as_large_as_they_must_be_and_no_more_than_900(server: ScriptedStore, size: int) -> None:
    part = store_at(server).part_size(size)
    assert part >= LEAST_PART_BYTES
    assert part % 1024**2 == 0
    assert -(-size // part) <= 900
    assert part == LEAST_PART_BYTES or -(-size // (part - 1024**2)) > 900
