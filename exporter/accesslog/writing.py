"""How an old log was written: as the configuration says, as the command line says, or as its first lines show."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from exporter.accesslog.entry import Entry
from exporter.accesslog.listed_log import listed_logs
from exporter.accesslog.old_log import STANDARD_INPUT, OldLog
from exporter.accesslog.scan import Scanner
from exporter.accesslog.scanner import scanner
from exporter.config import COMBINED, JSON, AccessLog, LogFormat
from exporter.errors import UnclearLog

FIRST_LINES = 100
"""How many lines at the beginning of a log tell how it was written."""

_ADVICE = "give its log_format, as `nginx -T` shows it, with --access-log-format"
_ADVICE_WHERE_LISTED = f"if it was another one then, name no configuration and {_ADVICE}"


@dataclass(frozen=True)
class Writing:
    """A format; a host where only requests on that one count; the instance, where the configuration tells it."""

    format: LogFormat
    host: str | None = None
    instance: str | None = None

    @property
    def scanner(self) -> Scanner:
        """What reads the lines."""
        return _scanner(self.format, self.host)

    @property
    def shows_its_end(self) -> bool:
        """Whether a line that fits is whole, even without its line feed: a variable at its end may be cut."""
        return self.format.is_json_object or isinstance(self.format.pieces[-1], str)


@dataclass(frozen=True)
class Hints:
    """What is known beforehand: the configured logs, which one of them the files are, a format for any other file."""

    logs: Sequence[AccessLog] = ()
    log: str | None = None
    format: LogFormat | None = None


def find_writing(old_log: OldLog, hints: Hints) -> Writing:
    """Return how a log, which is not empty, was written; UnclearLog where that is not known or not true of it."""
    listed = _listed(old_log, hints)
    lines = _first_lines(old_log.head)
    if listed is not None:
        known = Writing(listed.format, listed.host, listed.instance)
        return _fitting(known, lines, f"{old_log.title} fits the format of `{listed.name}`; {_ADVICE_WHERE_LISTED}")
    if hints.format is not None:
        return _fitting(Writing(hints.format), lines, f"{old_log.title} fits the format of --access-log-format")
    known = max((Writing(COMBINED), Writing(JSON)), key=lambda one: _fits(lines, one))
    if _fits(lines, known) == 0:
        raise UnclearLog(f"{old_log.title} is neither `combined` nor `json`; {_ADVICE}")
    return known


def first_time(old_log: OldLog, writing: Writing) -> float | None:
    """Return the Unix time of the first line that has one, None if it has none among the first lines."""
    for line in _first_lines(old_log.head):
        entry = writing.scanner.parse(line)
        if isinstance(entry, Entry) and entry.time is not None:
            return entry.time.timestamp_seconds
    return None


def named_log(name: str, logs: Sequence[AccessLog]) -> AccessLog:
    """Return the configured log of a name; UnclearLog where there is none."""
    for log in logs:
        if log.name == name:
            return log
    known = f"the configuration has: {', '.join(f'`{log.name}`' for log in logs)}" if logs else "no log is configured"
    raise UnclearLog(f"there is no log `{name}`; {known}")


@lru_cache
def _scanner(log_format: LogFormat, host: str | None) -> Scanner:
    return scanner(log_format, host)


def _listed(old_log: OldLog, hints: Hints) -> AccessLog | None:
    name = old_log.name
    if hints.log is not None:
        return named_log(hints.log, hints.logs)
    if name == STANDARD_INPUT:
        return None
    # The log may be configured by another name of its folder.
    paths = dict.fromkeys((str(Path(name).absolute()), os.path.normpath(Path(name).absolute()), os.path.realpath(name)))
    listed = next((found for path in paths if (found := listed_logs(path, hints.logs))), [])
    if len(listed) > 1:
        names = ", ".join(f"`{log.name}`" for log in listed)
        raise UnclearLog(f"{old_log.title} may be any of the logs {names}; choose one with --log")
    return listed[0] if listed else None


def _fitting(writing: Writing, lines: Sequence[bytes], what: str) -> Writing:
    if _fits(lines, writing) == 0:
        raise UnclearLog(f"no line at the beginning of {what}")
    return writing


def _fits(lines: Sequence[bytes], writing: Writing) -> int:
    return sum(isinstance(writing.scanner.parse(line), Entry) for line in lines)


def _first_lines(head: bytes) -> list[bytes]:
    return [line for line in head.split(b"\n", FIRST_LINES)[:FIRST_LINES] if line]
