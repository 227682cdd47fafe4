"""What networks, stores, the database and the disk do to `media sync` changes neither where it ends nor its counts."""

import json
import os
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from tests.media.fault_proxy import PASSING, Asked, Fault, RandomFaults
from tests.media.made_rows import Expected
from tests.media.world import Ended, Size, World, in_the_end, media_world
from tests.postgres import Postgres
from tests.seaweedfs import S3Servers

FULL = os.environ.get("SOAK") == "full"
MEBIBYTE = 1 << 20
FAULTY = Size(20_000, (200 * MEBIBYTE, 30 * MEBIBYTE)) if FULL else Size(500, (21 * MEBIBYTE,))
RATE = 0.03 if FULL else 0.1
THROTTLING = {Fault.UNAVAILABLE, Fault.SLOW_DOWN, Fault.TOO_MANY_REQUESTS, Fault.REFUSED_EARLY}
# A store that throttles often has the run wait as it should, for minutes.
MIXED = (*PASSING, *[fault for fault in PASSING if fault not in THROTTLING] * 2)
LEDGER_ROOM_BYTES = 120_000


@pytest.fixture
def world(postgres: Postgres, s3_servers: S3Servers, tmp_path: Path) -> Iterator[World]:
    with media_world(postgres, s3_servers, "4.6", tmp_path) as made:
        yield made


def sync_without_faults(world: World) -> Ended:
    world.before_source.choose = world.before_destination.choose = lambda _: None
    return world.sync()


@pytest.mark.slow
def test_faults_that_pass_on_both_sides_leave_the_same_objects_and_the_same_counts(world: World) -> None:
    world.fill("4.6", Random("faults"), FAULTY)
    at_source = RandomFaults(Random("source"), RATE, MIXED)
    at_destination = RandomFaults(Random("destination"), RATE, MIXED)
    world.before_source.choose, world.before_destination.choose = on_objects(at_source), on_objects(at_destination)
    ended = world.sync()
    assert (ended.code, ended.objects) == (0, world.expected_objects()), ended.errors
    assert ended.rows_done == dict(world.rows)
    assert world.differences() == []
    assert [fault for fault in PASSING if not (at_source.chosen[fault] and at_destination.chosen[fault])] == []


def on_objects(choose: RandomFaults) -> Callable[[Asked], Fault | None]:
    """Spare the start-up probe, which has its own tests."""
    return lambda asked: choose(asked) if "/" in asked.key and "mastodon-exporter" not in asked.key else None


AT_SOURCE = (
    Fault.FORBIDDEN,
    Fault.INTERNAL_ERROR,
    Fault.TOO_MANY_REQUESTS,
    Fault.RESET,
    Fault.CUT_SHORT,
    Fault.FLIPPED_ANSWER,
)
AT_DESTINATION = (
    Fault.FORBIDDEN,
    Fault.UNAVAILABLE,
    Fault.REFUSED_EARLY,
    Fault.FLIPPED_REQUEST,
)
AT_THE_END_OF_AN_UPLOAD = (Fault.ERROR_INSIDE, Fault.INTERNAL_ERROR, Fault.RESET)


@pytest.mark.slow
def test_what_a_store_will_not_do_is_failed_and_never_missing_and_is_healed_by_the_next_run(world: World) -> None:
    """All at once, since each object is tried again for a minute; one small and one large answer only stand still."""
    world.fill("4.6", Random("lasting faults"), Size(200, (21 * MEBIBYTE,) * 4))
    small = [one for one in world.present() if one.result == "copied" and 0 < one.size_bytes < MEBIBYTE]
    large = [one for one in world.present() if one.size_bytes > MEBIBYTE]
    at_source = dict(zip(map(world.source_key, small), AT_SOURCE, strict=False))
    at_destination = dict(zip(map(world.destination_key, small[20:]), AT_DESTINATION, strict=False))
    at_end = dict(zip(map(world.destination_key, large), AT_THE_END_OF_AN_UPLOAD, strict=False))
    stalled = [world.source_key(small[-1]), world.source_key(large[-1])]

    def choose_at_source(asked: Asked) -> Fault | None:
        if asked.method == "GET" and asked.key in stalled:
            stalled.remove(asked.key)
            return Fault.STALLED
        return at_source.get(asked.key) if asked.method == "GET" else None

    def choose_at_destination(asked: Asked) -> Fault | None:
        ends_upload = asked.method == "POST" and "uploadId=" in asked.query
        return (
            at_end.get(asked.key) if ends_upload else at_destination.get(asked.key) if asked.method == "PUT" else None
        )

    world.before_source.choose, world.before_destination.choose = choose_at_source, choose_at_destination
    first = world.sync()
    struck = [*small[: len(at_source)], *small[20 : 20 + len(at_destination)], *large[: len(at_end)]]
    check_that_these_alone_failed(world, first, struck)
    assert stalled == []
    second = sync_without_faults(world)
    assert (second.code, second.results["copied"], second.results["failed"]) == (0, len(struck), 0), second.errors
    assert world.differences() == []


def check_that_these_alone_failed(world: World, ended: Ended, struck: list[Expected]) -> None:
    expected = sum(world.expected_objects().values(), Counter[str]())
    expected["copied"] -= len(struck)
    expected["failed"] = len(struck)
    assert (ended.code, ended.results) == (1, expected), ended.errors
    told = world.run("media", "missing", "--failed", "--format", "json")
    assert {one["key"] for one in json.loads(told.output) if one["detail"]} == {one.key for one in struck}, told
    assert {world.destination_key(one) for one in struck}.isdisjoint(world.destination.listed())
    assert world.destination.unfinished_uploads() == []


@pytest.mark.slow
def test_a_postgresql_that_is_restarted_in_the_middle_changes_nothing(world: World, postgres: Postgres) -> None:
    world.fill("4.6", Random("restart"), Size(1500))
    restarting = threading.Thread(target=postgres.restart)

    def restart_in_the_middle(asked: Asked) -> None:
        if len(world.before_source.asked) == 300:
            restarting.start()

    world.before_source.choose = restart_in_the_middle
    ended = world.sync()
    restarting.join()
    assert (ended.code, ended.objects) == (0, world.expected_objects()), ended.errors
    assert world.differences() == []


@pytest.mark.slow
def test_a_ledger_without_room_is_told_and_nothing_is_lost_or_counted_twice(world: World) -> None:
    world.fill("4.6", Random("full disk"), Size(1500))
    full = subprocess.run(
        ["prlimit", f"--fsize={LEDGER_ROOM_BYTES}", *world.command("media", "sync", "--yes", "--format", "json")],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert full.returncode == 1, full.stderr
    assert "disk" in full.stderr
    assert "Traceback" not in full.stderr
    ended = world.sync()
    assert (ended.code, in_the_end(ended.objects)) == (0, in_the_end(world.expected_objects())), ended.errors
    assert world.differences() == []
