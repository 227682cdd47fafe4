"""What other processes read from the ledger, as last committed."""

import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from exporter.errors import StoreError
from exporter.ledger.record import SILENT_SECONDS, JobRecord, JobState, LedgerRecord, Progress, Series
from exporter.ledger.schema import LEDGER_NAME, MIGRATIONS, has_media
from exporter.sqlite_file import reading

_RUNS = """
    SELECT run, job, state, started_timestamp_seconds, heartbeat_timestamp_seconds, ended_timestamp_seconds
    FROM runs ORDER BY run DESC
"""


def read_ledger(folder: Path, clock: Callable[[], float] = time.time) -> LedgerRecord | None:
    """Return what the ledger of a state folder holds, all as of one commit; None where there is no ledger yet.

    A run whose last sign of life is more than 30 s old by `clock` reads as interrupted. No writer is kept
    waiting. Raises StateError if there is a ledger that cannot be read.
    """
    path = folder / LEDGER_NAME
    with reading(path, MIGRATIONS) as connection:
        if connection is None:
            return None
        try:
            return _record(connection, clock())
        except ValueError as error:
            raise StoreError(f"{path} is damaged: {error}; move it away to begin anew") from error


def _record(connection: sqlite3.Connection, now: float) -> LedgerRecord:
    counts, gauges, progress = _counts(connection), _gauges(connection), _progress(connection)
    jobs = tuple(
        _judged(
            JobRecord(job, JobState(state), started, heartbeat, ended, counts[run], gauges[run], progress[run]), now
        )
        for run, job, state, started, heartbeat, ended in connection.execute(_RUNS)
    )
    totals = connection.execute("SELECT name, labels, value FROM totals ORDER BY name, labels")
    return LedgerRecord(
        jobs,
        {Series.stored(name, labels): value for name, labels, value in totals},
        {series: value for of_run in gauges.values() for series, value in of_run.items()},
    )


def _judged(record: JobRecord, now: float) -> JobRecord:
    # A clock that was put back must not keep a dead run alive until it has caught up.
    silence_seconds = abs(now - record.heartbeat_timestamp_seconds)
    if record.state is not JobState.RUNNING or silence_seconds <= SILENT_SECONDS:
        return record
    return replace(record, state=JobState.INTERRUPTED, ended_timestamp_seconds=record.heartbeat_timestamp_seconds)


def _counts(connection: sqlite3.Connection) -> Mapping[int, dict[Series, int]]:
    counts: defaultdict[int, dict[Series, int]] = defaultdict(dict)
    for run, name, labels, value in connection.execute("SELECT run, name, labels, value FROM counts"):
        counts[run][Series.stored(name, labels)] = value
    return counts


def _gauges(connection: sqlite3.Connection) -> Mapping[int, dict[Series, float]]:
    gauges: defaultdict[int, dict[Series, float]] = defaultdict(dict)
    for run, name, labels, value in connection.execute("SELECT run, name, labels, value FROM gauges"):
        gauges[run][Series.stored(name, labels)] = value
    return gauges


def _progress(connection: sqlite3.Connection) -> Mapping[int, dict[str, Progress]]:
    progress: defaultdict[int, dict[str, Progress]] = defaultdict(dict)
    if not has_media(connection):
        return progress
    for run, part, total, done in connection.execute("SELECT run, part, total, done FROM progress"):
        progress[run][part] = Progress(total, done)
    return progress
