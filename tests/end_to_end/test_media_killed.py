"""`media sync` killed at any instant: the next run goes on where it was, loses nothing and counts nothing twice."""

import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.media.world import Size, World, in_the_end, media_world
from tests.postgres import Postgres
from tests.seaweedfs import S3Servers

KILLS = 50 if os.environ.get("SOAK") == "full" else 20
MOST_KILLS_IN_A_ROW = 6
PATIENCE_SECONDS = 120.0
WORKERS = 16
MEBIBYTE = 1 << 20
OBJECTS = Size(900, (21 * MEBIBYTE,))


@pytest.fixture
def world(postgres: Postgres, s3_servers: S3Servers, tmp_path: Path) -> Iterator[World]:
    with media_world(postgres, s3_servers, "4.6", tmp_path) as made:
        made.fill("4.6", random.Random("killed"), OBJECTS)
        yield made


@pytest.mark.slow
def test_a_run_after_any_number_of_kills_ends_as_one_that_was_not_killed(world: World) -> None:
    chance = random.Random(f"kill {KILLS}")
    kills = in_the_middle = rounds = 0
    while kills < KILLS:
        rounds += 1
        begin_anew(world, rounds)
        in_a_row = min(chance.randint(1, MOST_KILLS_IN_A_ROW), KILLS - kills)
        for _ in range(in_a_row):
            kills += kill_one_run(world, chance, in_a_row)
            in_the_middle += 0 < len(set(written(world))) < len(world.present())
        check_what_the_next_run_makes_of_it(world)
        check_that_little_was_written_twice(world, in_a_row)
    assert in_the_middle > KILLS / 2


def begin_anew(world: World, number: int) -> None:
    """Let nothing be known, and nothing be at the destination, which is another part of the bucket."""
    world.destination.empty()
    world.before_destination.asked.clear()
    world.before_source.asked.clear()
    world.state_name = f"state{number}"


def check_what_the_next_run_makes_of_it(world: World) -> None:
    ended = world.sync()
    assert (ended.code, in_the_end(ended.objects)) == (0, in_the_end(world.expected_objects())), ended.errors
    assert ended.rows_done == dict(world.rows)
    (job,) = world.jobs()
    assert job["state"] == "done"
    assert job["classes"] == ended.report["classes"]
    assert world.differences() == []


def check_that_little_was_written_twice(world: World, kills: int) -> None:
    """What the killed runs had not yet written down is found at the destination, save what was on its way."""
    twice = len(written(world)) - len(set(written(world)))
    assert twice <= kills * WORKERS


def written(world: World) -> list[str]:
    """Return the keys of the objects that were written as a whole, as often as they were."""
    asked = world.before_destination.asked
    return [one.key for one in asked if one.method == "PUT" and one.key.count("/") > 1 and not one.query]


def kill_one_run(world: World, chance: random.Random, in_a_row: int) -> bool:
    """Begin a run and kill it a moment after the source has been asked some number of times; False if it ended before.

    Each run of a row has its part of the objects, so that several fall into one move.
    """
    part = len(world.expected) * 2 // in_a_row
    asked = len(world.before_source.asked) + chance.randint(0, part)
    process = subprocess.Popen(
        world.command("media", "sync", "--yes"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    give_up = time.monotonic() + PATIENCE_SECONDS
    while process.poll() is None and len(world.before_source.asked) < asked:
        assert time.monotonic() < give_up
        time.sleep(0.001)
    time.sleep(chance.random() * 0.05)  # the instant is what chance makes it
    process.kill()
    was_killed = process.wait() == -signal.SIGKILL
    check_what_is_known_meanwhile(world)
    return was_killed


def check_what_is_known_meanwhile(world: World) -> None:
    """What is told between two runs is never more than there is, and counts only what is at its place."""
    for job in world.jobs():
        told = {name: Counter(one["objects"]) for name, one in job["classes"].items()}
        told, exist = in_the_end(told), in_the_end(world.expected_objects())
        assert all(told[name] <= exist[name] for name in told if told[name].total()), told
