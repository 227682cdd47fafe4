"""The CPU time of the exporter and its follower while nothing is written to the log and nobody asks."""

import time
from pathlib import Path

from benchmarks.accesslog.generator import write_log
from benchmarks.accesslog.serving import Serving, serving
from benchmarks.processes import cpu_seconds
from benchmarks.sample_nginx import sample_nginx

LINES = 1000
SECONDS = 60.0
LIMIT = 0.005
SETTLE_SECONDS = 2.0
GIVE_UP_SECONDS = 30.0


def measure_idle(folder: Path) -> bool:
    """Print the share of a core; tell whether it is below the limit."""
    with sample_nginx(folder) as sample, serving(folder, sample) as exporter:
        write_log(exporter.log, LINES)
        await_lines(exporter, LINES, GIVE_UP_SECONDS)
        time.sleep(SETTLE_SECONDS)
        processes = exporter.processes()
        before = sum(map(cpu_seconds, processes))
        time.sleep(SECONDS)
        share = (sum(map(cpu_seconds, processes)) - before) / SECONDS
    print(f"idle: {share:.2%} of a core over {SECONDS:.0f} s, {len(processes)} processes (must be below {LIMIT:.1%})")
    return share < LIMIT


def await_lines(exporter: Serving, lines: int, timeout_seconds: float) -> None:
    """Wait until so many lines are committed."""
    give_up = time.monotonic() + timeout_seconds
    while exporter.lines < lines:
        if time.monotonic() > give_up:
            raise SystemExit(f"{exporter.lines} of {lines} lines are counted after {timeout_seconds:.0f} s")
        time.sleep(0.1)
