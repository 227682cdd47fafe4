"""Files that a configuration names: found relative to its own folder, and looked at before they are needed."""

import os
import ssl
import stat
from pathlib import Path

from exporter.config.problems import shown
from exporter.errors import InvalidValue

LARGEST_SECRET_BYTES = 64 * 1024


def path_from(folder: Path, text: str) -> Path:
    """Return a path; a relative one starts at `folder`."""
    if not text:
        raise InvalidValue("must not be empty")
    if "\0" in text:
        raise InvalidValue("must not hold a NUL character")
    return folder / text


def log_path(folder: Path, text: str) -> str:
    """Return the absolute path, or the glob, of a log that need not exist yet."""
    path = path_from(folder, text).absolute()
    if text.endswith("/"):
        raise InvalidValue("must name a file, not a folder", "a glob names several: `/var/log/nginx/*access.log`")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise InvalidValue("must be UTF-8")
    return str(path)


def readable_file(folder: Path, text: str) -> Path:
    """Return the path of a file that exists and may be read."""
    path = path_from(folder, text)
    looked_for = f"looked for `{shown(str(path))}`"
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise InvalidValue("there is no such file", looked_for) from None
    except OSError as error:
        raise InvalidValue(f"cannot be read: {os.strerror(error.errno or 0)}", looked_for) from error
    if not stat.S_ISREG(mode):
        raise InvalidValue("must be a file, not a folder or a device", looked_for)
    if not os.access(path, os.R_OK, effective_ids=True):
        raise InvalidValue("may not be read by this user", looked_for)
    return path


def certificate_file(folder: Path, text: str) -> Path:
    """Return the path of a PEM file with at least one certificate."""
    path = readable_file(folder, text)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except OSError as error:  # ssl.SSLError is one
        rule = "must hold at least one certificate in PEM form (`-----BEGIN CERTIFICATE-----`)"
        raise InvalidValue(rule, f"looked in `{shown(str(path))}`") from error
    return path


def one_line(path: Path) -> str:
    """Return the only line of a file that holds a secret, without its end. The message quotes nothing of it."""
    with path.open("rb") as file:
        content = file.read(LARGEST_SECRET_BYTES + 1)
    try:
        line = content.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise InvalidValue("the file must be UTF-8") from None
    if len(content) > LARGEST_SECRET_BYTES or "\n" in line:
        raise InvalidValue("the file must hold one line")
    return line
