"""What is taken of a line, still as logged."""

from typing import NamedTuple


class Fields(NamedTuple):
    """The parts of one line that fits, as logged. `host` is None where the line tells none; `time` may be empty."""

    request: bytes
    status: bytes
    time: bytes = b""
    agent: bytes = b""
    host: bytes | None = None
