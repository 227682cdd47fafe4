"""When a scheduled job last ran, by the best evidence that there is."""

from dataclasses import dataclass

from exporter.collectors.job_effects import Effect
from exporter.collectors.job_traces import Trace
from exporter.mastodon.schedule import ScheduledJob

NEVER = 0.0

_UNDONE_INTERVALS = 2
"""So many intervals of undone work say more than that the job was triggered."""

_SECOND = 1.0


@dataclass(frozen=True)
class Evidence:
    """What is known of a job: Redis' traces (None without Redis), the database's, and what was known before."""

    job: ScheduledJob
    trace: Trace | None
    counted_since: float | None = None
    effect: Effect | None = None
    remembered: float = NEVER


@dataclass(frozen=True)
class LastRun:
    """When a job last ran, `NEVER` where it never has; `failed` is None where nothing tells."""

    timestamp_seconds: float
    failed: bool | None


def last_run(evidence: Evidence, now: float) -> LastRun | None:
    """Return what the evidence comes to, None where there is none at all."""
    trace = evidence.trace
    if trace is None or not evidence.job.worker:
        return LastRun(evidence.effect.timestamp_seconds, None) if evidence.effect else None
    return LastRun(min(_ran(evidence, trace), now), _failed(trace))


def _ran(evidence: Evidence, trace: Trace) -> float:
    if trace.executed is not None:
        # Triggered before, it ran in those minutes; triggered within them, then; later, it has not run again yet.
        return min(max(trace.triggered or NEVER, trace.executed.begins), trace.executed.ends)
    if trace.triggered is None:
        return evidence.effect.timestamp_seconds if evidence.effect else evidence.remembered
    if evidence.counted_since is not None and trace.triggered >= evidence.counted_since:
        return evidence.remembered  # triggered, and not executed yet
    if _is_undone(evidence, trace.triggered):
        return evidence.effect.timestamp_seconds if evidence.effect else NEVER
    return trace.triggered


def _is_undone(evidence: Evidence, triggered: float) -> bool:
    undone_seconds = _UNDONE_INTERVALS * evidence.job.interval_seconds
    return evidence.effect is not None and evidence.effect.timestamp_seconds + undone_seconds < triggered


def _failed(trace: Trace) -> bool:
    if trace.died is not None and trace.died >= (trace.triggered or NEVER) - _SECOND:
        return True
    return trace.executed is not None and trace.executed.failed
