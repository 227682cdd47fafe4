"""`media sync` moves every object that the database names: all classes and ages, between real stores."""

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from tests.mastodon_rows import now
from tests.media.fault_proxy import Asked, Fault
from tests.media.made_rows import Expected
from tests.media.world import Size, World, media_world
from tests.postgres import VERSIONS, Postgres
from tests.seaweedfs import S3Servers

FULL = os.environ.get("SOAK") == "full"
MEBIBYTE = 1 << 20
SIZES = {
    "1.3": Size(2000 if FULL else 200),
    "1.6": Size(2000 if FULL else 200),
    "2.9": Size(3000 if FULL else 300),
    "3.5": Size(4000 if FULL else 600),
    "4.3": Size(4000 if FULL else 600),
    "4.6": Size(6000 if FULL else 1100, (200 * MEBIBYTE, 200 * MEBIBYTE, 9 * MEBIBYTE) if FULL else (21 * MEBIBYTE,)),
}
PREFIXES = {"4.3": ("", "new/place"), "4.6": ("old", "")}


@pytest.fixture
def world(postgres: Postgres, s3_servers: S3Servers, tmp_path: Path) -> Iterator[World]:
    """Give a world of today."""
    with media_world(postgres, s3_servers, "4.6", tmp_path) as made:
        yield made


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_ends_where_a_mastodon_of_that_age_looks_for_it_and_is_not_moved_again(
    postgres: Postgres, s3_servers: S3Servers, tmp_path: Path, version: str
) -> None:
    with media_world(postgres, s3_servers, version, tmp_path) as world:
        world.source_prefix, world.destination_prefix = PREFIXES.get(version, ("", ""))
        world.fill(version, Random(version), SIZES[version])
        first = world.sync()
        assert (first.code, first.objects) == (0, world.expected_objects()), first.errors
        assert first.rows_done == dict(world.rows)
        assert sum(one["bytes"] for one in first.report["classes"].values()) == world.expected_bytes()
        assert world.differences() == []
        check_that_nothing_is_moved_again(world)


def check_that_nothing_is_moved_again(world: World) -> None:
    """Run again by each way to know what is there; by the record nothing is asked but for what is missing."""
    missing = {world.destination_key(one) for one in world.expected if one.lies_at is None}
    for skip_by, state in ((None, "state"), ("list", "fresh"), ("head", "fresh again"), ("ledger", "state")):
        world.state_name = state
        asked = len(world.before_destination.asked), len(world.before_source.asked)
        again = world.sync(*(["--skip-by", skip_by] if skip_by else []))
        assert (again.code, again.results) == (0, as_told_again(world)), (skip_by, again.errors)
        written = [one for one in world.before_destination.asked[asked[0] :] if one.moves_data and is_media(one)]
        read = [one for one in world.before_source.asked[asked[1] :] if one.moves_data and is_media(one)]
        assert [one.key for one in written] == []
        assert {one.key for one in read if one.key in {world.source_key(each) for each in world.present()}} == set()
    assert missing.isdisjoint(world.destination.listed())
    assert world.differences() == []


def is_media(asked: Asked) -> bool:
    """Leave out the small key that the start-up probe writes."""
    return any(f"{name}/" in asked.key for name in ("files", "thumbnails", "avatars", "headers", "images", "icons"))


def as_told_again(world: World) -> Counter[str]:
    results = sum(world.expected_objects().values(), Counter[str]())
    return Counter(present=results["copied"] + results["repaired"], missing=results["missing"])


@pytest.mark.slow
def test_what_vanishes_while_it_is_moved_is_gone_and_what_takes_its_place_is_moved_next(world: World) -> None:
    world.fill("4.6", Random("vanishing"), Size(400))
    cards = [one for one in world.expected if one.media_class == "preview_cards" and one.result == "copied"]
    vanishing, replaced = cards[:5], cards[5:10]
    taking_their_place = [replace(one, key=renamed(one.key), lies_at=renamed(one.key)) for one in replaced]
    at_source = {world.source_key(one): one for one in vanishing + replaced}

    def remove_before_it_is_read(asked: Asked) -> Fault | None:
        one = at_source.pop(asked.key, None)
        if one is not None:
            world.source.delete(asked.key)
            change_row(world, one, None if one in vanishing else taking_their_place[replaced.index(one)])
        return None

    world.before_source.choose = remove_before_it_is_read
    first = world.sync()
    assert at_source == {}
    assert first.code == 0, first.errors
    assert first.objects["preview_cards"]["gone"] == 10
    for one in (*vanishing, *replaced):
        world.expected.remove(one)
    assert world.differences() == []
    for one in taking_their_place:
        world.source.put(world.source_key(one), one.body(), one.headers)
    world.expected += taking_their_place
    second = world.sync()
    assert (second.code, second.objects["preview_cards"]["copied"]) == (0, 5), second.errors
    assert world.differences() == []


def renamed(key: str) -> str:
    folder, _, name = key.rpartition("/")
    return f"{folder}/new {name}"


def change_row(world: World, one: Expected, new: Expected | None) -> None:
    with world.opened() as writing:
        if new is None:
            writing.execute("DELETE FROM preview_cards WHERE id = %s", (one.record_id,))
            return
        statement = (
            "UPDATE preview_cards SET image_file_name = %s, image_updated_at = %s, updated_at = %s WHERE id = %s"
        )
        writing.execute(statement, (new.key.rpartition("/")[2], now(), now(), one.record_id))


@pytest.mark.slow
def test_the_last_pass_before_the_switch_over_looks_only_at_what_is_new(world: World) -> None:
    world.fill("4.6", Random("before"), Size(300))
    assert world.sync().code == 0
    began = now().strftime("%Y-%m-%dT%H:%M:%SZ")
    before = set(map(world.source_key, world.expected))
    rows_before = Counter(world.rows)
    world.add_later("4.6", Random("after"), 60)
    asked = len(world.before_source.asked)
    last = world.sync("--since", began)
    assert last.code == 0, last.errors
    assert last.rows_done == dict(world.rows - rows_before)
    assert {one.key for one in world.before_source.asked[asked:]} & before == set()
    assert world.differences() == []


@pytest.mark.slow
def test_a_public_system_folder_is_moved_with_the_types_that_mastodon_would_have_set(world: World) -> None:
    system = world.folder / "public" / "system"
    world.fill("4.6", Random("folder"), Size(400))
    for one in world.present():
        path = system / str(one.lies_at)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(one.body())
    world.media["source"] = {"path": str(system)}
    world.expected = [as_from_folder(one) for one in world.expected]
    ended = world.sync()
    assert (ended.code, ended.objects) == (0, world.expected_objects()), ended.errors
    assert world.before_source.asked == []
    assert [words for words in world.differences() if "avif" not in words] == []


def as_from_folder(one: Expected) -> Expected:
    return replace(one, headers={"Content-Type": one.headers["Content-Type"]})


@pytest.mark.slow
def test_between_two_buckets_of_one_store_no_bytes_pass_through_here(world: World, s3_servers: S3Servers) -> None:
    world.destination.server, world.destination.name = s3_servers.source, s3_servers.source.new_bucket()
    world.destination.client = world.source.client
    world.before_destination = world.before_source
    world.fill("4.6", Random("one store"), Size(400, (9 * MEBIBYTE,)))
    ended = world.sync()
    assert (ended.code, ended.objects) == (0, world.expected_objects()), ended.errors
    assert world.differences() == []
    lost = {world.source_key(one) for one in world.expected if one.result != "copied"}
    read = [one for one in world.before_source.asked if one.method == "GET" and is_media(one)]
    assert {one.key for one in read} <= lost
    shutil.rmtree(world.state)
    again = world.sync()
    assert again.results == as_told_again(world)
