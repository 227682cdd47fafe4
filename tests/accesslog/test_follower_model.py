"""The follower against a model of file operations: whatever order they come in, each line is read once."""

import os
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis.strategies import booleans, integers, sampled_from

from exporter.accesslog.counts import Counted
from tests.accesslog.log_world import World


class FollowingALog(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.temporary = tempfile.TemporaryDirectory()
        self.world = World(Path(self.temporary.name), remembered_files=3)

    def teardown(self) -> None:
        try:
            self.world.settle()
            assert sorted(self.world.read) == self.world.written
            assert self.world.follower.lag_bytes == 0
            assert self.world.happened[Counted.LOST_FILES] == 0
        finally:
            self.world.follower.close()
            self.temporary.cleanup()

    @initialize(exists=booleans())
    def begin(self, exists: bool) -> None:
        if exists:
            self.world.path.touch()
        self.world.begin()
        self.world.path.touch()

    @rule(count=integers(1, 5))
    def write(self, count: int) -> None:
        self.world.write(count)

    @rule()
    def look(self) -> None:
        self.world.look()

    @rule(budget=integers(1, 30))
    def look_briefly(self, budget: int) -> None:
        self.world.look(budget)

    @rule()
    def only_look(self) -> None:
        """Let whatever comes next happen between the look and the reading."""
        self.world.follower.look()

    @rule()
    def only_read(self) -> None:
        self.world.read_on()

    @rule()
    def commit(self) -> None:
        self.world.commit()

    @rule()
    def kill(self) -> None:
        self.world.kill()

    @rule(create=booleans())
    def rename(self, create: bool) -> None:
        self.world.rename(create=create)

    @precondition(lambda self: self.world.rotated(1).exists())
    @rule()
    def write_to_the_renamed_file(self) -> None:
        """Do what nginx does until each of its workers has reopened the log; the follower waits that long."""
        if self.is_followed(1):
            self.world.write(to=self.world.rotated(1))

    @precondition(lambda self: any(self.world.rotated(number).exists() for number in self.world.numbers()))
    @rule(which=integers(0, 10))
    def compress(self, which: int) -> None:
        plain = sorted(number for number in self.world.numbers() if self.world.rotated(number).exists())
        self.world.compress(plain[which % len(plain)])

    @rule(seconds=sampled_from([1, 6]))
    def pass_time(self, seconds: int) -> None:
        self.world.pass_time(seconds)

    @invariant()
    def no_line_is_read_twice(self) -> None:
        assert len(self.world.read) == len(set(self.world.read))

    def is_followed(self, number: int) -> bool:
        inode = self.world.rotated(number).stat().st_ino
        return any(file.inode == inode for file in self.world.follower._files)


class FollowingATruncatedLog(FollowingALog):
    @precondition(lambda self: self.world.path.exists())
    @rule()
    def copy_and_truncate(self) -> None:
        self.world.copy_and_truncate()


FULL = os.environ.get("SOAK") == "full"
# `make test` tries the same examples each time; `make soak` looks for new ones.
SETTINGS = settings(max_examples=5000 if FULL else 150, stateful_step_count=40, deadline=None, derandomize=not FULL)
TestFollowingALog = FollowingALog.TestCase
TestFollowingALog.settings = SETTINGS
TestFollowingATruncatedLog = FollowingATruncatedLog.TestCase
TestFollowingATruncatedLog.settings = SETTINGS
