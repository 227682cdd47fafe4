"""The exporter's own way: its follower as a process of its own, told what to follow as `serve` tells it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.accesslog.figures import Figures, exporter_figures
from benchmarks.accesslog.generator import DOMAINS
from benchmarks.accesslog.pinned import TASKSET, Duration
from benchmarks.processes import cpu_seconds, peak_memory_bytes
from exporter.accesslog.counts import LogRecord
from exporter.accesslog.reader import read_records
from exporter.accesslog.service import Assignment
from exporter.config import AccessLog, StartAt

LOG_NAME = "measured"
GIVE_UP_SECONDS = 600.0
LOOK_SECONDS = 0.02


@dataclass(frozen=True)
class Followed:
    """A log that has been counted to its end, and what that took once the follower was ready for it."""

    figures: Figures
    broken_accounts: int
    duration: Duration
    peak_memory_bytes: int


def follow_to_end(log: Path, lines: int, folder: Path) -> Followed:
    """Have the follower count a log that appears while it waits for it, until every line of it is committed.

    `folder` must be empty, and on the log's file system.
    """
    path = folder / "access.log"
    with _follower(_assignment(folder, path)) as pid:
        cpu_before, began = cpu_seconds(pid), time.monotonic()
        os.link(log, path)
        record = _await_lines(folder, lines)
        duration = Duration(time.monotonic() - began, cpu_seconds(pid) - cpu_before)
        return Followed(exporter_figures(record.counts), record.broken_accounts, duration, peak_memory_bytes(pid))


def write_known_domains(folder: Path) -> Path:
    """Write down all domains that the generator knows, so that each has its own series."""
    path = folder / "known-domains"
    path.write_text("\n".join(DOMAINS))
    return path


def _assignment(folder: Path, path: Path) -> Assignment:
    log = AccessLog(
        LOG_NAME, str(path), start_at=StartAt.BEGINNING,
        known_domains=write_known_domains(folder), domain_cap=len(DOMAINS),
    )  # fmt: skip
    return Assignment(folder, (log,), judged=frozenset({LOG_NAME}))


@contextmanager
def _follower(assignment: Assignment) -> Iterator[int]:
    """Give the process id of a follower that is ready; it ends when its connection is closed."""
    ours, theirs = Pipe()
    command = [*TASKSET, sys.executable, "-m", "exporter.accesslog", str(theirs.fileno())]
    with subprocess.Popen(command, pass_fds=[theirs.fileno()]) as process, ours:
        theirs.close()
        ours.send(assignment)
        _await_ready(ours)
        yield process.pid


def _await_ready(connection: Connection) -> None:
    while connection.poll(GIVE_UP_SECONDS):
        if connection.recv().ready:
            return
    raise SystemExit("the follower does not get ready")


def _await_lines(folder: Path, lines: int) -> LogRecord:
    give_up = time.monotonic() + GIVE_UP_SECONDS
    while time.monotonic() < give_up:
        for record in read_records(folder):
            if exporter_figures(record.counts).lines >= lines:
                return record
        time.sleep(LOOK_SECONDS)
    raise SystemExit(f"the follower has not counted {lines} lines in {GIVE_UP_SECONDS:.0f} s")
