"""Stores as a configuration names them: tried before the first object is moved."""

import hashlib
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.config import Secret
from exporter.config.media_model import AclChoice, FolderSettings, LazySecret, S3Settings
from exporter.errors import ConfigError, StoreRefused, StoreUnavailable
from exporter.media.local_store import LocalStore
from exporter.media.open_stores import open_destination, open_source
from exporter.media.s3_address import address_of
from exporter.media.s3_store import LEAST_PART_BYTES
from exporter.media.store import Acl, Put, StoredObject
from exporter.media.store_probe import Abilities
from tests.media.asking import NotedPace, no_waiting
from tests.media.scripted_store import Asked, ScriptedStore, answer, error, scripted_store
from tests.seaweedfs import OWNER, READER, Keys, S3Servers

MEMORY_BYTES = 256 * 1024 * 1024
EVERYBODY = "http://acs.amazonaws.com/groups/global/AllUsers"


@pytest.fixture
def server() -> Iterator[ScriptedStore]:
    with scripted_store() as server:
        yield server


class Bucket:
    """A bucket in memory, which keeps all the rules; a test lets it break one."""

    def __init__(self, server: ScriptedStore) -> None:
        self.kept: dict[str, tuple[Asked, bytes]] = {}
        self.refused_acls: set[str] = set()
        self.shows_acl = True
        self.keeps_acl = True
        self.change_of_acl: Callable[[str, Asked], bytes] = self.change_acl
        self.keeps_headers = True
        self.checks_md5 = True
        self.etag = ""
        self.absent = answer(404)
        self.deletion = answer(204)
        self.alter: Callable[[bytes], bytes] = bytes
        server.script = self.answer

    def answer(self, asked: Asked) -> bytes:
        key, _, query = asked.path.partition("?")
        if asked.method == "PUT":
            return self.change_of_acl(key, asked) if query == "acl=" else self.put(key, asked)
        if asked.method == "DELETE":
            if self.deletion.startswith(b"HTTP/1.1 204"):
                self.kept.pop(key, None)
            return self.deletion
        if key not in self.kept:
            return self.absent
        return self._acl(key) if query == "acl=" else self._get(key)

    def change_acl(self, key: str, asked: Asked) -> bytes:
        before, body = self.kept[key]
        acl = {"x-amz-acl": asked.headers["x-amz-acl"]}
        self.kept[key] = (replace(before, headers={**before.headers, **acl}), body)
        return answer(200)

    def put(self, key: str, asked: Asked) -> bytes:
        if asked.headers.get("x-amz-acl") in self.refused_acls:
            return error(400, "AccessControlListNotSupported")
        md5 = hashlib.md5(asked.body).digest()
        if self.checks_md5 and asked.headers.get("content-md5", "") not in ("", b64encode(md5).decode()):
            return error(400, "BadDigest")
        self.kept[key] = (asked, self.alter(asked.body))
        return answer(200, etag=self.etag or md5.hex())

    def _get(self, key: str) -> bytes:
        asked, body = self.kept[key]
        told = {
            "content_type": asked.headers.get("content-type", ""),
            "cache_control": asked.headers.get("cache-control", ""),
        }
        told = told if self.keeps_headers else {"content_type": "application/octet-stream"}
        return answer(200, body, etag=self.etag or hashlib.md5(body).hexdigest(), **told)

    def _acl(self, key: str) -> bytes:
        if not self.shows_acl:
            return error(501, "NotImplemented")
        is_public = self.keeps_acl and self.kept[key][0].headers.get("x-amz-acl") == "public-read"
        who = EVERYBODY if is_public else "somebody"
        grant = f"<Grant><Grantee><URI>{who}</URI></Grantee><Permission>READ</Permission></Grant>"
        return answer(200, f"<AccessControlPolicy>{grant}</AccessControlPolicy>".encode())


@pytest.fixture
def bucket(server: ScriptedStore) -> Bucket:
    return Bucket(server)


def settings_at(server: ScriptedStore, acl: AclChoice = AclChoice.AUTO) -> S3Settings:
    key, secret = LazySecret(text=Secret(OWNER.access)), LazySecret(text=Secret(OWNER.secret))
    return S3Settings("media", server.endpoint, access_key=key, secret_key=secret, prefix="live", acl=acl)


def abilities_at(server: ScriptedStore, acl: AclChoice = AclChoice.AUTO) -> Abilities:
    return open_destination(settings_at(server, acl), NotedPace(), MEMORY_BYTES, no_waiting()).abilities


def test_a_real_destination_is_tried_and_left_as_it_was(s3_servers: S3Servers) -> None:
    settings = s3_servers.destination.settings(s3_servers.destination.new_bucket(), prefix="live")
    opened = open_destination(settings, NotedPace(), MEMORY_BYTES)
    assert opened.abilities.checks.is_etag_md5
    assert opened.abilities.checks.refuses_wrong_md5
    (note,) = opened.abilities.notes
    assert note.startswith(f"{opened.store.address.name} takes ACLs and ")
    assert list(opened.store.list_from("")) == []
    opened.store.put(Put("live/a.png", "image/png", "", None), b"body")
    source = open_source(settings, NotedPace())
    found = source.store.get("live/a.png", 100, lambda _: None)
    assert isinstance(found, StoredObject)
    assert (found.body, source.notes) == (b"body", ())


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (Keys(OWNER.access, "wrong"), "SignatureDoesNotMatch"),
        (Keys("NOBODY", OWNER.secret), "InvalidAccessKeyId"),
        (READER, "AccessDenied"),
    ],
)
def test_who_may_not_write_is_refused_before_anything_is_moved(s3_servers: S3Servers, keys: Keys, words: str) -> None:
    settings = s3_servers.destination.settings(s3_servers.destination.new_bucket(), keys=keys)
    with pytest.raises(StoreRefused, match=words):
        open_destination(settings, NotedPace(), MEMORY_BYTES, no_waiting())


@pytest.mark.parametrize("keys", [Keys(OWNER.access, "wrong"), Keys("NOBODY", OWNER.secret)])
def test_who_may_not_read_is_refused_before_anything_is_moved(s3_servers: S3Servers, keys: Keys) -> None:
    settings = s3_servers.source.settings(s3_servers.source.new_bucket(), keys=keys)
    with pytest.raises(StoreRefused):
        open_source(settings, NotedPace(), no_waiting())


def test_a_bucket_that_is_not_there_is_told_apart_from_objects_that_are_not(s3_servers: S3Servers) -> None:
    with pytest.raises(StoreRefused, match="NoSuchBucket"):
        open_source(s3_servers.source.settings("no-such-bucket"), NotedPace(), no_waiting())


def test_a_store_that_keeps_everything_is_told_so(server: ScriptedStore, bucket: Bucket) -> None:
    abilities = abilities_at(server)
    assert (abilities.takes_acl, abilities.checks.shows_acl, abilities.checks.changes_acl) == (True, True, True)
    assert (abilities.checks.is_etag_md5, abilities.checks.refuses_wrong_md5) == (True, True)
    assert abilities.notes == (f"{address_of(settings_at(server)).name} takes ACLs and shows them",)
    assert bucket.kept == {}
    assert {asked.path.partition("?")[0].rpartition("-")[0] for asked in server.asked} == {
        "/media/live/mastodon-remedy"
    }


@pytest.mark.parametrize("refused", [{"public-read"}, {"private"}, {"public-read", "private"}])
def test_a_store_that_refuses_an_acl_gets_none(server: ScriptedStore, bucket: Bucket, refused: set[str]) -> None:
    bucket.refused_acls = refused
    abilities = abilities_at(server)
    assert (abilities.takes_acl, abilities.checks.shows_acl) == (False, False)
    assert "takes no ACLs, so that none are sent" in abilities.notes[0]
    assert bucket.kept == {}


def test_a_store_that_takes_acls_and_shows_another_gets_them(server: ScriptedStore, bucket: Bucket) -> None:
    bucket.keeps_acl = False
    abilities = abilities_at(server)
    assert (abilities.takes_acl, abilities.checks.shows_acl) == (True, False)


def test_a_store_that_takes_acls_and_shows_none_gets_them(server: ScriptedStore, bucket: Bucket) -> None:
    bucket.shows_acl = False
    opened = open_destination(settings_at(server), NotedPace(), MEMORY_BYTES, no_waiting())
    abilities = opened.abilities
    assert (abilities.takes_acl, abilities.checks.shows_acl) == (True, False)
    assert "does not show them" in abilities.notes[0]
    server.asked.clear()
    assert opened.store.acl_of("a") is None
    assert server.asked == []


def lose_the_headers(bucket: Bucket, key: str, asked: Asked) -> bytes:
    before, body = bucket.kept[key]
    bucket.kept[key] = (replace(before, headers={"x-amz-acl": asked.headers["x-amz-acl"]}), body)
    return answer(200)


@pytest.mark.parametrize("acl", [AclChoice.AUTO, AclChoice.PRIVATE])
@pytest.mark.parametrize("shows_acl", [True, False])
@pytest.mark.parametrize(
    "change",
    [
        Bucket.put,
        lose_the_headers,
        lambda *_: error(501, "NotImplemented"),
        lambda *_: error(500, "InternalError"),
    ],
    ids=["takes it for an object without bytes", "loses the headers", "knows it not", "fails"],
)
def test_a_store_that_does_not_change_an_acl_and_nothing_else_is_not_asked_to(
    server: ScriptedStore,
    bucket: Bucket,
    change: Callable[[Bucket, str, Asked], bytes],
    shows_acl: bool,
    acl: AclChoice,
) -> None:
    bucket.shows_acl = shows_acl
    bucket.change_of_acl = lambda key, asked: change(bucket, key, asked)
    opened = open_destination(settings_at(server, acl), NotedPace(), MEMORY_BYTES, no_waiting())
    checks = opened.abilities.checks
    assert (checks.shows_acl, checks.changes_acl) == (shows_acl, False)
    assert "changes no ACL" in opened.abilities.notes[1]
    assert bucket.kept == {}
    server.asked.clear()
    assert not opened.store.set_acl("a", Acl.PRIVATE)
    assert server.asked == []


def test_a_store_that_only_says_that_it_has_changed_an_acl_is_found_out(server: ScriptedStore, bucket: Bucket) -> None:
    bucket.change_of_acl = lambda *_: answer(200)
    assert not abilities_at(server).checks.changes_acl


def test_an_acl_that_the_configuration_asks_for_and_the_store_refuses_stops_the_run(
    server: ScriptedStore, bucket: Bucket
) -> None:
    bucket.refused_acls = {"public-read"}
    with pytest.raises(StoreRefused, match="write `acl: none`"):
        abilities_at(server, AclChoice.PUBLIC_READ)
    assert bucket.kept == {}
    assert abilities_at(server, AclChoice.PRIVATE).takes_acl


def test_no_acl_is_sent_where_none_is_wanted(server: ScriptedStore, bucket: Bucket) -> None:
    assert not abilities_at(server, AclChoice.NONE).takes_acl
    assert not any("x-amz-acl" in asked.headers for asked in server.asked)


def test_a_store_whose_etag_is_no_md5_is_found_out(server: ScriptedStore, bucket: Bucket) -> None:
    bucket.etag = "0" * 32
    opened = open_destination(settings_at(server), NotedPace(), MEMORY_BYTES, no_waiting())
    assert not opened.abilities.checks.is_etag_md5
    opened.store.put(Put("a", "image/png", "", None), b"body")


def test_a_store_that_compares_no_md5_is_found_out(server: ScriptedStore, bucket: Bucket) -> None:
    bucket.checks_md5 = False
    assert not abilities_at(server).checks.refuses_wrong_md5


def test_a_store_that_loses_headers_is_told_of(server: ScriptedStore, bucket: Bucket) -> None:
    bucket.keeps_headers = False
    *_, note = abilities_at(server).notes
    assert "does not keep Content-Type and Cache-Control" in note


@pytest.mark.parametrize(
    "alter",
    [lambda body: body[::-1], lambda body: body[:-1], lambda body: body + b"0\r\nx-amz-checksum", lambda _: b""],
)
def test_a_store_that_gives_back_other_bytes_is_not_used(
    server: ScriptedStore, bucket: Bucket, alter: Callable[[bytes], bytes]
) -> None:
    bucket.alter = alter
    with pytest.raises(StoreRefused, match="it cannot be trusted"):
        abilities_at(server)
    assert bucket.kept == {}


def test_a_store_in_which_nothing_may_be_deleted_is_told_of(server: ScriptedStore, bucket: Bucket) -> None:
    bucket.deletion = error(403, "AccessDenied")
    *_, note = abilities_at(server).notes
    assert "stays there" in note
    assert "403 AccessDenied" in note


@pytest.mark.parametrize("absent", [error(403, "AccessDenied"), answer(403)])
def test_a_store_that_answers_403_for_what_is_not_there_is_told_of(
    server: ScriptedStore, bucket: Bucket, absent: bytes
) -> None:
    bucket.absent = absent
    for notes in (abilities_at(server).notes, open_source(settings_at(server), NotedPace(), no_waiting()).notes):
        assert "give the access key the right to list the bucket" in notes[-1]


@pytest.mark.parametrize("absent", [answer(404), error(404, "NoSuchKey")])
def test_a_404_without_a_word_is_a_stores_where_it_has_been_seen_at_the_start(
    server: ScriptedStore, bucket: Bucket, absent: bytes
) -> None:
    bucket.absent = absent
    source = open_source(settings_at(server), NotedPace(), no_waiting()).store
    destination = open_destination(settings_at(server), NotedPace(), MEMORY_BYTES, no_waiting()).store
    is_bare = absent == answer(404)
    bucket.absent = answer(404)
    for ask in (source.head, destination.head, lambda key: source.get(key, 1, lambda _: None)):
        if is_bare:
            assert ask("a") is None
        else:
            with pytest.raises(StoreUnavailable, match="not how a store says that an object is not there"):
                ask("a")


def test_a_source_that_has_an_object_for_every_key_is_not_used(server: ScriptedStore) -> None:
    server.answer_in_turn(answer(200, b"<html>welcome</html>"))
    with pytest.raises(StoreRefused, match="it answers with an object where there can be none"):
        open_source(settings_at(server), NotedPace(), no_waiting())


def test_a_destination_that_is_away_is_unavailable(server: ScriptedStore) -> None:
    server.answer_in_turn(answer(503))
    with pytest.raises(StoreUnavailable):
        abilities_at(server)


def test_a_folder_is_a_source(tmp_path: Path) -> None:
    assert isinstance(open_source(FolderSettings(tmp_path), NotedPace()).store, LocalStore)


def test_parts_are_smaller_where_memory_is(server: ScriptedStore, bucket: Bucket) -> None:
    for memory_bytes, part_bytes in ((MEMORY_BYTES, LEAST_PART_BYTES), (16 * 1024 * 1024, 5 * 1024 * 1024)):
        opened = open_destination(settings_at(server), NotedPace(), memory_bytes, no_waiting())
        assert opened.store.part_size(1) == part_bytes


def test_keys_come_from_where_the_aws_tools_find_them(
    server: ScriptedStore, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "FROMENVIRONMENT")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "lent")
    settings = replace(settings_at(server), access_key=None, secret_key=None)
    open_source(settings, NotedPace(), no_waiting())
    assert "Credential=FROMENVIRONMENT/" in server.asked[0].headers["authorization"]
    assert server.asked[0].headers["x-amz-security-token"] == "lent"


def test_without_any_keys_it_is_said_what_to_write(
    server: ScriptedStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    settings = replace(settings_at(server), access_key=None, secret_key=None)
    with pytest.raises(StoreRefused, match="write `access_key` and `secret_key`"):
        open_source(settings, NotedPace(), no_waiting())
    assert server.asked == []


def test_the_file_of_a_key_is_read_when_it_is_needed(server: ScriptedStore, bucket: Bucket, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    settings = replace(settings_at(server), secret_key=LazySecret(file=file, named="media.source.secret_key_file"))
    with pytest.raises(ConfigError):
        open_source(settings, NotedPace(), no_waiting())
    file.write_text("secret\n")
    file.chmod(0o600)
    open_source(settings, NotedPace(), no_waiting())
