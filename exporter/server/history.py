"""What the last probes found. Nothing here outlives the process: Prometheus is the one that remembers."""

import itertools
import threading
from collections import deque
from dataclasses import dataclass, replace

from exporter.config import CHECK_NAMES, Config, Instance
from exporter.probes.result import InstanceReport, ProbeResult

PASSED_RESULTS = 50
FAILED_RESULTS = 100


@dataclass(frozen=True)
class Result:
    """A report and the number under which /results shows it."""

    number: int
    report: InstanceReport


class History:
    """The newest results that passed, the newest that failed, the newest of each instance. Thread-safe.

    However many probes run, it holds PASSED_RESULTS and FAILED_RESULTS whole reports, and for each
    configured instance one without its trace.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._passed: deque[Result] = deque(maxlen=PASSED_RESULTS)
        self._failed: deque[Result] = deque(maxlen=FAILED_RESULTS)
        self._latest: dict[str, InstanceReport] = {}

    def record(self, instance: Instance, report: InstanceReport, *, whole: bool = True) -> int:
        """Keep a report and return its number; one that is not `whole` replaces only its own checks in the newest."""
        with self._lock:
            result = Result(next(self._numbers), report)
            (self._passed if report.success else self._failed).append(result)
            if instance.listed:
                known = None if whole else self._latest.get(instance.name)
                self._latest[instance.name] = _merge(known, _without_trace(report))
            return result.number

    def result(self, number: int) -> Result | None:
        """Return a result while it is kept."""
        with self._lock:
            return next((one for one in (*self._passed, *self._failed) if one.number == number), None)

    def results(self) -> tuple[Result, ...]:
        """Return all results that are kept, newest first."""
        with self._lock:
            kept = (*self._passed, *self._failed)
        return tuple(sorted(kept, key=lambda result: result.number, reverse=True))

    def latest(self, instance: Instance) -> InstanceReport | None:
        """Return the newest report of an instance, without its trace; None before the first probe."""
        with self._lock:
            report = self._latest.get(instance.name)
        return report if report is not None and report.url == instance.url else None

    def keep_only(self, config: Config) -> None:
        """Forget the newest reports of instances that are no longer configured."""
        names = {instance.name for instance in config.instances}
        with self._lock:
            self._latest = {name: report for name, report in self._latest.items() if name in names}


def _without_trace(report: InstanceReport) -> InstanceReport:
    return replace(report, results=tuple(replace(result, trace=()) for result in report.results))


def _merge(known: InstanceReport | None, new: InstanceReport) -> InstanceReport:
    if known is None or known.url != new.url:
        return new
    seen = {result.check for result in new.results} | {one.check for one in new.absent}
    results = (*new.results, *(one for one in known.results if one.check not in seen))
    absent = (*new.absent, *(one for one in known.absent if one.check not in seen))
    return replace(new, results=tuple(sorted(results, key=_order)), absent=absent)


def _order(result: ProbeResult) -> int:
    return CHECK_NAMES.index(result.check)
