"""What the ledger holds, as its readers see it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

SILENT_SECONDS = 30.0


class JobState(StrEnum):
    """How far a run of a job has come; the values are stored and shown."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class Series:
    """One series of a counter or a gauge: the name stands for its metric, the labels are its label values."""

    name: str
    labels: tuple[str, ...] = ()

    @classmethod
    def stored(cls, name: str, labels: str) -> Self:
        """Return the series of two columns."""
        return cls(name, tuple(json.loads(labels)))

    @property
    def columns(self) -> tuple[str, str]:
        """The two columns that hold this series."""
        return self.name, json.dumps(self.labels)


@dataclass(frozen=True)
class Progress:
    """How far a part of a run has come; `done` is never more than `total`."""

    total: int
    done: int


@dataclass(frozen=True)
class JobRecord:
    """One run of a job, with what this run alone has counted and the gauges that it was the last to set.

    Times are Unix time. Of a run that was interrupted, `ended_timestamp_seconds` is its last sign of life; one that
    was carried on keeps the time when it was first started. `progress` is by part, in the order of names.
    """

    job: str
    state: JobState
    started_timestamp_seconds: float
    heartbeat_timestamp_seconds: float
    ended_timestamp_seconds: float | None = None
    counts: Mapping[Series, int] = field(default_factory=dict)
    gauges: Mapping[Series, float] = field(default_factory=dict)
    progress: Mapping[str, Progress] = field(default_factory=dict)


@dataclass(frozen=True)
class LedgerRecord:
    """All that is in the ledger at one moment.

    `jobs` are runs, the newest first; of old ones only some are kept. `totals` are the counts of all runs
    there ever were, `gauges` the values that were set last.
    """

    jobs: tuple[JobRecord, ...] = ()
    totals: Mapping[Series, int] = field(default_factory=dict)
    gauges: Mapping[Series, float] = field(default_factory=dict)

    def latest(self) -> Mapping[str, JobRecord]:
        """Return the last run of each job."""
        return {record.job: record for record in reversed(self.jobs)}

    def latest_done(self) -> Mapping[str, JobRecord]:
        """Return the last run of each job that ended well; jobs that never did are left out."""
        return {record.job: record for record in reversed(self.jobs) if record.state is JobState.DONE}
