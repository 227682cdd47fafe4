"""The most memory that the follower has resident: it must not grow with the log, nor beyond 80 MB at the worst."""

import tempfile
from pathlib import Path

from benchmarks.accesslog.following import follow_to_end
from benchmarks.accesslog.generator import write_broken_log, write_log

LINES = 1_000_000
TIMES_LONGER = 5
BROKEN_ACCOUNTS = 100_000
LIMIT_BYTES = 80e6


def measure_memory(folder: Path) -> bool:
    """Print the peaks; tell whether all stay under the limit."""
    log = folder / "memory.log"
    write_log(log, LINES)
    peaks = [_peak(log, LINES, f"{LINES:,} lines")]
    once = log.read_bytes()
    with log.open("ab") as file:
        for _ in range(TIMES_LONGER - 1):
            file.write(once)
    peaks.append(_peak(log, LINES * TIMES_LONGER, f"{LINES * TIMES_LONGER:,} lines"))
    log.unlink()
    write_broken_log(log, BROKEN_ACCOUNTS)
    peaks.append(_peak(log, BROKEN_ACCOUNTS, f"{BROKEN_ACCOUNTS:,} broken accounts"))
    log.unlink()
    return max(peaks) < LIMIT_BYTES


def _peak(log: Path, lines: int, name: str) -> int:
    with tempfile.TemporaryDirectory(dir=log.parent) as folder:
        followed = follow_to_end(log, lines, Path(folder))
    peak = followed.peak_memory_bytes
    rate = f"{lines / followed.duration.wall_seconds:,.0f} lines/s by the clock"
    print(f"{name:24} {peak / 1e6:5.1f} MB at most (must be under {LIMIT_BYTES / 1e6:.0f}), {rate}")
    return peak
