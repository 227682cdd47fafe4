"""What one block of lines comes to: the interface between reading lines and counting them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from exporter.accesslog.entry import Entry, UnparsedReason

Observation = tuple[bytes, bytes, bytes, bytes, bytes, bytes, bytes, bytes]
"""One inbox delivery or one callback, as logged: a tuple, because a million a second are made.

A delivery: (code, agent, b"", b"", b"", b"", b"", b"").
A callback: (b"", b"", time, method, account id in digits, code, agent, b"").
The last place is the scanner's own: what it finds is an observation as it stands.
"""


@dataclass(frozen=True)
class Scan:
    """A block's complete lines, those that the format does not fit, and what was seen, in the order of the log.

    `last_time` is the time of the last line that fits, as logged; empty where none has one.
    """

    lines: int
    unparsed: Mapping[UnparsedReason, int] = field(default_factory=dict)
    observations: Sequence[Observation] = ()
    last_time: bytes = b""


class Scanner(Protocol):
    """Reads lines of one format. Pure: it holds no state between blocks."""

    def scan(self, block: bytes) -> Scan:
        """Return what a block of complete lines (each ends with a line feed) comes to."""

    def parse(self, line: bytes) -> Entry | UnparsedReason:
        """Return what one line says, without its line feed."""

    def agent_text(self, agent: bytes) -> str:
        """Return a user agent of an observation with nginx's escapes undone."""
