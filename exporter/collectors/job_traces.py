"""What Redis tells of scheduled jobs: when they were triggered, when they were executed, when they died.

sidekiq-scheduler writes `last_times` as it hands a job to its queue, which proves no run. Executions are counted by
Sidekiq from 7.0 on, by the minute (lib/sidekiq/metrics/tracking.rb). A job that fails lies in the set `dead`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from exporter.mastodon.redis_server import Command, Keys
from exporter.mastodon.schedule import ScheduledJob, jobs_by_schedule
from exporter.mastodon.sidekiq import DEAD, RETRY, moment_seconds, read_job

NEWEST_DEAD = 500
MOST_RETRIES = 2000
SHORT_TERM_SECONDS = 8 * 3600
MID_TERM_SECONDS = 3 * 86400

_SCHEDULER = "sidekiq-scheduler"
_MINUTE_SECONDS = 60
_TEN_MINUTES_SECONDS = 600
_MARK = "Scheduler::"
_TIME_FORMATS = ("%Y-%m-%d %H:%M:%S %z", "%Y-%m-%d %H:%M:%S Z", "%Y-%m-%d %H:%M:%S UTC")
_LONGEST_TIME = 40


@dataclass(frozen=True)
class Execution:
    """The last execution that was counted: the minute, or the ten minutes, in which it was."""

    begins: float
    ends: float
    failed: bool


@dataclass(frozen=True)
class Trace:
    """What is known of one job; None for what is not."""

    triggered: float | None = None
    executed: Execution | None = None
    died: float | None = None

    @property
    def is_proof(self) -> bool:
        """Whether the job was triggered or executed at all."""
        return self.triggered is not None or self.executed is not None


NO_TRACE = Trace()


@dataclass(frozen=True)
class Traces:
    """`scheduled` is what sidekiq-scheduler itself says it runs, empty where it has never started.

    `counted_since` is when the first execution that may still be found was counted; None where Sidekiq counts none.
    """

    scheduled: tuple[ScheduledJob, ...] = ()
    by_job: Mapping[str, Trace] = field(default_factory=dict)
    counted_since: float | None = None


@dataclass(frozen=True)
class Expected:
    """What the database leads to expect. `are_retried`: up to 2.4 a job that fails is tried again, and is not dead."""

    jobs: Sequence[ScheduledJob]
    are_retried: bool = False


@dataclass(frozen=True)
class _Bucket:
    key: str
    begins: float
    length_seconds: int


def read_traces(keys: Keys, expected: Expected, now: float) -> Traces:
    """Return the traces of the jobs that Redis has a schedule of, else of those expected. Raises redis-py's errors."""
    buckets = list(_buckets(now))
    hashes: list[Command] = [("HGETALL", "schedules"), ("HGETALL", f"{_SCHEDULER}:last_times")]
    counted: list[Command] = [("EXISTS", bucket.key) for bucket in buckets]
    schedules, times, *exist = keys.ask([*hashes, *counted])
    scheduled = jobs_by_schedule(schedules or {})
    jobs = [job for job in scheduled or expected.jobs if job.worker]
    found = [bucket for bucket, exists in zip(buckets, exist, strict=True) if exists]
    executed = _executions(keys, jobs, found)
    triggered = _triggered(keys, jobs, times or {})
    died = _died(keys, retried=expected.are_retried)
    by_job = {job.name: Trace(triggered.get(job.name), executed.get(job.worker), died.get(job.worker)) for job in jobs}
    return Traces(scheduled, by_job, min((bucket.begins for bucket in found), default=None))


def _buckets(now: float) -> Iterator[_Bucket]:
    """Yield what executions are counted in: the fine ones newest first, then the coarse ones."""
    for begins in _back_from(now, _MINUTE_SECONDS, SHORT_TERM_SECONDS):
        moment = datetime.fromtimestamp(begins, UTC)
        yield _Bucket(f"j|{moment:%Y%m%d}|{moment.hour}:{moment.minute}", begins, _MINUTE_SECONDS)  # 7.x
        yield _Bucket(f"j|{moment:%y%m%d}|{moment.hour}:{moment:%M}", begins, _MINUTE_SECONDS)  # 8.x
    for begins in _back_from(now, _TEN_MINUTES_SECONDS, MID_TERM_SECONDS):
        moment = datetime.fromtimestamp(begins, UTC)
        yield _Bucket(f"j|{moment:%y%m%d}|{moment.hour}:{moment.minute // 10}", begins, _TEN_MINUTES_SECONDS)


def _back_from(now: float, step_seconds: int, span_seconds: int) -> range:
    newest = int(now) // step_seconds * step_seconds
    return range(newest, newest - span_seconds, -step_seconds)


def _executions(keys: Keys, jobs: Sequence[ScheduledJob], buckets: Sequence[_Bucket]) -> dict[str, Execution]:
    workers = list(dict.fromkeys(job.worker for job in jobs))
    fields = [f"{worker}|{what}" for worker in workers for what in ("p", "f")]
    if not fields or not buckets:
        return {}
    executions: dict[str, Execution] = {}
    answers = keys.ask([("HMGET", bucket.key, *fields) for bucket in buckets])
    for bucket, counts in zip(buckets, answers, strict=True):
        for worker, done, failed in zip(workers, (counts or ())[::2], (counts or ())[1::2], strict=False):
            if worker not in executions and _count(done):
                ends = bucket.begins + bucket.length_seconds
                executions[worker] = Execution(bucket.begins, ends, _count(failed) >= _count(done))
    return executions


def _triggered(keys: Keys, jobs: Sequence[ScheduledJob], times: Mapping[str, str]) -> dict[str, float]:
    found = {job.name: _time(times.get(job.name, "")) for job in jobs}
    unknown = [name for name, moment in found.items() if moment is None]
    # sidekiq-scheduler 2.1.4 (Mastodon 1.4 and 1.5) keeps no last_times, but these for a day.
    pushed = keys.ask([("ZREVRANGE", f"{_SCHEDULER}:pushed:{name}", 0, 0) for name in unknown]) if unknown else []
    for name, newest in zip(unknown, pushed, strict=True):
        found[name] = _number(newest[0]) if newest else None
    return {name: moment for name, moment in found.items() if moment is not None}


def _died(keys: Keys, *, retried: bool) -> dict[str, float]:
    """Return when each class last failed; of the dead the newest are looked at, of what is retried a part."""
    (dead,) = keys.ask([("ZREVRANGE", DEAD, 0, NEWEST_DEAD - 1)])
    failures = [*(dead or ()), *(keys.ranked(RETRY, MOST_RETRIES) if retried else ())]
    latest: dict[str, float] = {}
    for text in failures:
        job = read_job(text) if _MARK in text else {}
        moments = (moment_seconds(job.get(when)) for when in ("failed_at", "retried_at"))
        moment = max((one for one in moments if one is not None), default=None)
        worker = str(job.get("class", ""))
        if moment is not None:
            latest[worker] = max(moment, latest.get(worker, 0.0))
    return latest


def _time(text: str) -> float | None:
    """Return a time as Ruby writes it; the newer libraries write Z for +0000."""
    for form in _TIME_FORMATS if len(text) <= _LONGEST_TIME else ():
        try:
            moment = datetime.strptime(text, form)  # noqa: DTZ007 a form without %z is one of UTC
        except ValueError:
            continue
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return None


def _count(value: object) -> int:
    return int(value) if isinstance(value, str) and value.isdecimal() else 0


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, str) and value.isdecimal() else None
