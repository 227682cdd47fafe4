"""Who may follow the logs: one process at a time for a state folder."""

import fcntl
import os
from pathlib import Path
from typing import Self

from exporter.errors import StateError
from exporter.state import make_shared_file

LOCK_NAME = "accesslogs.lock"


class WriterLock:
    """The right to write the store of a state folder; the system takes it back when the process ends, however."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, folder: Path) -> Self | None:
        """Return the lock, or None while another process holds it. Raises StateError if its file cannot be opened."""
        path = folder / LOCK_NAME
        try:
            make_shared_file(path)
            descriptor = os.open(path, os.O_RDWR)
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise StateError(f"{path} cannot be opened: {reason}; the group of {folder} must be able to") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return cls(descriptor)

    def release(self) -> None:
        """Let another process have it. The file stays: taking it away would let two processes hold two locks."""
        os.close(self._descriptor)
