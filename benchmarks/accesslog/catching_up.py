"""How long probes take while 5 GB of log are being caught up with, beside their time when there is nothing to do."""

import shutil
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import requests

from benchmarks.accesslog.generator import write_log
from benchmarks.accesslog.idle import await_lines
from benchmarks.accesslog.serving import ADDRESS, Serving, serving
from benchmarks.sample_nginx import sample_nginx

LINES = 1_000_000
LOG_BYTES = 5_000_000_000
SPARE_BYTES = 1_000_000_000
SCRAPES = 500
WARM_UP_SCRAPES = 20
LIMIT = 1.2
GIVE_UP_SECONDS = 600.0


@dataclass(frozen=True)
class Durations:
    """How long probes took."""

    median_seconds: float
    p95_seconds: float

    def describe(self, name: str) -> str:
        return f"{name:14} median {self.median_seconds * 1e3:6.1f} ms, p95 {self.p95_seconds * 1e3:6.1f} ms"


def measure_catching_up(folder: Path) -> bool:
    """Print both; tell whether median and p95 are within the limit."""
    if shutil.disk_usage(folder).free < LOG_BYTES + SPARE_BYTES:
        print(f"catching up: not measured, {folder} has no room for a log of {LOG_BYTES / 1e9:.0f} GB")
        return False
    log = folder / "long.log"
    lines = _write_long_log(log)
    with sample_nginx(folder) as sample, serving(folder, sample) as exporter:
        _probe(WARM_UP_SCRAPES)
        idle = _probe(SCRAPES)
        log.rename(exporter.log)
        while not exporter.lines:
            time.sleep(0.01)
        busy = _probe(SCRAPES)
        _must_be_busy(exporter, lines)
        began, left = time.monotonic(), lines - exporter.lines
        await_lines(exporter, lines, GIVE_UP_SECONDS)
        rate = left / (time.monotonic() - began)
        exporter.log.unlink()
    print(idle.describe("idle"))
    print(busy.describe("catching up"))
    print(f"afterwards, without probes: {rate:,.0f} lines/s by the clock, all {lines:,} counted")
    return _judge(idle, busy)


def _write_long_log(log: Path) -> int:
    """Write the same lines again and again, and return how many there are in all."""
    write_log(log, LINES)
    once = log.read_bytes()
    times = -(-LOG_BYTES // len(once))
    with log.open("ab") as file:
        for _ in range(times - 1):
            file.write(once)
    return LINES * times


def _probe(scrapes: int) -> Durations:
    session = requests.Session()
    seconds = []
    for _ in range(scrapes):
        began = time.monotonic()
        answer = session.get(f"{ADDRESS}/probe", params={"target": "sample"}, timeout=20)
        seconds.append(time.monotonic() - began)
        if "probe_success 1" not in answer.text:
            raise SystemExit(f"a probe failed that must pass:\n{answer.text}")
    return Durations(statistics.median(seconds), statistics.quantiles(seconds, n=20)[-1])


def _must_be_busy(exporter: Serving, lines: int) -> None:
    if exporter.lines >= lines:
        raise SystemExit("the log was caught up with before the last probe: make it longer")


def _judge(idle: Durations, busy: Durations) -> bool:
    median = busy.median_seconds / idle.median_seconds
    p95 = busy.p95_seconds / idle.p95_seconds
    print(f"catching up/idle: median {median:.2f}, p95 {p95:.2f} (must be within {LIMIT})")
    return max(median, p95) <= LIMIT
