"""What is counted of a log: the counters' names, as they are stored and shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from exporter.accesslog.position import Trouble


class Counted(StrEnum):
    """What a counter counts, with the labels that its series have; the values are stored."""

    LINES = "lines"
    UNPARSED = "unparsed"  # reason
    CALLBACKS = "callbacks"  # method, code
    CALLBACKS_BROKEN = "callbacks_broken"
    CALLBACK_AGENTS = "callback_agents"  # agent
    ACCOUNTS_DROPPED = "accounts_dropped"
    DELIVERIES = "deliveries"  # code
    FAILURES = "failures"  # domain
    ROTATIONS = "rotations"
    TRUNCATIONS = "truncations"
    LOST_FILES = "lost_files"

    __hash__ = str.__hash__  # Enum's own is written in Python, and slow for a key that is looked up at each failure


class Series(NamedTuple):
    """One series of a counter. Label values hold no spaces."""

    counted: Counted
    labels: tuple[str, ...] = ()


Counts = Mapping[Series, int]


@dataclass(frozen=True)
class LogRecord:
    """What has been written down of one log: its counters and gauges, at one moment."""

    log: str
    counts: Counts = field(default_factory=dict)
    broken_accounts: int = 0
    last_line_timestamp_seconds: float | None = None
    lag_bytes: int = 0
    troubles: frozenset[Trouble] = frozenset()
