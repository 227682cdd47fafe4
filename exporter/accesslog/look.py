"""One look at a configured log, before anything follows it: can it be read, and does the format fit?"""

import grp
import os
import pwd
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path

from exporter.accesslog.entry import Entry
from exporter.accesslog.generations import look_at
from exporter.accesslog.scanner import scanner
from exporter.config import COMBINED, JSON, AccessLog, LogFormat

MOST_LINES = 100
TAIL_BYTES = 256 * 1024

_USUAL_GROUP = "adm"
_WHERE = "`nginx -T | grep access_log` shows where nginx writes"


@dataclass(frozen=True)
class Findings:
    """What there is of a log, in one line of words, and what somebody should do about it."""

    summary: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Sample:
    """The last lines of every file that could be read."""

    files: int
    unreadable: int
    lines: Sequence[bytes]
    warnings: tuple[str, ...]


def look_over(log: AccessLog) -> Findings:
    """Return what a log looks like now: up to 100 lines of each of its files are held against its format."""
    sample = _sample(log.path)
    fitting = _fitting(sample.lines, log.format, log.host)
    warnings = sample.warnings
    if 2 * fitting < len(sample.lines):
        warnings += (_misfit(log.format, sample.lines),)
    files = _counted(sample.files, "file") + (f" ({sample.unreadable} cannot be read)" if sample.unreadable else "")
    return Findings(
        summary=f"{log.name}: {log.path}: {files}, {_fit(fitting, len(sample.lines), log.format)}",
        warnings=tuple(f"{log.name}: {warning}" for warning in warnings),
    )


def _sample(pattern: str) -> _Sample:
    paths = _matching(pattern)
    warnings = [] if paths else [_no_match(pattern)]
    lines: list[bytes] = []
    files = unreadable = 0
    for path in paths:
        try:
            last = _last_lines(path)
        except OSError as error:
            warnings.append(_refusal(path, error))
            unreadable += 1
            continue
        if last is None:
            warnings.append(_absence(path))
            continue
        files += 1
        lines += last
    return _Sample(files + unreadable, unreadable, lines, tuple(warnings))


def _matching(pattern: str) -> list[str]:
    if not has_magic(pattern) or os.path.lexists(pattern):
        return [pattern]
    return sorted(glob(pattern))  # noqa: PTH207  # Path.glob takes no absolute pattern


def _last_lines(path: str) -> list[bytes] | None:
    """Return the last complete lines, oldest first, without their line feeds; None where there is no file."""
    if look_at(path, live=True) is None:
        return None
    # Not blocking: somebody may have put a pipe there in the meantime.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        start = max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES)
        file.seek(start)
        lines = file.read(TAIL_BYTES).split(b"\n")
    whole = lines[1:-1] if start else lines[:-1]
    return whole[-MOST_LINES:]


def _fitting(lines: Sequence[bytes], line_format: LogFormat, host: str | None = None) -> int:
    reader = scanner(line_format, host)
    return sum(isinstance(reader.parse(line), Entry) for line in lines)


def _fit(fitting: int, lines: int, line_format: LogFormat) -> str:
    if not lines:
        return "no complete line yet"
    share = "all" if fitting == lines else f"{fitting}"
    return f"{share} of the last {_counted(lines, 'line')} fit the format `{line_format.name}`"


def _misfit(line_format: LogFormat, lines: Sequence[bytes]) -> str:
    words = f"most of the last lines do not fit the format `{line_format.name}`"
    for other in (COMBINED, JSON):
        if 2 * _fitting(lines, other) > len(lines):
            return f"{words}; they fit `{other.name}`: write `format: {other.name}`"
    return f"{words}; `nginx -T | grep -A9 log_format` shows the format of this log: paste it as `format`"


def _no_match(pattern: str) -> str:
    folder = next(str(parent) for parent in Path(pattern).parents if not has_magic(str(parent)))
    if os.path.isdir(folder) and not os.access(folder, os.R_OK | os.X_OK, effective_ids=True):  # noqa: PTH112  # no raise
        return _refusal(folder, PermissionError())
    return f"no file matches `{pattern}` yet; each is read from its beginning once it appears. {_WHERE}"


def _absence(path: str) -> str:
    if os.path.lexists(path):
        return (
            f"`{path}` is no file but a folder, a pipe or a device, which cannot be followed; let nginx write to a file"
        )
    return f"`{path}` is not there; it is read from its beginning once it appears. {_WHERE}"


def _refusal(path: str, error: OSError) -> str:
    if not isinstance(error, PermissionError):
        return f"`{path}` cannot be read: {os.strerror(error.errno or 0)}"
    user = _user()
    group = _reading_group(path)
    joining = f"`sudo usermod -aG {group or _USUAL_GROUP} {user}`, then start the exporter again"
    if group is None:
        owner = f"sudo chgrp {_USUAL_GROUP} {path} && sudo chmod g+r {path}"
        return f"`{path}` may be read by no group; `{owner}` lets one, and {joining}, makes `{user}` a member"
    return f"`{path}` may not be read by the user `{user}`; {joining}"


def _reading_group(path: str) -> str | None:
    """Return the group that may read a file, the usual one where that cannot be seen; None where there is none."""
    try:
        status = Path(path).stat()
        group = grp.getgrgid(status.st_gid).gr_name
    except (OSError, KeyError):
        return _USUAL_GROUP
    # Nobody should join root's group for the sake of a log.
    return group if status.st_gid and status.st_mode & stat.S_IRGRP else None


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
