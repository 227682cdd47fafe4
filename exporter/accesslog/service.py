"""The process that follows the logs: it counts, and commits what it has counted together with how far it has read."""

import logging
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from exporter import logs
from exporter.accesslog.accounts import Verdict
from exporter.accesslog.clocks import Clocks
from exporter.accesslog.known_domains import KnownDomains
from exporter.accesslog.log_follower import Counting, LogFollower
from exporter.accesslog.position import Progress, Trouble
from exporter.accesslog.scanner import scanner
from exporter.accesslog.schema import LOCK_NAME
from exporter.accesslog.store import Store
from exporter.accesslog.tally import Tally, TallySettings
from exporter.config import AccessLog
from exporter.errors import StateError
from exporter.file_lock import FileLock

POLL_SECONDS, LONGEST_POLL_SECONDS = 0.25, 2.0
IDLE_SHARE = 1 / 250
"""Files in which nothing happens are looked at less often when there are many, so that it takes no more of a core."""

COMMIT_SECONDS = 1.0
MOST_UNWRITTEN_ACCOUNTS = 20_000
"""Committed earlier where more have changed, because what is not written yet takes memory."""

RETRY_SECONDS = 5.0
MOST_ASKED = 1000
DOUBT_SECONDS = 3600.0
"""So many accounts are asked about at a time, and each again after so long."""

REPORT_SECONDS = 5.0
"""Told again, though nothing has changed: whoever is silent has stopped."""

NICENESS = 10
"""Catching up takes a core; whatever else this machine does comes first."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Assignment:
    """What the exporter tells its follower: the logs, and those of them whose broken callbacks mean harm.

    `vetted` are the logs of a server whose database can be asked, so that it is; `known_domains` is the
    file of the domains that it knows, which need not be there yet.
    """

    folder: Path
    logs: tuple[AccessLog, ...]
    judged: frozenset[str]
    log_level: str = "info"
    log_format: str | None = None
    vetted: frozenset[str] = frozenset()
    known_domains: Path | None = None


@dataclass(frozen=True)
class Report:
    """What the follower tells the exporter, and could not write down itself; `to_vet` are ids it wants to know of."""

    ready: bool
    troubles: frozenset[Trouble] = frozenset()
    to_vet: tuple[int, ...] = ()


class Service:
    """Follows the logs of one assignment at a time; after trouble with the store it goes on from the last commit."""

    def __init__(self, assignment: Assignment, clocks: Clocks) -> None:
        self._assignment = assignment
        self._clocks = clocks
        self._lock: FileLock | None = None
        self._store: Store | None = None
        self._followers: dict[str, LogFollower] = {}
        self._committed: dict[str, Progress | None] = {}
        self._next_commit = self._next_try = 0.0
        self._next_doubt = clocks.monotonic() + DOUBT_SECONDS
        self._known_domains = KnownDomains()
        self._troubles: frozenset[Trouble] = frozenset()

    @property
    def report(self) -> Report:
        """Return how it goes."""
        ready = self._store is not None and all(one.is_ready for one in self._followers.values())
        return Report(ready, self._troubles, self._to_vet())

    def assign(self, assignment: Assignment) -> None:
        """Follow other logs from now on, or the same ones with other settings; those that stay are not disturbed."""
        self._commit_safely()
        kept = {log.name: log for log in assignment.logs}
        for name in [name for name, one in self._followers.items() if kept.get(name) != one.log]:
            self._followers.pop(name).close()
        same_folder = assignment.folder == self._assignment.folder
        self._assignment = assignment
        if not same_folder:
            self.close()
        for name, follower in self._followers.items():
            follower.tally.judge(judged=name in assignment.judged)
        self._committed.clear()

    def vet(self, verdict: Verdict) -> None:
        """Take note of which accounts the database has."""
        for name in self._assignment.vetted & self._followers.keys():
            accounts = self._followers[name].tally.accounts
            accounts.vet(verdict)
            if accounts.unwritten:
                self._committed.pop(name, None)  # so that it is written down, though no line was read

    def step(self) -> bool:
        """Read on, and commit when it is time; tell whether there was anything to read."""
        try:
            return self._step()
        except StateError as error:
            _log.error("what was counted cannot be kept", extra={"error": str(error)})
            self.close()
            self._troubles = frozenset({Trouble.CHECKPOINT})
            self._next_try = self._clocks.monotonic() + RETRY_SECONDS
            return False

    def close(self) -> None:
        """Let go of the logs and the store. What was not committed will be read again."""
        for follower in self._followers.values():
            follower.close()
        self._followers.clear()
        self._committed.clear()
        if self._store is not None:
            self._store.close()
        if self._lock is not None:
            self._lock.release()
        self._store = self._lock = None

    def finish(self) -> None:
        """Commit what has been counted, and let go."""
        self._commit_safely()
        self.close()

    def _step(self) -> bool:
        if not self._is_open():
            return False
        for log in self._assignment.logs:
            if log.name not in self._followers:
                self._followers[log.name] = self._load(log)
        self._look_at_database()
        progressed = [follower.step() for follower in self._followers.values()]
        unwritten = max((one.tally.accounts.unwritten for one in self._followers.values()), default=0)
        if self._clocks.monotonic() >= self._next_commit or unwritten > MOST_UNWRITTEN_ACCOUNTS:
            self._commit()
            self._next_commit = self._clocks.monotonic() + COMMIT_SECONDS
        return any(progressed)

    def _look_at_database(self) -> None:
        """Hand on the domains that the database knows, and from time to time doubt the accounts it knew."""
        vetted = [self._followers[name] for name in self._assignment.vetted & self._followers.keys()]
        now = self._clocks.monotonic()
        domains = self._known_domains.read(self._assignment.known_domains, now)
        for follower in vetted:
            follower.know(domains)
        if now >= self._next_doubt:
            self._next_doubt = now + DOUBT_SECONDS
            for follower in vetted:
                follower.tally.accounts.doubt()

    def _to_vet(self) -> tuple[int, ...]:
        asked: tuple[int, ...] = ()
        for name in sorted(self._assignment.vetted & self._followers.keys()):
            asked += self._followers[name].tally.accounts.to_vet(MOST_ASKED - len(asked))
        return asked

    def _is_open(self) -> bool:
        if self._store is not None:
            return True
        if self._clocks.monotonic() < self._next_try:
            return False
        self._lock = FileLock.take(self._assignment.folder / LOCK_NAME)
        if self._lock is None:
            self._troubles = frozenset({Trouble.LOCKED})
            return False
        self._store = Store.open(self._assignment.folder)
        self._troubles = frozenset()
        return True

    def _load(self, log: AccessLog) -> LogFollower:
        assert self._store is not None  # noqa: S101  # _is_open
        progress, state = self._store.load(log.name)
        self._committed[log.name] = progress
        reader = scanner(log.format, log.host)
        settings = TallySettings(reader.agent_text, log.domain_cap, judged=log.name in self._assignment.judged)
        return LogFollower(log, Counting(reader, Tally(settings, state)), progress, self._clocks)

    def _commit_safely(self) -> None:
        try:
            self._commit()
        except StateError as error:
            _log.error("what was counted last could not be kept, and will be read again", extra={"error": str(error)})
            self.close()

    def _commit(self) -> None:
        if self._store is None:
            return
        progress = {name: follower.progress() for name, follower in self._followers.items()}
        changed = {name: one for name, one in progress.items() if self._committed.get(name) != one}
        if changed:
            self._store.commit({name: (one, self._followers[name].tally) for name, one in changed.items()})
            self._committed.update(changed)


def follow(connection: Connection, clocks: Clocks | None = None) -> None:
    """Follow what the other end of the connection assigns, until it is closed."""
    try:
        assignment: Assignment = connection.recv()
        logs.configure(assignment.log_level, assignment.log_format)
        service = Service(assignment, clocks or Clocks())
        _serve(service, connection)
    except EOFError:
        return


def _serve(service: Service, connection: Connection) -> None:
    told: Report | None = None
    wait_seconds = next_report = 0.0
    try:
        while True:
            if connection.poll(wait_seconds):
                told_by_exporter: Assignment | Verdict = connection.recv()
                if isinstance(told_by_exporter, Verdict):
                    service.vet(told_by_exporter)
                else:
                    service.assign(told_by_exporter)
            wait_seconds = _step(service)
            if service.report != told or time.monotonic() >= next_report:
                told, next_report = service.report, time.monotonic() + REPORT_SECONDS
                connection.send(told)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        service.finish()  # the exporter has gone, or has asked for the end


def _step(service: Service) -> float:
    """Have the service take a step; return after how many seconds the next one is due."""
    began = time.thread_time()
    if service.step():
        return 0.0
    due_seconds = (time.thread_time() - began) / IDLE_SHARE
    return min(max(POLL_SECONDS, due_seconds), LONGEST_POLL_SECONDS)
