"""A rotation may fall between any two system calls of the follower: it is tried between them.

`make soak` tries it between all of them.
"""

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations_with_replacement
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.accesslog.log_world import World, read_everything

FULL = os.environ.get("SOAK") == "full"
SAMPLE = 60
NEVER = 10**6
CALLS = ("open", "pread", "fstat", "stat", "listdir")
Step = Callable[[World], None]


def copy(world: World) -> None:
    for number in sorted(world.numbers(), reverse=True):
        world.rotated(number).rename(world.rotated(number + 1))
    shutil.copyfile(world.path, world.rotated(1))


def empty(world: World) -> None:
    os.truncate(world.path, 0)


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


class Interruption:
    """Does steps between system calls: the nth step before the call whose number is the nth of `moments`."""

    def __init__(self, world: World, steps: Sequence[Step], moments: Sequence[int]) -> None:
        self.calls = 0
        self._world = world
        self._steps = list(zip(moments, steps, strict=True))
        self._is_busy = False

    def before_a_call(self) -> None:
        if self._is_busy:
            return
        self._is_busy = True
        while self._steps and self._steps[0][0] <= self.calls:
            self._steps.pop(0)[1](self._world)
        self.calls += 1
        self._is_busy = False

    def finish(self) -> None:
        """Do the steps that were to come after the last call."""
        self._is_busy = True
        for _, step in self._steps:
            step(self._world)


def interrupted(monkeypatch: pytest.MonkeyPatch, interruption: Interruption, work: Callable[[], None]) -> None:
    with monkeypatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, between(interruption, getattr(os, name)))
        work()
    interruption.finish()


def between(interruption: Interruption, call: Callable[..., Any]) -> Callable[..., Any]:
    def called(*arguments: Any, **named: Any) -> Any:
        interruption.before_a_call()
        return call(*arguments, **named)

    return called


def moments(steps: Sequence[Step], calls: int) -> Sequence[Sequence[int]]:
    """Return when each step happens: some at one moment, the rest at a later one; all such cases, or a sample."""
    cases = [
        [first] * cut + [second] * (len(steps) - cut)
        for first, second in combinations_with_replacement(range(calls + 1), 2)
        for cut in range(1, len(steps))
    ]
    return cases if FULL else Random(calls).sample(cases, min(SAMPLE, len(cases)))


def nothing_read(world: World) -> None:
    world.write(3)


def read_to_the_end(world: World) -> None:
    world.write(3)
    world.look()


def something_unread(world: World) -> None:
    world.write(3)
    world.look()
    world.write(3)


def several_unread(world: World) -> None:
    """Leave what takes a while to read before the live file."""
    world.write(3)
    world.look()
    for _ in range(2):
        world.write(2)
        copy(world)
        empty(world)
    world.write(1)


@pytest.mark.parametrize("rotation", ROTATIONS)
@pytest.mark.parametrize("restarts", [False, True], ids=["", "restarting"])
@pytest.mark.parametrize("before", [nothing_read, read_to_the_end, something_unread, several_unread])
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
