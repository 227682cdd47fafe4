"""One line of an access log, once it has been understood, and the reasons why a line is not."""

from dataclasses import dataclass
from enum import StrEnum

LONGEST_LINE_BYTES = 4 * 1024 * 1024
"""A longer line is not read."""


class UnparsedReason(StrEnum):
    """Why the format does not fit a line: a closed list, the values of a label."""

    EMPTY = "empty"
    TOO_LONG = "too_long"
    FORMAT = "format"
    JSON = "json"
    REQUEST = "request"
    STATUS = "status"


@dataclass(frozen=True)
class LogTime:
    """A moment as the log tells it: Unix time, and RFC 3339 text in the log's own time zone."""

    timestamp_seconds: float
    text: str


@dataclass(frozen=True)
class Entry:
    """What is needed of one request. Text is UTF-8, bytes that are not are kept as surrogate escapes.

    `request` is the whole request line, whatever the client sent; `status` is three digits as logged;
    `time` is None where the line tells none, `host` where the format has none.
    """

    request: str
    status: str
    time: LogTime | None = None
    agent: str = ""
    host: str | None = None
