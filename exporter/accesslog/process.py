"""Keeping the follower's process running beside the exporter."""

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

from exporter.accesslog.accounts import Verdict
from exporter.accesslog.position import Trouble
from exporter.accesslog.service import REPORT_SECONDS, Assignment, Report

CHECK_SECONDS = 0.5
STOP_SECONDS = 10.0
FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 0.5, 5.0
STEADY_SECONDS = 10.0
SILENT_SECONDS = 6 * REPORT_SECONDS
_log = logging.getLogger(__name__)


def no_verdict(_ids: Sequence[int]) -> Verdict | None:
    """Know nothing of any account: there is no database."""
    return None


class FollowerProcess:
    """Runs the follower, tells it what to follow, and starts it again should it end. `start` and `stop` once each.

    `assignment` is asked twice a second, in a thread of its own; with no logs in it, no process runs. `vet` is asked
    as often about the accounts that the follower wants to know of; it must not wait, and returns a verdict when
    there is one that it has not returned yet.
    """

    def __init__(
        self,
        assignment: Callable[[], Assignment],
        vet: Callable[[Sequence[int]], Verdict | None] = no_verdict,
    ) -> None:
        self._assignment = assignment
        self._vet = vet
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="access logs", daemon=True)
        self._report: Report | None = None
        self._report_monotonic_seconds = 0.0
        self._has_failed = False
        self._has_logs = True

    def start(self) -> None:
        """Begin, without waiting for anything."""
        self._thread.start()

    def stop(self) -> None:
        """Have what was counted committed, and end the process."""
        self._stopping.set()
        self._thread.join()

    @property
    def is_ready(self) -> bool:
        """Whether every log is being followed, or waited for because it is not there yet."""
        return not self._has_logs or (self._report is not None and self._report.ready and not self._is_silent)

    @property
    def troubles(self) -> frozenset[Trouble]:
        """What concerns all logs; empty while all is well."""
        if self._report is not None and not self._is_silent:
            return self._report.troubles
        return frozenset({Trouble.STOPPED} if self._has_failed or self._is_silent else ())

    @property
    def _is_silent(self) -> bool:
        """Whether the process is there but tells nothing: stopped, or stuck in a file system that hangs."""
        return self._report is not None and time.monotonic() - self._report_monotonic_seconds > SILENT_SECONDS

    def _run(self) -> None:
        retry_seconds = FIRST_RETRY_SECONDS
        while not self._stopping.is_set():
            assignment = self._assignment()
            self._has_logs = bool(assignment.logs)
            if not assignment.logs:
                self._stopping.wait(CHECK_SECONDS)
                continue
            began = time.monotonic()
            try:
                self._follow(assignment)
            except OSError as error:  # no memory, no process, no file to be had
                self._has_failed = True
                _log.error("the follower of the access logs cannot be started", extra={"error": error.strerror})
            if time.monotonic() - began > STEADY_SECONDS:
                retry_seconds = FIRST_RETRY_SECONDS
            self._stopping.wait(retry_seconds)
            retry_seconds = min(2 * retry_seconds, LAST_RETRY_SECONDS)

    def _follow(self, assignment: Assignment) -> None:
        """Run one process until it ends, there is nothing left to follow, or `stop` is called."""
        ours, theirs = Pipe()
        with ours:
            with theirs:
                process = _started(theirs.fileno())
            try:
                self._accompany(ours, assignment)
            except (EOFError, ConnectionError):
                self._has_failed = True
                _log.error("the follower of the access logs has ended, and is started again")
            finally:
                self._report = None
        self._await_end(process)

    def _accompany(self, connection: Connection, assignment: Assignment) -> None:
        connection.send(assignment)
        while not self._stopping.is_set():
            if connection.poll(CHECK_SECONDS):
                self._report, self._report_monotonic_seconds = connection.recv(), time.monotonic()
            wanted = self._assignment()
            if not wanted.logs:
                return
            if wanted != assignment:
                connection.send(wanted)
                assignment = wanted
            verdict = self._vet(self._report.to_vet if self._report is not None else ())
            if verdict is not None:
                connection.send(verdict)

    def _await_end(self, process: "subprocess.Popen[bytes]") -> None:
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _started(descriptor: int) -> "subprocess.Popen[bytes]":
    """Start the follower with a socket; modules are looked for where this process does, not where it is run."""
    command = [sys.executable, "-P", "-m", "exporter.accesslog", str(descriptor)]
    folders = os.pathsep.join(str(Path(folder).absolute()) for folder in sys.path)
    return subprocess.Popen(  # noqa: S603  # this very program
        command, stdin=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": folders}, pass_fds=[descriptor]
    )
