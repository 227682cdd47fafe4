"""Lines a second: a raw read, mtail, and this exporter; and the search for what is broken beside grep.

Each side counts the same log in turn, several times, alone on one core. Rates are lines by CPU time, so
that a neighbour on that core does not count; the wall clock is printed beside them.
"""

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.accesslog.counting import count
from benchmarks.accesslog.following import follow_to_end
from benchmarks.accesslog.generator import DOMAINS, Truth, write_log
from benchmarks.accesslog.peers import grep_broken, mtail_figures, read_raw, run_mtail
from benchmarks.accesslog.pinned import Duration, run_pinned

LINES = 1_000_000
ROUNDS = 5
MUST_LINES_A_SECOND = 1_000_000
MUST_TIMES_MTAIL, AIM_TIMES_MTAIL = 4.0, 10.0
AIM_TIMES_GREP = 3.0

_REMEDY = (sys.executable, "-c", "from exporter.cli.remedy import main; main()", "subscriptions", "broken")


@dataclass(frozen=True)
class Side:
    """One way to read the log. `run` reads it once, and ends the program if it arrives at wrong figures."""

    name: str
    run: Callable[[], Duration]
    durations: list[Duration] = field(default_factory=list)

    @property
    def median_cpu_seconds(self) -> float:
        return statistics.median(one.cpu_seconds for one in self.durations)

    def describe(self) -> str:
        """Return the side's figures as a line."""
        best = min(one.cpu_seconds for one in self.durations)
        wall = statistics.median(one.wall_seconds for one in self.durations)
        median = self.median_cpu_seconds
        rates = f"{_rate(median):>11,.0f} lines/s, best {_rate(best):>11,.0f}"
        return f"{self.name:26} {rates}, {median:6.3f} s CPU, {wall:6.3f} s by the clock"


def measure_speed(folder: Path) -> bool:
    """Print the figures; tell whether every must was met."""
    log = folder / "speed.log"
    truth = write_log(log, LINES)
    print(f"{LINES:,} lines, {log.stat().st_size / 1e6:.0f} MB, {truth.figures.unparsed} of them fit no format")
    counting = _counting_sides(log, truth)
    searching = _searching_sides(log, truth)
    for _ in range(ROUNDS):
        for side in (*counting, *searching):
            side.durations.append(side.run())
    for side in (*counting, *searching):
        print(side.describe())
    log.unlink()
    _judge_searching(searching)
    return _judge_counting(mtail=counting[1], own=counting[-1])


def _counting_sides(log: Path, truth: Truth) -> list[Side]:
    true, known = truth.figures, frozenset(DOMAINS)

    def mtail() -> Duration:
        run = run_mtail(log)
        mtail_figures(run.output).fold(known).must_equal(true, "mtail")
        return run.duration

    def scan_and_tally() -> Duration:
        figures, duration = count(log)
        figures.must_equal(true, "the tally")
        return duration

    def follow() -> Duration:
        with tempfile.TemporaryDirectory(dir=log.parent) as folder:
            followed = follow_to_end(log, true.lines, Path(folder))
        followed.figures.must_equal(true, "the exporter")
        _must_be(followed.broken_accounts, len(truth.broken_accounts), "broken accounts of the exporter")
        return followed.duration

    return [
        Side("raw read", lambda: read_raw(log).duration),
        Side("mtail", mtail),
        Side("scanner and tally alone", scan_and_tally),
        Side("exporter", follow),
    ]


def _searching_sides(log: Path, truth: Truth) -> list[Side]:
    def grep() -> Duration:
        run = grep_broken(log)
        _must_be(len(run.output.splitlines()), truth.figures.broken, "lines that grep prints")
        return run.duration

    def broken() -> Duration:
        run = run_pinned([*_REMEDY, "--from-log", str(log), "--format", "ids"])
        _must_be({int(line) for line in run.output.split()}, truth.broken_accounts, "accounts of `broken`")
        return run.duration

    sides = [Side("grep pipeline", grep)]
    if subprocess.run([*_REMEDY, "--help"], capture_output=True, check=False).returncode == 0:
        return [*sides, Side("broken --from-log", broken)]
    print("`mastodon-remedy subscriptions broken` does not exist here, so it is not measured beside grep.")
    return sides


def _must_be(value: object, true: object, what: str) -> None:
    if value != true:
        raise SystemExit(f"{what}: {value}, and it should be {true}")


def _judge_counting(mtail: Side, own: Side) -> bool:
    times = _ratio(mtail, own)
    rate = _rate(own.median_cpu_seconds)
    print(f"exporter/mtail: {times:.1f} times as fast (must {MUST_TIMES_MTAIL:.0f}, aim {AIM_TIMES_MTAIL:.0f})")
    print(f"exporter: {rate:,.0f} lines/s on one core (must {MUST_LINES_A_SECOND:,})")
    return times >= MUST_TIMES_MTAIL and rate >= MUST_LINES_A_SECOND


def _judge_searching(sides: Sequence[Side]) -> None:
    if len(sides) == 2:
        grep, broken = sides
        print(f"broken/grep: {_ratio(broken, grep):.1f} times its CPU time (aim {AIM_TIMES_GREP:.0f})")


def _ratio(longer: Side, shorter: Side) -> float:
    """Return the median over all rounds, so that both sides of each ratio met the same neighbours."""
    pairs = zip(longer.durations, shorter.durations, strict=True)
    return statistics.median(one.cpu_seconds / other.cpu_seconds for one, other in pairs)


def _rate(cpu_seconds: float) -> float:
    return LINES / cpu_seconds
