"""A rotation that is put between the system calls of a follower, and what may lie unread when it happens."""

import os
import shutil
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tests.accesslog.log_world import World

CALLS = ("open", "pread", "fstat", "stat", "listdir")
NEVER = 10**6
Step = Callable[[World], None]


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


def copy(world: World) -> None:
    for number in sorted(world.numbers(), reverse=True):
        world.rotated(number).rename(world.rotated(number + 1))
    shutil.copyfile(world.path, world.rotated(1))


def empty(world: World) -> None:
    os.truncate(world.path, 0)


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


BEFORE = [nothing_read, read_to_the_end, something_unread, several_unread]
