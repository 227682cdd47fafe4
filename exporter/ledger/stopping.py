"""Asking a job of another process to stop."""

import time
from collections.abc import Callable
from pathlib import Path

from exporter.ledger.reader import read_ledger
from exporter.ledger.record import JobRecord, JobState
from exporter.ledger.schema import LEDGER_NAME, MIGRATIONS
from exporter.sqlite_file import SqliteFile


def ask_to_stop(folder: Path, job: str, clock: Callable[[], float] = time.time) -> JobRecord | None:
    """Ask the running job of this name to stop at its next safe point, and return it; None where none runs.

    It is seen within a few seconds. Raises StateError if there is a ledger that cannot be used.
    """
    record = read_ledger(folder, clock)
    latest = record.latest().get(job) if record else None
    if latest is None or latest.state is not JobState.RUNNING:
        return None
    file = SqliteFile.open(folder / LEDGER_NAME, MIGRATIONS)
    try:
        with file.writing() as connection:
            query = "UPDATE runs SET asked_to_stop = 1 WHERE job = ? AND state = ?"
            connection.execute(query, (job, JobState.RUNNING))
    finally:
        file.close()
    return latest
