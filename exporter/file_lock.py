"""One process at a time: a lock that the system takes back when its process ends, however."""

import fcntl
import os
from pathlib import Path
from typing import Self

from exporter.errors import StateError
from exporter.state import make_shared_file


class FileLock:
    """The right to do what a file in the state folder stands for; `take` gives it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, path: Path) -> Self | None:
        """Return the lock, or None while another process holds it. Raises StateError if its file cannot be opened."""
        try:
            make_shared_file(path)
            descriptor = os.open(path, os.O_RDWR)
        except OSError as error:
            raise StateError(
                f"{path} cannot be opened: {error.strerror}; the group of {path.parent} must be able to"
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return cls(descriptor)

    def release(self) -> None:
        """Let another process have it. The file stays: taking it away would let two processes hold two locks."""
        os.close(self._descriptor)
