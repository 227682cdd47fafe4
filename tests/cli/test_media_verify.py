"""`mastodon-remedy media verify`, between two real S3 servers: what it finds, what it says, and what heals it."""

import hashlib
import json
import signal
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest

from exporter.ledger import REOPENED, Asked, MediaRecord
from tests.end_to_end.log_storm import wait_until
from tests.media.bucket import side_by_side
from tests.media.made_rows import CACHE_CONTROL, Expected, RowMaker
from tests.media.world import LARGE_BYTES, Ended, World, media_world
from tests.postgres import Postgres
from tests.seaweedfs import OWNER, READER, S3Servers

OBJECTS = 150


NAMES = {"Content-Type": "ContentType", "Cache-Control": "CacheControl", "Content-Disposition": "ContentDisposition"}


def put(world: World, one: Expected, body: bytes | None = None, **otherwise: Any) -> None:
    """Write an object into its place as a move would, but for what should be otherwise."""
    headers = {"Cache-Control": CACHE_CONTROL, **one.headers}
    told = {NAMES[name]: value for name, value in headers.items()}
    told["ACL"] = "private" if one.is_private else "public-read"
    world.destination.client.put_object(
        Bucket=world.destination.name,
        Key=world.destination_key(one),
        Body=one.body() if body is None else body,
        **(told | otherwise),
    )


@pytest.fixture
def world(postgres: Postgres, s3_servers: S3Servers, tmp_path: Path) -> Iterator[World]:
    with media_world(postgres, s3_servers, "4.6", tmp_path) as world:
        world.source_prefix, world.destination_prefix = "old files", "new/server"
        maker = RowMaker("4.6", Random(5))
        world.add([*maker.rows(OBJECTS), maker.large(LARGE_BYTES)])
        side_by_side(partial(put, world), world.present())
        yield world


def verify(world: World, *arguments: str) -> Ended:
    return world.run("media", "verify", "--format", "json", *arguments)


def some(world: World, count: int) -> list[Expected]:
    """Some public objects that have bytes."""
    public = [one for one in world.present() if one.size_bytes > 100 and not one.is_private]
    return public[:count]


def lost(world: World) -> int:
    return len(world.expected) - len(world.present())


@pytest.mark.parametrize("arguments", [(), ("--deep",)])
def test_a_whole_destination_passes(world: World, arguments: tuple[str, ...]) -> None:
    ended = verify(world, *arguments)
    assert (ended.code, ended.report) == (
        0,
        {"checked": len(world.expected), "missing": [], "different": [], "missing_at_source": lost(world)},
    ), ended.errors


def test_what_is_wrong_is_told_and_written_down_so_that_the_next_sync_heals_it(world: World) -> None:
    assert world.sync().code == 0
    gone, cut, flipped = some(world, 3)
    world.destination.delete(world.destination_key(gone))
    put(world, cut, cut.body()[:-1])
    put(world, flipped, bytes(flipped.size_bytes))
    ended = verify(world)
    assert ended.code == 1
    assert [(one["key"], one["class"], one["id"]) for one in ended.report["missing"]] == [
        (world.destination_key(gone), gone.media_class, gone.record_id)
    ]
    assert sorted(ended.report["different"], key=lambda one: str(one["what"])) == [
        {"key": world.destination_key(flipped), "what": "md5"},
        {"key": world.destination_key(cut), "what": "size"},
    ]
    record = MediaRecord(world.state)
    (destination,) = record.destinations()
    reopened = record.troubles(Asked(destination, results=(REOPENED,)))
    assert {one.key for one in reopened} == {gone.key, cut.key, flipped.key}
    assert world.sync().code == 0
    assert verify(world).code == 0
    for one in (gone, cut, flipped):
        assert world.destination.md5(world.destination_key(one)) == hashlib.md5(one.body()).hexdigest()


def test_a_deep_look_finds_wrong_headers_which_the_next_sync_heals(world: World) -> None:
    assert world.sync().code == 0
    type_lost, cache_lost = some(world, 2)
    put(world, type_lost, ContentType="text/plain")
    put(world, cache_lost, CacheControl="no-cache")
    assert verify(world).code == 0
    ended = verify(world, "--deep")
    assert ended.code == 1
    assert {(one["key"], one["what"]) for one in ended.report["different"]} == {
        (world.destination_key(type_lost), "content_type"),
        (world.destination_key(cache_lost), "cache_control"),
    }
    assert world.sync().code == 0
    assert verify(world, "--deep").code == 0


def test_what_neither_store_has_is_no_failure(world: World) -> None:
    (one,) = some(world, 1)
    world.source.delete(world.source_key(one))
    world.destination.delete(world.destination_key(one))
    ended = verify(world)
    assert (ended.code, ended.report["missing_at_source"]) == (0, lost(world) + 1)


def test_an_empty_destination_lacks_everything_that_the_source_has(world: World) -> None:
    world.destination.empty()
    ended = verify(world)
    assert ended.code == 1
    assert {one["key"] for one in ended.report["missing"]} == {world.destination_key(one) for one in world.present()}
    assert ended.report["missing_at_source"] == lost(world)


def test_only_a_part_is_looked_at_where_only_a_part_is_asked_for(world: World) -> None:
    accounts = [one for one in world.expected if one.media_class == "accounts"]
    world.destination.empty()
    ended = verify(world, "--only", "accounts")
    assert ended.report["checked"] == len(accounts)
    assert {one["class"] for one in ended.report["missing"]} == {"accounts"}


def test_people_get_a_line_for_each_finding_and_a_sentence(world: World) -> None:
    gone, flipped = some(world, 2)
    world.destination.delete(world.destination_key(gone))
    put(world, flipped, bytes(flipped.size_bytes))
    ended = world.run("media", "verify")
    assert ended.code == 1
    *lines, total, advice = ended.output.splitlines()
    assert [line.split()[0] for line in lines] == ["missing", "md5"]
    assert lines[0].endswith(world.destination_key(gone))
    assert lines[1].endswith(world.destination_key(flipped))
    assert total == (
        f"{len(world.expected)} objects: 1 missing, 1 differences, {lost(world)} that the source does not have either"
    )
    assert advice == "the next `mastodon-remedy media sync` puts them right"


def test_it_writes_nothing_into_either_store(world: World) -> None:
    before = world.source.listed(), world.destination.listed()
    verify(world)
    assert {asked.method for asked in (*world.before_source.asked, *world.before_destination.asked)} <= {"GET", "HEAD"}
    verify(world, "--deep")
    assert (world.source.listed(), world.destination.listed()) == before


def test_a_right_destination_takes_a_few_listings_and_no_object_is_read(world: World) -> None:
    verify(world)
    asked = [one for one in world.before_destination.asked if one.key]
    read = [one for one in world.before_source.asked if one.key and one.method == "GET"]
    assert len(asked) <= lost(world) + 1
    assert len(read) <= 1  # the look whether an object that cannot be there is told as missing


def test_a_source_folder_is_compared_by_size_and_read_by_a_deep_look(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "system"
    for one in world.present():
        path = folder / str(one.lies_at)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(one.body())
    # A folder knows no headers: what Mastodon would set is expected.
    cut, flipped = some(world, 2)
    put(world, cut, cut.body()[:-1])
    put(world, flipped, bytes(flipped.size_bytes))
    world.media = {"source": {"path": str(folder)}}
    assert verify(world).report["different"] == [{"key": world.destination_key(cut), "what": "size"}]
    differences = verify(world, "--deep").report["different"]
    assert {"key": world.destination_key(flipped), "what": "md5"} in differences


def test_a_configuration_without_media_is_used_wrongly(world: World) -> None:
    ended = world.run("media", "verify", media=None)
    assert ended.code == 2
    assert "no media are configured" in ended.errors


def test_contradicting_parts_are_used_wrongly(world: World) -> None:
    assert world.run("media", "verify", "--local-only", "--remote-only").code == 2


def test_a_destination_that_is_not_there_ends_it_with_a_sentence(world: World) -> None:
    settings = {"endpoint": world.before_destination.endpoint, "bucket": "nowhere"}
    world.media = {"destination": {**settings, "access_key": OWNER.access, "secret_key": OWNER.secret}}
    ended = world.run("media", "verify")
    assert ended.code == 1
    assert "check `bucket`" in ended.errors
    assert ended.output == ""


def test_a_deep_look_without_the_right_to_write_leaves_out_who_may_read(world: World) -> None:
    settings = {"endpoint": world.before_destination.endpoint, "bucket": world.destination.name}
    keys = {"access_key": READER.access, "secret_key": READER.secret, "prefix": world.destination_prefix}
    world.media = {"destination": {**settings, **keys, "acl": "public-read"}}
    ended = verify(world, "--deep")
    assert ended.code == 0, ended.errors
    assert "who may read the objects is not looked at" in ended.errors


def test_a_deep_look_at_a_store_that_shows_no_acls_says_that_it_leaves_them_out(world: World) -> None:
    ended = verify(world, "--deep")  # SeaweedFS takes ACLs, and shows none
    assert ended.code == 0, ended.errors
    assert "who may read the objects is not looked at" in ended.errors
    assert "does not show them" in ended.errors
    settings = {"endpoint": world.before_destination.endpoint, "bucket": world.destination.name}
    keys = {"access_key": OWNER.access, "secret_key": OWNER.secret, "prefix": world.destination_prefix}
    world.media = {"destination": {**settings, **keys, "acl": "none"}}
    assert "is not looked at" not in verify(world, "--deep").errors


def test_ctrl_c_ends_it_at_once_even_while_a_store_is_silent(world: World, s3_servers: S3Servers) -> None:
    with (
        s3_servers.destination.frozen(),
        subprocess.Popen(world.command("media", "verify"), stderr=subprocess.PIPE, text=True) as process,
    ):
        assert process.stderr is not None
        assert "is compared with" in process.stderr.readline()
        wait_until(lambda: bool(world.before_destination.asked))
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 130
        assert "Traceback" not in process.stderr.read()


def test_json_is_one_document_with_nothing_beside_it(world: World) -> None:
    ended = verify(world)
    assert json.loads(ended.output) == ended.report
    assert set(ended.report) == {"checked", "missing", "different", "missing_at_source"}
