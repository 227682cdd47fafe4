"""Copying a log takes a while, and so does emptying it: any step may fall between any two system calls.

nginx writes while the log is copied, and between the end of the copy and the emptying; what it writes
then is in no file, and may be counted or not. `make soak` tries more moments.
"""

import os
import shutil
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from random import Random

import pytest

from tests.accesslog.interruptions import BEFORE, NEVER, Interruption, Step, empty, interrupted
from tests.accesslog.log_world import World

SAMPLE = 2000 if os.environ.get("SOAK") == "full" else 40
LOOKS = 3


def make_room(world: World) -> None:
    for number in sorted(world.numbers(), reverse=True):
        world.rotated(number).rename(world.rotated(number + 1))


def create(world: World) -> None:
    world.rotated(1).touch()


def copy_half(world: World) -> None:
    data = world.path.read_bytes()
    world.rotated(1).write_bytes(data[: len(data) // 2 + 3])


def copy_rest(world: World) -> None:
    data = world.path.read_bytes()
    with world.rotated(1).open("ab") as copy:
        copy.write(data[copy.tell() :])


def write(world: World) -> None:
    world.write(2)


def write_in_vain(world: World) -> None:
    world.write_in_vain()


QUIET: tuple[Step, ...] = (make_room, create, copy_half, copy_rest, empty, write)
BUSY: tuple[Step, ...] = (make_room, create, copy_half, write, copy_rest, write_in_vain, empty, write)

ROTATIONS: Mapping[str, Sequence[Step]] = {
    "while nobody writes": QUIET,
    "under load": BUSY,
    "twice under load": BUSY + BUSY,
    "as soon as it was emptied": QUIET[:-1] + BUSY,
}


@pytest.mark.parametrize("rotation", ROTATIONS)
@pytest.mark.parametrize("restarts", [False, True], ids=["", "restarting"])
@pytest.mark.parametrize("before", BEFORE)
def test_no_step_of_copying_and_emptying_loses_or_doubles_what_a_file_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: Step, restarts: bool, rotation: str
) -> None:
    steps = ROTATIONS[rotation]
    chance = Random(f"{before.__name__} {restarts} {rotation}")

    def attempt(name: str, moments: Sequence[int], looks: int) -> int:
        folder = tmp_path / name
        folder.mkdir()
        world = World(folder)
        world.path.touch()
        world.begin()
        before(world)
        world.commit()
        interruption = Interruption(world, steps, moments)
        interrupted(monkeypatch, interruption, partial(look_again, world, restarts, looks))
        world.settle()
        assert world.missing() == [], (moments, looks, world.read)
        assert len(set(world.read)) == len(world.read), (moments, looks, world.read)
        world.follower.close()
        shutil.rmtree(folder)
        return interruption.calls

    calls = {looks: attempt(f"none {looks}", [NEVER] * len(steps), looks) for looks in range(1, LOOKS + 1)}
    for number in range(SAMPLE):
        looks = chance.randint(1, LOOKS)
        attempt(str(number), sorted(chance.randint(0, calls[looks] + 1) for _ in steps), looks)


def look_again(world: World, restarts: bool, looks: int) -> None:
    if restarts:
        world.kill_and_look()
    for _ in range(looks - restarts):
        world.look()
