"""Programs under measurement: started, waited for, charged with the CPU time they used."""

import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import requests

START_TIMEOUT_SECONDS = 20.0
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_USER_TIME, _SYSTEM_TIME = 11, 12  # fields of /proc/PID/stat, counted from after the name


@contextmanager
def running(command: Sequence[str], ready_url: str, *, one_core: bool = False) -> Iterator[int]:
    """Start a program, wait until a URL answers, give its process id, and end it afterwards."""
    pinned = ["taskset", "-c", "0", *command] if one_core else list(command)
    with subprocess.Popen(pinned, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_for(ready_url, process)
            yield process.pid
        finally:
            process.terminate()


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < give_up:
        if process.poll() is not None:
            raise SystemExit(f"{process.args!r} ended with {process.returncode}")
        try:
            requests.get(url, timeout=1)
        except requests.ConnectionError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"{process.args!r} does not answer at {url}")


def cpu_seconds(pid: int) -> float:
    """Return the CPU time a process has used so far, user and system, all threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[_USER_TIME]) + int(fields[_SYSTEM_TIME])) / _TICKS_PER_SECOND


def peak_memory_bytes(pid: int) -> int:
    """Return the most memory a process has had resident."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0
