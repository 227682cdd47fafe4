"""What is taken of a line, still as logged."""

from typing import NamedTuple

TIMES = ("time_iso8601", "time_local", "msec")
"""The variables, or keys, that tell when a request was; the first that is there is taken."""


class Fields(NamedTuple):
    """The parts of one line that fits, as logged. `host` is None where the line tells none; `time` may be empty."""

    request: bytes
    status: bytes
    time: bytes = b""
    agent: bytes = b""
    host: bytes | None = None
