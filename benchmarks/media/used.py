"""What a program took from its start to its end."""

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import peak_memory_bytes

_LOOK_SECONDS = 0.05


@dataclass(frozen=True)
class Used:
    """Wall time, CPU time of all threads, and the most memory that was resident."""

    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int


def run_to_end(command: Sequence[str], log: Path, environ: Mapping[str, str] | None = None) -> Used:
    """Run a program, which has to end well, and return what it took; what it says goes into a file."""
    began = time.monotonic()
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env={**os.environ, **(environ or {})}
        )
        with _watched(process.pid) as peak:
            _, status, usage = os.wait4(process.pid, 0)
            wall_seconds = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command[0]} ended with {process.returncode}:\n{log.read_text()[-4000:]}")
    return Used(wall_seconds, usage.ru_utime + usage.ru_stime, peak())


@contextmanager
def _watched(pid: int) -> Iterator[Callable[[], int]]:
    """Look at a program's memory while it runs; what the system tells at its end counts this process's own in."""
    seen = [0]
    ended = threading.Event()

    def look() -> None:
        with suppress(OSError):
            while not ended.wait(_LOOK_SECONDS):
                seen.append(max(seen.pop(), peak_memory_bytes(pid)))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield lambda: seen[0]
    finally:
        ended.set()
        watcher.join()
