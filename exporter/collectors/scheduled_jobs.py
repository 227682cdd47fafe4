"""Jobs that run by schedule, on /metrics: when each last ran, and how often it should."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily, Metric

from exporter.collectors.background_count import BackgroundCount
from exporter.collectors.job_effects import Effect, Effects, read_effects
from exporter.collectors.job_memory import JobMemory, Remembered
from exporter.collectors.job_traces import NO_TRACE, Expected, Traces, read_traces
from exporter.collectors.last_run import NEVER, Evidence, LastRun, last_run
from exporter.errors import DatabaseError, RedisError
from exporter.mastodon.database import Database
from exporter.mastodon.redis_server import RedisServer
from exporter.mastodon.schedule import HOUR_SECONDS, ScheduledJob, jobs_by_shape
from exporter.mastodon.shape import Shape, read_shape

EFFECTS_SECONDS = 600.0
"""How long the database's answers are believed: some of them take a look at every row."""

_REMEMBERED_FROM_SECONDS = 6 * HOUR_SECONDS
_NO_SHAPE = Shape({})
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Shown:
    job: ScheduledJob
    run: LastRun
    first_seen: float


@dataclass(frozen=True)
class JobDatabase:
    """One database by two connections: `asked` at each scrape, `counting` for questions that take longer than one."""

    asked: Database
    counting: Database


class ScheduledJobFamilies:
    """The jobs of one server, by its Redis, its database, or both. Not for several threads at once.

    Of the database, a scrape itself asks for the shape only, which shows whether it can be reached.
    """

    name = "scheduled_jobs"

    def __init__(
        self,
        database: JobDatabase | None,
        redis: RedisServer | None,
        folder: Path,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._redis = redis
        self._memory = JobMemory(folder)
        self._clock = clock
        self._effects: BackgroundCount[Effects] = BackgroundCount(self.name, EFFECTS_SECONDS, clock)
        self._told = ""

    def families(self) -> Iterator[Metric]:
        """Yield the families, without samples for jobs that nothing tells of; raises DatabaseError and RedisError.

        A Redis that is down leaves what the database tells; the collector of Sidekiq tells of the failure.
        """
        now = self._clock()
        yield from _families(self._look(now))

    def _look(self, now: float) -> list[_Shown]:
        shape = self._read_shape()
        expected = jobs_by_shape(shape)
        traces = self._traces(Expected(expected, _retries(shape)), now)
        jobs = (traces.scheduled if traces else ()) or expected
        effects = self._read_effects(shape, [job for job in jobs if not _is_counted(job, traces)], traces)
        runs: dict[str, LastRun] = {}
        for job in jobs:
            run = last_run(_evidence(job, traces, effects, self._memory.get(job.name)), now)
            if run is not None:
                runs[job.name] = run
        known = self._remember(jobs, runs, traces, now)
        return [_Shown(job, runs[job.name], known[job.name].first_seen) for job in jobs if job.name in runs]

    def _read_shape(self) -> Shape:
        if self._database is None:
            return _NO_SHAPE
        with self._database.asked.reading() as reading:
            return read_shape(reading)

    def _traces(self, expected: Expected, now: float) -> Traces | None:
        if self._redis is None:
            return None
        try:
            with self._redis.sidekiq() as keys:
                return read_traces(keys, expected, now)
        except RedisError:
            if self._database is None:
                raise
            return None

    def _read_effects(self, shape: Shape, jobs: Sequence[ScheduledJob], traces: Traces | None) -> Mapping[str, Effect]:
        if self._database is None:
            return {}
        names = {job.name for job in jobs}
        try:
            effects = self._effects.latest(partial(_count, self._database.counting, shape, names), about=shape)
        except DatabaseError:
            if traces is None:
                raise
            effects = Effects()
        self._tell(effects)
        return effects.by_job

    def _tell(self, effects: Effects) -> None:
        """Log what the database does not tell once, and again only when it changes."""
        errors = "; ".join(f"{job}: {error}" for job, error in effects.errors.items())
        told, self._told = self._told, errors
        if errors and errors != told:
            _log.warning("the database does not tell of all scheduled jobs", extra={"errors": errors})

    def _remember(
        self, jobs: Sequence[ScheduledJob], runs: Mapping[str, LastRun], traces: Traces | None, now: float
    ) -> dict[str, Remembered]:
        # Jobs that run more often are found again where they were found, and would be written at every scrape.
        rare = {job.name for job in jobs if job.interval_seconds >= _REMEMBERED_FROM_SECONDS}
        proven = {name for name, trace in traces.by_job.items() if trace.is_proof} if traces else set()
        seen = {job.name: runs[job.name].timestamp_seconds if job.name in rare & proven else None for job in jobs}
        known = self._memory.see(seen, now)
        self._memory.write()
        return known


def _count(counting: Database, shape: Shape, names: set[str]) -> Effects:
    # Nothing of this connection is needed until the next time.
    with closing(counting):
        return read_effects(counting, shape, names)


def _retries(shape: Shape) -> bool:
    """Tell whether scheduled jobs that fail are tried again: up to 2.4 (PR 8413)."""
    return shape.has("conversations") and not shape.has("pghero_space_stats")


def _is_counted(job: ScheduledJob, traces: Traces | None) -> bool:
    return traces is not None and traces.by_job.get(job.name, NO_TRACE).executed is not None


def _evidence(
    job: ScheduledJob, traces: Traces | None, effects: Mapping[str, Effect], remembered: Remembered | None
) -> Evidence:
    return Evidence(
        job,
        trace=traces.by_job.get(job.name, NO_TRACE) if traces else None,
        counted_since=traces.counted_since if traces else None,
        effect=effects.get(job.name),
        remembered=remembered.last_run if remembered else NEVER,
    )


def _families(shown: Sequence[_Shown]) -> Iterator[Metric]:
    yield _family(
        "mastodon_scheduled_job_last_run_timestamp_seconds",
        "When the job last ran, as Unix time; 0 if it never has. The best evidence there is; absent where none is.",
        {one.job.name: one.run.timestamp_seconds for one in shown},
    )
    yield _family(
        "mastodon_scheduled_job_interval_seconds",
        "How often the job should run.",
        {one.job.name: one.job.interval_seconds for one in shown},
    )
    yield _family(
        "mastodon_scheduled_job_first_seen_timestamp_seconds",
        "Since when the exporter knows of the job, as Unix time.",
        {one.job.name: one.first_seen for one in shown},
    )
    yield _family(
        "mastodon_scheduled_job_failed",
        "Whether the job's last run failed; absent without Redis.",
        {one.job.name: float(one.run.failed) for one in shown if one.run.failed is not None},
    )


def _family(name: str, documentation: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, documentation, labels=("job",))
    for job, value in values.items():
        family.add_metric((job,), value)
    return family
