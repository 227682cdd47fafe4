"""A job while it runs: it counts, it shows that it is alive, and it stops where it is asked to."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from exporter.errors import StateError
from exporter.file_lock import FileLock
from exporter.ledger.record import JobState, Series
from exporter.ledger.run_tables import RunTables
from exporter.sqlite_file import SqliteFile

_log = logging.getLogger(__name__)


class JobCancelled(KeyboardInterrupt):
    """Somebody has asked the job to stop; it ends as one that was interrupted at the keyboard does."""


@dataclass(frozen=True)
class Run:
    """One run of a job as the ledger knows it, and how it keeps time."""

    job: str
    number: int
    clock: Callable[[], float]
    beat_seconds: float
    is_carried_on: bool = False


class Job:
    """A run of a job, as a context manager: it ends as done, failed (an exception) or interrupted (Ctrl-C).

    Any thread may use it. What a method has written is safe once it returns, whatever happens to the process;
    each raises StoreError, having written nothing, where the ledger cannot be written.
    """

    def __init__(self, run: Run, file: SqliteFile, lock: FileLock) -> None:
        self._run = run
        self._file = file
        self._lock = lock
        self._ended = threading.Event()
        self._asked_to_stop = threading.Event()
        self._heart = threading.Thread(target=self._beat_until_ended, name=f"heartbeat of {run.job}", daemon=True)
        self._heart.start()

    @property
    def is_carried_on(self) -> bool:
        """Whether this is what is left of a run that was cut short, under its entry and with what it has counted."""
        return self._run.is_carried_on

    def __enter__(self) -> Self:
        """Return the job."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the job, unless `finish` has done so."""
        if kind is None:
            self.finish(JobState.DONE)
        else:
            self.finish(JobState.INTERRUPTED if issubclass(kind, KeyboardInterrupt) else JobState.FAILED)

    def count_once(self, key: str, series: Series, amount: int = 1) -> bool:
        """Count something that may be told again after a crash; return False, counting nothing, for a key told before.

        Keys are those of all runs of this job. A key that nobody can tell again should be forgotten.
        """
        with self.writing() as tables:
            query = "INSERT OR IGNORE INTO counted_keys (job, key) VALUES (?, ?)"
            is_new = tables.connection.execute(query, (self._run.job, key)).rowcount == 1
            if is_new:
                tables.count(series, amount)
        return is_new

    def forget(self, *keys: str) -> None:
        """Drop keys of `count_once` whose source is gone, so that the ledger does not grow; unknown ones are let be."""
        with self._file.writing() as connection:
            query = "DELETE FROM counted_keys WHERE job = ? AND key = ?"
            connection.executemany(query, [(self._run.job, key) for key in keys])

    def add(self, series: Series, amount: int) -> None:
        """Count something that cannot be told again."""
        with self.writing() as tables:
            tables.count(series, amount)

    def set_gauge(self, series: Series, value: float) -> None:
        """Set a gauge; it keeps its value after the job, until a job sets it again."""
        with self.writing() as tables:
            tables.set_gauge(series, value)

    @contextmanager
    def writing(self) -> Iterator[RunTables]:
        """Commit what a block writes for this run, or nothing where it raises."""
        with self._file.writing() as connection:
            yield RunTables(connection, self._run.number)

    def check(self) -> None:
        """Raise JobCancelled if the job has been asked to stop; to be called wherever it may stop."""
        if self._asked_to_stop.is_set():
            raise JobCancelled

    def finish(self, state: JobState) -> None:
        """End the job in this state and let the next one start; once it has ended, nothing happens."""
        if self._ended.is_set():
            return
        self._ended.set()
        self._heart.join()
        try:
            self._write_end(state)
        finally:
            self._lock.release()

    def _write_end(self, state: JobState) -> None:
        query = "UPDATE runs SET state = ?, heartbeat_timestamp_seconds = ?, ended_timestamp_seconds = ? WHERE run = ?"
        now = self._run.clock()
        with self._file.writing() as connection:
            connection.execute(query, (state.value, now, now, self._run.number))

    def _beat_until_ended(self) -> None:
        while not self._ended.wait(self._run.beat_seconds):
            try:
                self._beat()
            except StateError as error:
                # The job's own next write meets the same trouble, and ends it with the same sentence.
                _log.warning("the heartbeat was not written", extra={"job": self._run.job, "error": str(error)})

    def _beat(self) -> None:
        query = "UPDATE runs SET heartbeat_timestamp_seconds = ? WHERE run = ? RETURNING asked_to_stop"
        with self._file.writing() as connection:
            (asked_to_stop,) = connection.execute(query, (self._run.clock(), self._run.number)).fetchone()
        if asked_to_stop:
            self._asked_to_stop.set()
