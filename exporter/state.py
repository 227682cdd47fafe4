"""The state folder: which one it is, who may write there, and how a file in it is made and replaced.

The folder is shared by group, so that the exporter's service and the people who run
repairs by hand see the same files.
"""

import grp
import os
import pwd
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

from exporter.config import Config
from exporter.errors import StateError

SYSTEM_STATE_FOLDER = Path("/var/lib/mastodon-exporter")
FOLDER_MODE = 0o2770
FILE_MODE = 0o660

_FOLDER_NAME = "mastodon-exporter"


def state_folder(config: Config, environ: Mapping[str, str], system_folder: Path = SYSTEM_STATE_FOLDER) -> Path:
    """Return the folder to keep state in, created if need be: configured, else the system's, else the user's own.

    The system's is taken only if it exists: a package or an administrator has made it.
    Raises StateError if the folder cannot be created or written, saying who may.
    """
    folder = config.state_dir or (system_folder if system_folder.exists() else _own_folder(environ))
    _create(folder)
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK, effective_ids=True):
        raise StateError(_refusal(folder))
    return folder


def make_shared_file(path: Path) -> None:
    """Create an empty file that the group may write, whatever the umask; one that is there keeps its content.

    It is never opened where it is there: closing it again would end the locks that SQLite holds on it.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, FILE_MODE))
    status = path.stat()
    if status.st_uid == os.geteuid() and stat.S_IMODE(status.st_mode) != FILE_MODE:
        path.chmod(FILE_MODE)


def write_atomically(path: Path, text: str) -> None:
    """Replace a file in one step, mode 0660: a reader, or a crash at any instant, finds the old text or the new one.

    Raises OSError if the folder cannot be written or is full; the old text then stays.
    """
    with NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        temporary = Path(file.name)
        try:
            os.fchmod(file.fileno(), FILE_MODE)  # it begins as 0600, whatever the umask
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    _sync(path.parent)


def _own_folder(environ: Mapping[str, str]) -> Path:
    # The XDG rule: a relative value is not valid and is ignored.
    base = Path(environ.get("XDG_STATE_HOME", ""))
    if base.is_absolute():
        return base / _FOLDER_NAME
    home = Path(environ.get("HOME", ""))
    if not home.is_absolute():
        raise StateError("no folder for state: set `state_dir` in the configuration, or XDG_STATE_HOME")
    return home / ".local" / "state" / _FOLDER_NAME


def _create(folder: Path) -> None:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir()
        folder.chmod(FOLDER_MODE)  # mkdir's own mode is cut by the umask
    except FileExistsError:
        if not folder.is_dir():
            raise StateError(f"the state folder {folder} is not a folder; set another `state_dir`") from None
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise StateError(f"the state folder {folder} cannot be created: {reason}; set another `state_dir`") from error


def _refusal(folder: Path) -> str:
    status = folder.stat()
    group, user = _group_name(status.st_gid), _user_name(os.geteuid())
    join = f"`sudo usermod -aG {group} {user}` and log in again"
    who = f"the state folder {folder} belongs to group {group}, and {user} may not write there"
    if stat.S_IMODE(status.st_mode) & stat.S_IRWXG != stat.S_IRWXG:
        return f"{who}, nor may the group: run `sudo chmod {FOLDER_MODE:o} {folder}`, then {join}"
    return f"{who}: run {join}, or set another `state_dir`"


def _group_name(group_id: int) -> str:
    try:
        return grp.getgrgid(group_id).gr_name
    except KeyError:
        return str(group_id)


def _user_name(user_id: int) -> str:
    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:
        return str(user_id)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
