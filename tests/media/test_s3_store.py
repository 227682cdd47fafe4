"""Objects in real buckets, and in stores that do not do what they should."""

import hashlib
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import closing
from types import MappingProxyType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter.errors import StoreRefused, StoreUnavailable
from exporter.media.s3_checks import Checks
from exporter.media.s3_store import S3Store
from exporter.media.store import MASTODON_CACHE_CONTROL, Acl, ObjectHead, Put, StoredObject
from tests.media.asking import a_key, no_waiting, store_at, store_in
from tests.media.scripted_store import ScriptedStore, answer, error, scripted_store
from tests.seaweedfs import READER, S3Servers

BODY = b"the bytes of a picture"
MD5 = hashlib.md5(BODY).hexdigest()
ENCRYPTED = {"x_amz_server_side_encryption": "AES256"}


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


def a_put(key: str, acl: Acl | None = Acl.PUBLIC_READ, **metadata: str) -> Put:
    named = {name.replace("_", "-"): value for name, value in metadata.items()}
    return Put(key, "image/jpeg", MASTODON_CACHE_CONTROL, acl, named)


def whole(store: S3Store, key: str) -> StoredObject:
    found = store.get(key, 10_000_000, lambda _: None)
    assert isinstance(found, StoredObject)
    return found


def stored(etag: str, body: bytes = BODY, headers: Mapping[str, str] = MappingProxyType({})) -> bytes:
    return answer(200, body, etag=f'"{etag}"', **headers)


def test_what_is_written_is_read_again_with_its_headers(store: S3Store) -> None:
    key = a_key()
    store.put(a_put(key, content_disposition='inline; filename="a.jpg"', x_amz_meta_by="me"), BODY)
    found = whole(store, key)
    assert (found.body, found.md5) == (BODY, hashlib.md5(BODY).digest())
    assert found.head == store.head(key)
    assert found.head.content_type == "image/jpeg"
    assert found.head.cache_control == MASTODON_CACHE_CONTROL
    assert found.head.metadata == {"content-disposition": 'inline; filename="a.jpg"', "x-amz-meta-by": "me"}
    assert found.head.md5_hex == MD5


def test_boto3_reads_what_was_written(s3_servers: S3Servers, store: S3Store, bucket: str) -> None:
    key = a_key("ü +%41#?&=.jpg")
    store.put(a_put(key), BODY)
    with closing(s3_servers.source.client()) as client:
        found = client.get_object(Bucket=bucket, Key=key)
        assert found["Body"].read() == BODY
        assert (found["ContentType"], found["CacheControl"]) == ("image/jpeg", MASTODON_CACHE_CONTROL)


def test_what_boto3_has_written_is_read(s3_servers: S3Servers, store: S3Store, bucket: str) -> None:
    key = a_key("日本 語+%2B.jpg")
    with closing(s3_servers.source.client()) as client:
        client.put_object(Bucket=bucket, Key=key, Body=BODY, ContentType="image/png")
    assert whole(store, key).body == BODY


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.text(
        st.characters(exclude_categories=["Cs", "Cc", "Cn"], exclude_characters="/\\"), min_size=1, max_size=40
    )
)
def test_an_object_of_any_name_is_found_again_and_listed(store: S3Store, name: str) -> None:
    key = f"any/{name}x"  # this server takes a backslash for a slash
    store.put(a_put(key), name.encode())
    assert whole(store, key).body == name.encode()
    assert [one.key for one in store.list_from(key) if one.key == key] == [key]
    store.delete(key)


@pytest.mark.parametrize("size", [0, 1, 100_000, 3_000_000])
def test_an_object_of_any_size_comes_whole(store: S3Store, size: int) -> None:
    key, body = a_key(), bytes(size)
    store.put(a_put(key), body)
    assert whole(store, key).body == body


def test_memory_is_reserved_before_the_body_is_read(store: S3Store) -> None:
    key, reserved = a_key(), list[int]()
    store.put(a_put(key), BODY)
    store.get(key, 1000, reserved.append)
    assert reserved == [len(BODY)]


def test_of_an_object_that_is_too_large_only_the_head_comes(store: S3Store) -> None:
    key, reserved = a_key(), list[int]()
    store.put(a_put(key), BODY)
    assert store.get(key, len(BODY) - 1, reserved.append) == store.head(key)
    assert reserved == []


def test_an_object_that_is_not_there_is_none(store: S3Store) -> None:
    assert store.head("nowhere") is None
    assert store.get("nowhere", 1000, lambda _: None) is None
    store.delete("nowhere")


def test_parts_of_an_object_are_read(store: S3Store) -> None:
    key, body = a_key(), bytes(range(256)) * 100
    store.put(a_put(key), body)
    head = store.head(key)
    assert head is not None
    assert store.get_range(key, 300, 1000, head) == body[300:1300]
    assert store.get_range(key, 0, len(body), head) == body


def test_a_part_of_an_object_that_has_changed_is_not_read(store: S3Store) -> None:
    key = a_key()
    store.put(a_put(key), BODY)
    head = store.head(key)
    assert head is not None
    store.put(a_put(key), BODY[::-1])
    with pytest.raises(StoreUnavailable, match="has changed while it was read"):
        store.get_range(key, 0, 5, head)
    store.delete(key)
    with pytest.raises(StoreUnavailable, match="has changed while it was read"):
        store.get_range(key, 0, 5, head)


def test_who_may_only_read_is_refused_what_he_writes(s3_servers: S3Servers, store: S3Store, bucket: str) -> None:
    reader, key = store_in(s3_servers.source, bucket, READER), a_key()
    store.put(a_put(key), BODY)
    assert whole(reader, key).body == BODY
    with pytest.raises(StoreRefused, match="403 AccessDenied"):
        reader.put(a_put(key), b"other")
    assert whole(store, key).body == BODY


@pytest.mark.parametrize(
    ("put", "sent", "absent"),
    [
        (a_put("a", None), {"content-type": "image/jpeg", "cache-control": MASTODON_CACHE_CONTROL}, {"x-amz-acl"}),
        (a_put("a", Acl.PRIVATE), {"x-amz-acl": "private"}, set()),
        (a_put("a", content_language="ko", x_amz_meta_b="c"), {"content-language": "ko", "x-amz-meta-b": "c"}, set()),
        (Put("a", "", "", None), {}, {"content-type", "cache-control"}),
        (Put("a", "a/b\r\nx-amz-acl: c", "", None), {"content-type": "a/b x-amz-acl: c"}, {"x-amz-acl"}),
        (Put("a", "image/png", "", None, {"x-amz-meta-a": " \n "}), {}, {"x-amz-meta-a"}),
    ],
)
def test_an_object_is_written_with_its_headers_and_no_others(
    server: ScriptedStore, put: Put, sent: dict[str, str], absent: set[str]
) -> None:
    server.answer_in_turn(answer(200, etag=MD5))
    store_at(server).put(put, BODY)
    headers = server.asked[0].headers
    assert sent.items() <= headers.items()
    assert not absent & headers.keys()
    assert headers["content-md5"] == b64encode(bytes.fromhex(MD5)).decode()


@pytest.mark.parametrize(
    "damaged",
    [
        stored(MD5, BODY[:-1] + b"!"),
        answer(200, BODY[:-1], etag=MD5, content_length=str(len(BODY))),
        stored(MD5, BODY[:-1]),
    ],
)
def test_bytes_that_are_not_the_objects_are_read_again(server: ScriptedStore, damaged: bytes) -> None:
    server.answer_in_turn(damaged, damaged, stored(MD5))
    assert whole(store_at(server), "a").body == BODY
    server.answer_in_turn(damaged)
    with pytest.raises(StoreUnavailable):
        store_at(server).get("a", 1000, lambda _: None)


@pytest.mark.parametrize(
    ("etag", "headers"),
    [
        ("18064a562568351ce7dab8041ec4e6a8-3", {}),
        ("0" * 32, {"x_amz_server_side_encryption": "aws:kms"}),
        ("0" * 32, {"x_amz_server_side_encryption_customer_algorithm": "AES256"}),
        ("", {}),
    ],
)
def test_an_etag_that_is_no_md5_says_nothing_of_the_bytes(
    server: ScriptedStore, etag: str, headers: dict[str, str]
) -> None:
    server.answer_in_turn(stored(etag, headers=headers))
    assert whole(store_at(server), "a").body == BODY
    assert len(server.asked) == 1


def test_where_a_store_encrypts_the_same_bytes_twice_are_the_objects(server: ScriptedStore) -> None:
    encrypted = stored("0" * 32, headers=ENCRYPTED)
    flipped = stored("0" * 32, BODY[:-1] + b"!", headers=ENCRYPTED)
    server.answer_in_turn(flipped, encrypted, encrypted)
    assert whole(store_at(server), "a").body == BODY
    assert len(server.asked) == 3


def test_what_a_store_holds_otherwise_than_it_was_sent_is_written_again(server: ScriptedStore) -> None:
    server.answer_in_turn(answer(200, etag="0" * 32), answer(200, etag=MD5.upper()))
    store_at(server).put(a_put("a"), BODY)
    assert server.methods == ["PUT", "PUT"]
    assert all(asked.body == BODY for asked in server.asked)


def test_what_a_store_holds_otherwise_to_the_end_is_taken_away(server: ScriptedStore) -> None:
    server.answer_in_turn(answer(200, etag="0" * 32))
    with pytest.raises(StoreUnavailable, match="it holds other bytes than it was sent"):
        store_at(server, patience=no_waiting(attempts=2)).put(a_put("a"), BODY)
    assert server.methods[:4] == ["PUT", "PUT", "HEAD", "DELETE"]


def test_what_somebody_else_has_put_in_its_place_meanwhile_stays(server: ScriptedStore) -> None:
    server.script = lambda asked: answer(200, etag=("0" if asked.method == "PUT" else "1") * 32)
    with pytest.raises(StoreUnavailable, match="it holds other bytes than it was sent"):
        store_at(server, patience=no_waiting(attempts=2)).put(a_put("a"), BODY)
    assert server.methods == ["PUT", "PUT", "HEAD"]


def test_a_head_alone_does_not_make_an_object_missing(server: ScriptedStore) -> None:
    server.script = lambda _: answer(404, server="envoy")
    with pytest.raises(StoreUnavailable, match="not how a store says that an object is not there"):
        store_at(server).head("a")
    server.script = lambda asked: answer(404, b"" if asked.method == "HEAD" else b"<html>no backend</html>")
    with pytest.raises(StoreUnavailable, match="not how a store says that an object is not there"):
        store_at(server).head("a")
    server.script = lambda asked: answer(404) if asked.method == "HEAD" else stored(MD5)
    head = store_at(server).head("a")
    assert head is not None
    assert head.size_bytes == len(BODY)
    server.script = lambda asked: answer(404) if asked.method == "HEAD" else error(404, "NoSuchKey")
    assert store_at(server).head("a") is None
    server.asked.clear()
    server.script = lambda _: answer(404, x_amz_request_id="1")
    assert store_at(server).head("a") is None
    assert server.methods == ["HEAD"]


@pytest.mark.parametrize("size", ["9" * 5000, "-5", "1" * 20, "٣"])
def test_a_size_that_is_none_is_refused(server: ScriptedStore, size: str) -> None:
    server.script = lambda _: f"HTTP/1.1 200 OK\r\ncontent-length: {size}\r\n\r\n".encode()
    with pytest.raises((StoreRefused, StoreUnavailable)):
        store_at(server, patience=no_waiting(attempts=2)).head("a")


def test_what_was_never_written_is_not_taken_away(server: ScriptedStore) -> None:
    server.answer_in_turn(answer(500))
    with pytest.raises(StoreUnavailable):
        store_at(server, patience=no_waiting(attempts=2)).put(a_put("a"), BODY)
    assert server.methods == ["PUT", "PUT"]


def test_bytes_that_were_altered_on_their_way_are_sent_again(server: ScriptedStore) -> None:
    server.answer_in_turn(error(400, "BadDigest"), error(400, "XAmzContentSHA256Mismatch"), answer(200, etag=MD5))
    store_at(server).put(a_put("a"), BODY)
    assert server.methods == ["PUT", "PUT", "PUT"]


@pytest.mark.parametrize("etag", ["0" * 32, "abc-1", ""])
def test_where_nothing_else_proves_it_the_size_is_asked_for(server: ScriptedStore, etag: str) -> None:
    store = store_at(server, Checks(is_etag_md5=False, refuses_wrong_md5=False))
    server.answer_in_turn(answer(200, etag=etag), answer(200, BODY))
    store.put(a_put("a"), BODY)
    assert server.methods == ["PUT", "HEAD"]


def test_an_object_of_the_wrong_size_is_taken_away(server: ScriptedStore) -> None:
    store = store_at(server, Checks(is_etag_md5=False, refuses_wrong_md5=False))
    server.answer_in_turn(answer(200, etag="x"), answer(200, BODY + b"!", etag="x"))
    with pytest.raises(StoreUnavailable, match="bytes instead of"):
        store.put(a_put("a"), BODY)
    assert server.methods == ["PUT", "HEAD", "HEAD", "DELETE"]


def test_a_store_whose_etag_is_no_md5_never_seems_to_tell_one(server: ScriptedStore) -> None:
    store = store_at(server, Checks(is_etag_md5=False))
    server.answer_in_turn(stored("0" * 32))
    head = store.head("a")
    assert head is not None
    assert head.md5_hex is None
    assert whole(store, "a").body == BODY


@pytest.mark.parametrize(
    ("written", "kept"),
    [("gzip", {"content-encoding": "gzip"}), ("aws-chunked", {}), ("gzip,aws-chunked", {"content-encoding": "gzip"})],
)
def test_how_an_upload_was_sent_is_no_property_of_the_object(
    server: ScriptedStore, written: str, kept: dict[str, str]
) -> None:
    server.answer_in_turn(stored(MD5, headers={"content_encoding": written}))
    assert whole(store_at(server), "a").head.metadata == kept


def test_a_store_that_gives_no_parts_is_refused(server: ScriptedStore) -> None:
    server.answer_in_turn(answer(200, BODY))
    with pytest.raises(StoreRefused, match="it gives no parts of objects"):
        store_at(server).get_range("a", 2, 5, ObjectHead(len(BODY)))


@pytest.mark.parametrize("told", [f"bytes 3-7/{len(BODY)}", "bytes 2-6/9999", ""])
def test_another_part_than_was_asked_for_is_not_taken(server: ScriptedStore, told: str) -> None:
    server.answer_in_turn(answer(206, BODY[2:7], content_range=told))
    with pytest.raises(StoreUnavailable, match="has changed"):
        store_at(server).get_range("a", 2, 5, ObjectHead(len(BODY)))


def test_a_part_that_is_cut_short_is_read_again(server: ScriptedStore) -> None:
    told = f"bytes 2-6/{len(BODY)}"
    server.answer_in_turn(
        answer(206, BODY[2:5], content_range=told, content_length="5"),
        answer(206, BODY[2:5], content_range=told),
        answer(206, BODY[2:7], content_range=told),
    )
    assert store_at(server).get_range("a", 2, 5, ObjectHead(len(BODY), etag="x")) == BODY[2:7]
    assert server.asked[0].headers["range"] == "bytes=2-6"
    assert server.asked[0].headers["if-match"] == '"x"'


def test_who_may_read_an_object_is_changed_and_its_bytes_stay(server: ScriptedStore) -> None:
    assert store_at(server).set_acl("a b.jpg", Acl.PRIVATE)
    (asked,) = server.asked
    assert (asked.method, asked.path, asked.body) == ("PUT", "/media/a%20b.jpg?acl=", b"")
    assert asked.headers["x-amz-acl"] == "private"


@pytest.mark.parametrize(
    "refusal", [error(501, "NotImplemented"), error(400, "AccessControlListNotSupported"), error(403, "AccessDenied")]
)
def test_a_store_that_changes_no_acl_by_itself_says_so_at_once(server: ScriptedStore, refusal: bytes) -> None:
    server.script = lambda _: refusal
    assert not store_at(server).set_acl("a", Acl.PRIVATE)
    assert len(server.asked) == 1


def test_a_store_that_would_damage_an_object_is_not_asked_to_change_its_acl(server: ScriptedStore) -> None:
    assert not store_at(server, Checks(changes_acl=False)).set_acl("a", Acl.PRIVATE)
    assert server.asked == []


def test_a_store_in_trouble_is_not_taken_for_one_that_changes_no_acl(server: ScriptedStore) -> None:
    server.script = lambda _: error(503, "SlowDown")
    with pytest.raises(StoreUnavailable):
        store_at(server, patience=no_waiting(attempts=2)).set_acl("a", Acl.PRIVATE)


def test_a_real_store_changes_an_acl_of_an_object_that_is_there(s3_servers: S3Servers, store: S3Store) -> None:
    key = a_key("ü+.jpg")
    store.put(a_put(key), BODY)
    assert store.set_acl(key, Acl.PRIVATE)
    assert whole(store, key).body == BODY


def test_an_object_is_copied_inside_a_store(s3_servers: S3Servers, store: S3Store) -> None:
    other = store_in(s3_servers.source, s3_servers.source.new_bucket())
    key, new_key = a_key(" ü+%41.jpg"), a_key(" é+%42.jpg")
    store.put(Put(key, "text/plain", "no-store", None), BODY)
    head = store.head(key)
    assert head is not None
    assert other.can_copy_from(store)
    assert other.copy_from(store, key, a_put(new_key, x_amz_meta_a="b"), head)
    copied = whole(other, new_key)
    assert copied.body == BODY
    assert (copied.head.content_type, copied.head.cache_control) == ("image/jpeg", MASTODON_CACHE_CONTROL)
    assert copied.head.metadata == {"x-amz-meta-a": "b"}


def test_nothing_is_copied_from_one_store_to_another(s3_servers: S3Servers, store: S3Store) -> None:
    other = store_in(s3_servers.destination, s3_servers.destination.new_bucket())
    assert not other.can_copy_from(store)
    assert not other.copy_from(store, "a", a_put("a"), ObjectHead(1))


def test_an_object_that_has_gone_or_changed_is_left_to_who_reads_it(store: S3Store) -> None:
    key = a_key()
    store.put(a_put(key), BODY)
    assert not store.copy_from(store, "nowhere", a_put(a_key()), ObjectHead(1, etag=MD5))
    assert store.can_copy_from(store)


@pytest.mark.parametrize(
    "told", [error(403, "AccessDenied"), error(501, "NotImplemented"), error(400, "InvalidRequest"), answer(405)]
)
def test_a_store_that_will_not_copy_is_not_asked_again(server: ScriptedStore, told: bytes) -> None:
    store = store_at(server)
    server.answer_in_turn(told)
    assert not store.copy_from(store, "a", a_put("b"), ObjectHead(1))
    assert not store.can_copy_from(store)
    assert not store.copy_from(store, "a", a_put("b"), ObjectHead(1))
    assert server.methods == ["PUT"]


def test_a_copy_that_fails_under_way_is_made_again(server: ScriptedStore) -> None:
    copied = answer(200, f"<CopyObjectResult><ETag>&quot;{MD5}&quot;</ETag></CopyObjectResult>".encode())
    server.answer_in_turn(answer(200, b"<Error><Code>InternalError</Code></Error>"), answer(503), copied)
    store = store_at(server)
    assert store.copy_from(store, "a", a_put("b"), ObjectHead(len(BODY), etag=MD5))
    assert server.methods == ["PUT", "PUT", "PUT"]
    headers = server.asked[0].headers
    assert headers["x-amz-copy-source"] == "/media/a"
    assert headers["x-amz-metadata-directive"] == "REPLACE"
    assert headers["x-amz-acl"] == "public-read"
    assert headers["x-amz-copy-source-if-match"] == f'"{MD5}"'


def test_a_copy_without_an_md5_is_measured(server: ScriptedStore) -> None:
    copied = answer(200, b"<CopyObjectResult><ETag>x</ETag></CopyObjectResult>")
    server.script = lambda asked: answer(200, BODY) if asked.method == "HEAD" else copied
    store = store_at(server)
    assert store.copy_from(store, "a", a_put("b"), ObjectHead(len(BODY), etag="x-2"))
    with pytest.raises(StoreUnavailable, match="bytes instead of"):
        store.copy_from(store, "a", a_put("b"), ObjectHead(len(BODY) + 1, etag="x-2"))


def test_what_is_too_large_for_one_request_is_not_copied(server: ScriptedStore) -> None:
    store = store_at(server)
    assert not store.copy_from(store, "a", a_put("b"), ObjectHead(5 * 1024**3 + 1))
    assert server.asked == []


def grants(*told: tuple[str, str]) -> bytes:
    within = "".join(
        f'<Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="Group"><URI>{who}</URI>'
        f"</Grantee><Permission>{may}</Permission></Grant>"
        for who, may in told
    )
    name = "http://s3.amazonaws.com/doc/2006-03-01/"
    policy = (
        f'<AccessControlPolicy xmlns="{name}"><AccessControlList>{within}</AccessControlList></AccessControlPolicy>'
    )
    return answer(200, policy.encode())


EVERYBODY = "http://acs.amazonaws.com/groups/global/AllUsers"


@pytest.mark.parametrize(
    ("told", "acl"),
    [
        (grants((EVERYBODY, "READ")), Acl.PUBLIC_READ),
        (grants(("", "FULL_CONTROL"), (EVERYBODY, "READ")), Acl.PUBLIC_READ),
        (grants(("", "FULL_CONTROL")), Acl.PRIVATE),
        (grants((EVERYBODY, "WRITE")), Acl.PRIVATE),
        (grants(("http://acs.amazonaws.com/groups/global/AuthenticatedUsers", "READ")), Acl.PRIVATE),
        (error(501, "NotImplemented"), None),
        (error(403, "AccessDenied"), None),
    ],
)
def test_who_may_read_an_object_is_told_where_the_store_tells_it(
    server: ScriptedStore, told: bytes, acl: Acl | None
) -> None:
    server.answer_in_turn(told)
    assert store_at(server).acl_of("a b.jpg") is acl
    assert server.asked[0].path == "/media/a%20b.jpg?acl="
