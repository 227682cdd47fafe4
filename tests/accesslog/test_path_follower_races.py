"""A rotation may fall between any two system calls of the follower: it is tried between them.

`make soak` tries it between all of them.
"""

import os
import shutil
from collections.abc import Mapping, Sequence
from itertools import combinations_with_replacement
from pathlib import Path
from random import Random

import pytest

from tests.accesslog.interruptions import BEFORE, NEVER, Interruption, Step, copy, empty, interrupted
from tests.accesslog.log_world import World, read_everything

FULL = os.environ.get("SOAK") == "full"
SAMPLE = 60


def write(world: World) -> None:
    world.write(2)


def rename(world: World) -> None:
    world.rename()


def compress(world: World) -> None:
    world.compress(min(number for number in world.numbers() if world.rotated(number).exists()))


ROTATIONS: Mapping[str, Sequence[Step]] = {
    "copied": (copy, empty, write),
    "copied twice": (copy, empty, write, copy, empty, write),
    "copied and compressed": (copy, empty, compress, write),
    "renamed": (rename, write),
    "renamed twice": (rename, write, rename, write),
    "renamed and compressed": (rename, write, compress, write),
}


def moments(steps: Sequence[Step], calls: int) -> Sequence[Sequence[int]]:
    """Return when each step happens: some at one moment, the rest at a later one; all such cases, or a sample."""
    cases = [
        [first] * cut + [second] * (len(steps) - cut)
        for first, second in combinations_with_replacement(range(calls + 1), 2)
        for cut in range(1, len(steps))
    ]
    return cases if FULL else Random(calls).sample(cases, min(SAMPLE, len(cases)))


@pytest.mark.parametrize("rotation", ROTATIONS)
@pytest.mark.parametrize("restarts", [False, True], ids=["", "restarting"])
@pytest.mark.parametrize("before", BEFORE)
def test_a_rotation_between_any_two_system_calls_loses_and_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: Step, restarts: bool, rotation: str
) -> None:
    steps = ROTATIONS[rotation]

    def attempt(name: str, moments: Sequence[int]) -> int:
        folder = tmp_path / name
        folder.mkdir()
        world = World(folder)
        world.path.touch()
        world.begin()
        before(world)
        world.commit()
        interruption = Interruption(world, steps, moments)
        interrupted(monkeypatch, interruption, world.kill_and_look if restarts else world.look)
        assert read_everything(world), (moments, world.written, world.read)
        world.follower.close()
        shutil.rmtree(folder)
        return interruption.calls

    calls = attempt("none", [NEVER] * len(steps))
    for number, one in enumerate(moments(steps, calls)):
        attempt(str(number), one)
