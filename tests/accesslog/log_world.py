"""A log in a folder, with a writer like nginx, a rotator like logrotate, and a follower that can be restarted."""

import gzip
import os
import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

from exporter.accesslog import path_follower
from exporter.accesslog.clocks import Clocks
from exporter.accesslog.counts import Counted
from exporter.accesslog.path_follower import PathFollower
from exporter.config import StartAt
from exporter.errors import LogChanged

BEGINNING_OF_TIME_NS = 0
NAME = "access.log"


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class World:
    """`written` and `read` are numbers of lines; the follower is exact when they are the same."""

    folder: Path
    clock: Clock = field(default_factory=Clock)
    written: list[int] = field(default_factory=list)
    read: list[int] = field(default_factory=list)
    written_in_vain: set[int] = field(default_factory=set)
    dated: int = 0
    remembered_files: int = path_follower.REMEMBERED_FILES
    happened: Counter[Counted] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.path = self.folder / NAME
        self.follower = self.new_follower()

    def new_follower(self) -> PathFollower:
        with patch.object(path_follower, "REMEMBERED_FILES", self.remembered_files):
            return PathFollower(str(self.path), Clocks(self.clock), lambda counted: self.happened.update([counted]))

    def begin(self, start_at: StartAt = StartAt.BEGINNING) -> None:
        self.follower.begin(start_at, BEGINNING_OF_TIME_NS)
        self.commit()

    def write(self, count: int = 1, *, to: Path | None = None) -> None:
        for _ in range(count):
            number = len(self.written)
            with (to or self.path).open("a") as file:
                file.write(f"line {number}\n")
            self.written.append(number)

    def write_in_vain(self) -> None:
        """Write a line that is in no file once the log is emptied, and may have been read before."""
        self.written_in_vain.add(len(self.written))
        self.write()

    def missing(self) -> list[int]:
        """Return the lines that should have been read and were not."""
        return sorted(set(self.written) - set(self.read) - self.written_in_vain)

    def write_part(self, text: str) -> None:
        with self.path.open("a") as file:
            file.write(text)

    def rename(self, *, create: bool = True) -> None:
        """Rotate as logrotate does: .2 to .3, .1 to .2, the log to .1."""
        for number in sorted(self.numbers(), reverse=True):
            for ending in ("", ".gz"):
                name = self.rotated(number, ending)
                if name.exists():
                    name.rename(self.rotated(number + 1, ending))
        if self.path.exists():
            self.path.rename(self.rotated(1))
        if create:
            self.path.touch()

    def rename_dated(self) -> None:
        self.dated += 1
        self.path.rename(self.folder / f"{NAME}-{20260000 + self.dated}")
        self.path.touch()

    def copy_and_truncate(self) -> None:
        for number in sorted(self.numbers(), reverse=True):
            for ending in ("", ".gz"):
                name = self.rotated(number, ending)
                if name.exists():
                    name.rename(self.rotated(number + 1, ending))
        shutil.copyfile(self.path, self.rotated(1))
        os.truncate(self.path, 0)

    def compress(self, number: int) -> None:
        plain = self.rotated(number)
        status = plain.stat()
        packed = self.rotated(number, ".gz")
        with plain.open("rb") as source, gzip.open(packed, "wb") as target:
            shutil.copyfileobj(source, target)
        os.utime(packed, ns=(status.st_atime_ns, status.st_mtime_ns))
        plain.unlink()

    def numbers(self) -> set[int]:
        endings = (name.name.removeprefix(f"{NAME}.").split(".")[0] for name in self.folder.glob(f"{NAME}.*"))
        return {int(ending) for ending in endings if ending.isdigit()}

    def rotated(self, number: int, ending: str = "") -> Path:
        return self.folder / f"{NAME}.{number}{ending}"

    def look(self, budget_bytes: int = 1 << 30) -> None:
        self.follower.look()
        self.read_on(budget_bytes)

    def read_on(self, budget_bytes: int = 1 << 30) -> None:
        """Read without having looked, as when something happened in between."""
        for lines in self.follower.read(budget_bytes):
            self.read += [int(line.split()[-1]) for line in lines.block.splitlines()]

    def pass_time(self, seconds: float) -> None:
        self.clock.now += seconds

    def commit(self) -> None:
        """Write down how far the log has been read, with all that was read until there."""
        self.committed = self.follower.following(), list(self.read), Counter(self.happened)

    def kill(self) -> None:
        """Start anew from what was written down last, as after SIGKILL."""
        following, self.read, self.happened = self.committed[0], list(self.committed[1]), Counter(self.committed[2])
        self.follower.close()
        self.follower = self.new_follower()
        self.follower.restore(following)

    def kill_and_look(self) -> None:
        """Restart, trying again as long as a rotation is under way, and look."""
        while True:
            try:
                self.kill()
                break
            except LogChanged:
                continue
        self.look()

    def settle(self) -> None:
        """Look until nothing can be left to be read."""
        for _ in range(4):
            self.look()
            self.pass_time(6)


def read_everything(world: World) -> bool:
    """Look until nothing can be left, and tell whether each line was read once, in any order."""
    world.settle()
    return sorted(world.read) == world.written
