"""Files in the state folder that several users of one group write."""

import os
import stat
from contextlib import suppress
from pathlib import Path

from exporter.state import FILE_MODE


def make_shared_file(path: Path) -> None:
    """Create an empty file that the group may write, whatever the umask; one that is there keeps its content.

    It is never opened where it is there: closing it again would end the locks that SQLite holds on it.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, FILE_MODE))
    status = path.stat()
    if status.st_uid == os.geteuid() and stat.S_IMODE(status.st_mode) != FILE_MODE:
        path.chmod(FILE_MODE)
