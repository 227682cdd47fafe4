"""Programs run to their end on one core, with the time they took."""

import os
import resource
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass

TASKSET = ("taskset", "-c", str(min(os.sched_getaffinity(0))))
TIMEOUT_SECONDS = 600.0


@dataclass(frozen=True)
class Duration:
    """How long something took by the clock, and how long it had the core."""

    wall_seconds: float
    cpu_seconds: float


@dataclass(frozen=True)
class Run:
    """A program that has ended well."""

    duration: Duration
    output: str


def run_pinned(command: Sequence[str]) -> Run:
    """Run a program with all its children on one core; it must end with 0."""
    before = _children_cpu_seconds()
    began = time.monotonic()
    finished = subprocess.run(
        [*TASKSET, *command], stdout=subprocess.PIPE, text=True, check=True, timeout=TIMEOUT_SECONDS
    )
    wall_seconds = time.monotonic() - began
    return Run(Duration(wall_seconds, _children_cpu_seconds() - before), finished.stdout)


def _children_cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
