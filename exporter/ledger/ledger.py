"""The ledger as a repair writes it: where a job begins."""

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from exporter.errors import JobRunning
from exporter.file_lock import FileLock
from exporter.ledger.job import Job, Run
from exporter.ledger.reader import read_ledger
from exporter.ledger.record import JobState
from exporter.ledger.schema import LEDGER_NAME, MIGRATIONS
from exporter.ledger.times import utc_text
from exporter.sqlite_file import SqliteFile

BEAT_SECONDS = 2.0
KEPT_RUNS = 50
"""How many runs of a job are kept, and the last one that ended well beside them."""

_KILLED = """
    UPDATE runs SET state = ?, ended_timestamp_seconds = heartbeat_timestamp_seconds WHERE job = ? AND state = ?
"""
_BEGUN = """
    INSERT INTO runs (job, state, started_timestamp_seconds, heartbeat_timestamp_seconds, carry_on_key)
    VALUES (?, ?, ?, ?, ?)
"""
_CARRIED_ON = """
    UPDATE runs SET state = ?, heartbeat_timestamp_seconds = ?, ended_timestamp_seconds = NULL, asked_to_stop = 0
    WHERE run = ?
"""
_PRUNED = """
    SELECT run FROM runs WHERE job = :job
    AND run <= (SELECT run FROM runs WHERE job = :job ORDER BY run DESC LIMIT 1 OFFSET :kept)
    AND run <> (SELECT coalesce(max(run), 0) FROM runs WHERE job = :job AND state = 'done')
"""


@dataclass(frozen=True)
class Ledger:
    """The writer's side of the ledger; any number of processes may have it open."""

    folder: Path
    file: SqliteFile
    clock: Callable[[], float]
    beat_seconds: float

    @classmethod
    def open(cls, folder: Path, clock: Callable[[], float] = time.time, beat_seconds: float = BEAT_SECONDS) -> Self:
        """Return the ledger of a state folder, created or brought up to date if need be.

        `clock` tells Unix time. Raises StoreError if the file cannot be used or is damaged, and StateError if a
        newer program has written it.
        """
        return cls(folder, SqliteFile.open(folder / LEDGER_NAME, MIGRATIONS), clock, beat_seconds)

    def start(self, job: str, carry_on_key: str | None = None) -> Job:
        """Begin a run of a job, whatever became of the one before; what that one left is the caller's to settle.

        `job` is a name of lower-case letters and underscores. Where the last run of the job was killed or
        interrupted and was begun with the same `carry_on_key`, it goes on under its entry. Raises JobRunning, which
        names the other run, while one is under way, and StoreError if the run cannot be written down.
        """
        lock = FileLock.take(self.folder / f"job-{job}.lock")
        if lock is None:
            raise JobRunning(self._other_run(job))
        try:
            return Job(self._write_start(job, carry_on_key), self.file, lock)
        except BaseException:
            lock.release()
            raise

    def close(self) -> None:
        """Let go of the file, once the jobs begun here have ended."""
        self.file.close()

    def _write_start(self, job: str, carry_on_key: str | None) -> Run:
        now = self.clock()
        with self.file.writing() as connection:
            number = _cut_short(connection, job, carry_on_key)
            is_carried_on = number is not None
            # Whoever holds the lock is the only one that runs: what is written down as running was killed.
            connection.execute(_KILLED, (JobState.INTERRUPTED, job, JobState.RUNNING))
            if number is None:
                number = connection.execute(_BEGUN, (job, JobState.RUNNING, now, now, carry_on_key)).lastrowid or 0
                _prune(connection, job)
            else:
                connection.execute(_CARRIED_ON, (JobState.RUNNING, now, number))
        return Run(job, number, self.clock, self.beat_seconds, is_carried_on)

    def _other_run(self, job: str) -> str:
        record = read_ledger(self.folder, self.clock)
        latest = record.latest().get(job) if record else None
        since = f", since {utc_text(latest.started_timestamp_seconds)}" if latest else ""
        return (
            f"{job} is running already{since}: `mastodon-remedy jobs` shows how far it has come, "
            f"`mastodon-remedy jobs cancel {job}` asks it to stop"
        )


def _cut_short(connection: sqlite3.Connection, job: str, carry_on_key: str | None) -> int | None:
    """Return the last run of a job where it can be carried on."""
    query = "SELECT run, state, carry_on_key FROM runs WHERE job = ? ORDER BY run DESC LIMIT 1"
    run, state, key = connection.execute(query, (job,)).fetchone() or (None, None, None)
    is_the_same = carry_on_key is not None and key == carry_on_key
    return run if is_the_same and state in (JobState.RUNNING, JobState.INTERRUPTED) else None


def _prune(connection: sqlite3.Connection, job: str) -> None:
    values = {"job": job, "kept": KEPT_RUNS}
    # No run before this one is carried on any more.
    connection.execute("DELETE FROM media_ranges WHERE run IN (SELECT run FROM runs WHERE job = :job)", values)
    for table in ("counts", "progress", "runs"):
        connection.execute(f"DELETE FROM {table} WHERE run IN ({_PRUNED})", values)  # noqa: S608 - our own names
