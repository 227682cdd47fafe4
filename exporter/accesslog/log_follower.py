"""Following one configured log: each file that its path or glob names, counted into one tally."""

import os
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path

from exporter.accesslog.clocks import Clocks
from exporter.accesslog.counts import Counted
from exporter.accesslog.domains import read_known_domains
from exporter.accesslog.entry import UnparsedReason
from exporter.accesslog.generations import COMPRESSED, live_names
from exporter.accesslog.logfile import Lines
from exporter.accesslog.path_follower import PathFollower, trouble_of
from exporter.accesslog.position import Following, Progress, Trouble
from exporter.accesslog.scan import Scan, Scanner
from exporter.accesslog.tally import Tally
from exporter.config import AccessLog, StartAt
from exporter.errors import LogChanged

BUDGET_BYTES = 4 * 1024 * 1024
"""What is read of one path before it is the next one's turn."""

DISCOVERY_SECONDS = 2.0
KNOWN_DOMAINS_SECONDS = 10.0
DELETED_SECONDS = 600.0
_ONE_TOO_LONG = Scan(lines=1, unparsed={UnparsedReason.TOO_LONG: 1})


@dataclass(frozen=True)
class Counting:
    """What lines become: read by the scanner, counted by the tally."""

    scanner: Scanner
    tally: Tally


class LogFollower:
    """Follows and counts one log. Not thread-safe; nothing it meets in the file system raises."""

    def __init__(self, log: AccessLog, counting: Counting, progress: Progress | None, clocks: Clocks) -> None:
        self.log = log
        self.tally = counting.tally
        self._scanner = counting.scanner
        self._clocks = clocks
        self._is_new = progress is None or progress.pattern != log.path
        self._earlier = {one.path: one for one in _still_meant(log.path, progress)}
        self._since_ns = max((one.since_ns for one in self._earlier.values()), default=clocks.file_time_ns())
        self._paths: dict[str, PathFollower] = {}
        self._deleted_since: dict[str, float] = {}
        self._waiting: set[str] = set()
        self._absent: set[str] = set()
        self._first_paths: frozenset[str] | None = None
        self._troubles: set[Trouble] = set()
        self._finds_nothing = self._misses_domains = False
        self._events: list[Counted] = []
        self._next_discovery = self._next_domains = 0.0
        self._domains_modified_ns = 0
        self._domains_of_file: frozenset[str] = frozenset()
        self._domains_of_database: frozenset[str] = frozenset()

    def step(self) -> bool:
        """Look at the files and count what is there, up to a budget; tell whether any line was read."""
        self._troubles.clear()
        self._absent.clear()
        self._discover()
        self._read_known_domains()
        for path in sorted(self._waiting):
            self._start(path)
        progressed = [self._advance(path) for path in self._paths.values()]
        for event in self._events:
            self.tally.count(event)
        self._events.clear()
        return any(progressed)

    @property
    def is_ready(self) -> bool:
        """Whether each file is being followed, or waited for because it is not there yet."""
        return self._waiting <= self._absent and not self._is_new

    def know(self, domains: frozenset[str]) -> None:
        """Take domains for known beside those of the log's own file. The same set again costs nothing."""
        if domains is not self._domains_of_database:
            self._domains_of_database = domains
            self._list_known_domains()

    def progress(self) -> Progress:
        """Return how far the log has been read."""
        followings = [path.following() for path in self._paths.values()]
        followings += [one for one in self._earlier.values() if one.path not in self._paths]
        troubles = self._troubles.union(*(path.troubles for path in self._paths.values()))
        troubles |= {Trouble.KNOWN_DOMAINS} if self._misses_domains else set()
        troubles |= {Trouble.MISSING} if self._finds_nothing else set()
        if _is_glob(self.log.path) and self._paths:
            troubles.discard(Trouble.MISSING)
        lag_bytes = sum(path.lag_bytes for path in self._paths.values())
        # Without its pattern it is begun once more as a new log: a file of it could not be read yet.
        pattern = "" if self._is_new else self.log.path
        return Progress(pattern, tuple(followings), lag_bytes, frozenset(troubles))

    def close(self) -> None:
        """Close all files."""
        for path in self._paths.values():
            path.close()

    def _discover(self) -> None:
        now = self._clocks.monotonic()
        if now < self._next_discovery:
            return
        self._next_discovery = now + DISCOVERY_SECONDS
        found = _live_paths(self.log.path, {*self._paths, *self._earlier})
        if self._first_paths is None:
            self._first_paths = frozenset(found)
        self._let_go_of_deleted(found, now)
        self._waiting |= {*found, *self._earlier} - set(self._paths)
        self._finds_nothing = not found
        self._is_new = self._is_new and bool(found)

    def _let_go_of_deleted(self, found: Sequence[str], now: float) -> None:
        """Forget what a glob named once, and what was then deleted; whoever had it open has had time to close it."""
        for path, follower in list(self._paths.items()):
            if path in found or not follower.is_deleted:
                self._deleted_since.pop(path, None)
            elif now - self._deleted_since.setdefault(path, now) >= DELETED_SECONDS:
                follower.close()
                del self._paths[path], self._deleted_since[path]
                self._earlier.pop(path, None)

    def _start(self, path: str) -> None:
        follower = PathFollower(path, self._clocks, self._events.append)
        events_before = len(self._events)
        try:
            self._begin(follower)
        except (LogChanged, OSError) as error:
            follower.close()
            del self._events[events_before:]
            if isinstance(error, OSError):
                self._troubles.add(trouble_of(error))
            if isinstance(error, FileNotFoundError):
                self._absent.add(path)
        else:
            self._paths[path] = follower
            self._waiting.discard(path)
            self._is_new = self._is_new and bool(self._waiting)

    def _begin(self, follower: PathFollower) -> None:
        earlier = self._earlier.get(follower.path)
        if earlier is not None:
            follower.restore(earlier)
        else:
            was_there = self._is_new and follower.path in (self._first_paths or ())
            follower.begin(self.log.start_at if was_there else StartAt.BEGINNING, self._since_ns)

    def _advance(self, path: PathFollower) -> bool:
        path.look()
        progressed = False
        for lines in path.read(BUDGET_BYTES):
            self.tally.apply(self._scan(lines))
            progressed = True
        return progressed

    def _scan(self, lines: Lines) -> Scan:
        if lines.too_long:
            return _ONE_TOO_LONG
        return self._scanner.scan(lines.block) if lines.block else Scan(lines=0)

    def _read_known_domains(self) -> None:
        file, now = self.log.known_domains, self._clocks.monotonic()
        if file is None or now < self._next_domains:
            return
        self._next_domains = now + KNOWN_DOMAINS_SECONDS
        try:
            modified_ns = file.stat().st_mtime_ns
            if modified_ns != self._domains_modified_ns:
                self._domains_of_file = read_known_domains(file)
                self._list_known_domains()
                self._domains_modified_ns = modified_ns
        except OSError:
            self._misses_domains = True
        else:
            self._misses_domains = False

    def _list_known_domains(self) -> None:
        # The database may know 100,000: they are not copied without need.
        own, others = self._domains_of_file, self._domains_of_database
        self.tally.list_known_domains(own | others if own else others)


def _still_meant(pattern: str, progress: Progress | None) -> Iterable[Following]:
    if progress is None:
        return ()
    if progress.pattern == pattern:
        return progress.followings
    found = _live_paths(pattern)
    return [one for one in progress.followings if one.path in found]


def _is_glob(pattern: str) -> bool:
    return has_magic(pattern) and not Path(pattern).exists()


def _live_paths(pattern: str, known: Iterable[str] = ()) -> list[str]:
    """Return the paths that a pattern names, save those that are rotated generations of another one.

    `known` paths have such generations even while there is no file there: it may just have been renamed.
    """
    if not _is_glob(pattern):
        return [pattern]
    paths = sorted(glob(pattern))  # noqa: PTH207  # Path.glob takes no absolute pattern
    lives = {*paths, *known}
    return [path for path in paths if not path.endswith(COMPRESSED) and not _is_rotated(path, lives)]


def _is_rotated(path: str, lives: Container[str]) -> bool:
    folder, name = os.path.split(path)
    return any(os.path.join(folder, live) in lives for live in live_names(name))  # noqa: PTH118  # as glob wrote it
