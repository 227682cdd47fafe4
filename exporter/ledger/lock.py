"""Who may run a job: one process at a time for a state folder."""

import fcntl
import os
from pathlib import Path
from typing import Self

from exporter.ledger.sqlite_file import explained
from exporter.state import make_shared_file


class JobLock:
    """The right to run a job; the system takes it back when the process ends, however."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, folder: Path, job: str) -> Self | None:
        """Return the lock, or None while another process holds it. Raises StoreError if its file cannot be opened."""
        path = folder / f"job-{job}.lock"
        with explained(path):
            make_shared_file(path)
            descriptor = os.open(path, os.O_RDWR)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return cls(descriptor)

    def release(self) -> None:
        """Let another process have it. The file stays: taking it away would let two processes hold two locks."""
        os.close(self._descriptor)
