"""A world holds what it says, and tells of everything that is not as it should be at the destination."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest

from tests.media.bucket import side_by_side
from tests.media.kinds import KINDS
from tests.media.made_rows import CACHE_CONTROL, Expected, RowMaker
from tests.media.world import Size, World, media_world
from tests.postgres import VERSIONS, Postgres
from tests.seaweedfs import S3Servers

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture
def world(postgres: Postgres, s3_servers: S3Servers, tmp_path: Path) -> Iterator[World]:
    with media_world(postgres, s3_servers, "4.6", tmp_path) as made:
        made.fill("4.6", Random(1), Size(100, (5 << 20,)))
        yield made


def move(world: World, one: Expected, **changed: object) -> None:
    """Move an object as it should be, or with something changed."""
    move_all(world, [one], **changed)


def move_all(world: World, objects: Sequence[Expected], **changed: object) -> None:
    server = world.destination.server
    with closing(server.client(endpoint=world.before_destination.endpoint)) as client:
        side_by_side(lambda one: move_by(client, world, one, changed), objects)


def move_by(client: "S3Client", world: World, one: Expected, changed: Mapping[str, object]) -> None:
    disposition = one.headers.get("Content-Disposition")
    asked: dict[str, object] = {
        "Body": one.body(),
        "ContentType": one.headers["Content-Type"],
        "CacheControl": one.headers.get("Cache-Control", CACHE_CONTROL),
        "ACL": "private" if one.is_private else "public-read",
        **({"ContentDisposition": disposition} if disposition else {}),
        **changed,
    }
    client.put_object(Bucket=world.destination.name, Key=world.destination_key(one), **asked)  # type: ignore[arg-type] # checked by the store


@pytest.mark.parametrize("version", VERSIONS)
def test_a_world_has_rows_of_every_kind_and_age_in_tables_of_that_age(
    postgres: Postgres, s3_servers: S3Servers, tmp_path: Path, version: str
) -> None:
    with media_world(postgres, s3_servers, version, tmp_path) as world:
        world.fill(version, Random(1), Size(200))
        for table in {kind.table for kind in KINDS if kind.is_in(version)}:
            ((count,),) = postgres.run(world.database, f"SELECT count(*) FROM {table} WHERE id < 1900000000")
            ((large,),) = postgres.run(world.database, f"SELECT count(*) FROM {table} WHERE id > 2100000000")
            assert count + large == world.rows[table] > 0
        assert set(world.source.listed()) == {world.source_key(one) for one in world.present()}
        assert len({one.key for one in world.expected}) == len(world.expected) >= 200


def test_the_same_world_is_made_again() -> None:
    made = [list(RowMaker("4.6", Random(3)).rows(500)) for _ in range(2)]
    assert [row.objects for row in made[0]] == [row.objects for row in made[1]]


def test_a_world_has_what_is_missing_misplaced_private_empty_and_strangely_named() -> None:
    objects = [one for row in RowMaker("4.6", Random("4.6")).rows(1000) for one in row.objects]
    results = Counter(one.result for one in objects)
    assert min(results["copied"], results["repaired"], results["missing"]) > 5
    assert sum(one.is_private for one in objects) > 5
    assert sum(not one.size_bytes for one in objects) > 5
    assert all(any(sign in one.key for one in objects) for sign in " +%#?&ü写")
    assert {len(one.key.removeprefix("cache/").split("/")) for one in objects} == {7, 10}


def test_a_move_that_is_right_has_no_differences(world: World) -> None:
    move_all(world, world.present())
    assert world.differences() == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda world, one: world.destination.delete(one.key), "is not there"),
        (lambda world, one: world.destination.put(f"{one.key}2", b"", {}), "should not be there"),
        (lambda world, one: move(world, one, Body=bytes(one.size_bytes)), "MD5 is"),
        (lambda world, one: move(world, one, Body=one.body()[1:]), "size is"),
        (lambda world, one: move(world, one, ContentType="image/x"), "Content-Type is 'image/x'"),
        (lambda world, one: move(world, one, CacheControl="no-cache"), "Cache-Control is 'no-cache'"),
        (lambda world, one: move(world, one, ACL="private"), "ACL asked for is ['private', 'public-read']"),
        (
            lambda world, one: world.destination.client.create_multipart_upload(
                Bucket=world.destination.name, Key=one.key
            ),
            "left unfinished",
        ),
    ],
)
def test_everything_that_is_wrong_is_told(world: World, change: Callable[[World, Expected], None], words: str) -> None:
    world.expected = [one for one in world.present() if one.size_bytes > 1 and not one.is_private][:5]
    move_all(world, world.expected)
    change(world, world.expected[2])
    assert any(words in told for told in world.differences()), world.differences()


def test_what_should_be_missing_and_is_not_is_told(world: World) -> None:
    move_all(world, world.present())
    world.expected[0] = replace(world.expected[0], lies_at=None)
    assert world.differences() == [f"{world.expected[0].key}: should not be there"]
