"""What a run writes of itself in one transaction."""

import sqlite3
from dataclasses import dataclass

from exporter.ledger.record import Series

_COUNTED_HERE = """
    INSERT INTO counts (run, name, labels, value) VALUES (?, ?, ?, ?)
    ON CONFLICT (run, name, labels) DO UPDATE SET value = value + excluded.value
"""
_COUNTED_IN_ALL = """
    INSERT INTO totals (name, labels, value) VALUES (?, ?, ?)
    ON CONFLICT (name, labels) DO UPDATE SET value = value + excluded.value
"""
_SET = "INSERT OR REPLACE INTO gauges (name, labels, value, run) VALUES (?, ?, ?, ?)"
_EXPECTED = """
    INSERT INTO progress (run, part, total, done) VALUES (?, ?, ?, 0)
    ON CONFLICT (run, part) DO UPDATE SET total = max(excluded.total, done)
"""
_ADVANCED = """
    INSERT INTO progress (run, part, total, done) VALUES (?1, ?2, ?3, ?3)
    ON CONFLICT (run, part) DO UPDATE SET done = done + excluded.done, total = max(total, done + excluded.done)
"""


@dataclass(frozen=True)
class RunTables:
    """The ledger's tables as one run writes them, until the transaction ends."""

    connection: sqlite3.Connection
    run: int

    def count(self, series: Series, amount: int) -> None:
        """Count for this run, and for all runs there ever were."""
        if amount < 0:
            raise ValueError("a counter never goes back")
        self.connection.execute(_COUNTED_HERE, (self.run, *series.columns, amount))
        self.connection.execute(_COUNTED_IN_ALL, (*series.columns, amount))

    def recount(self, series: Series, amount: int, told_before: int) -> None:
        """Count what this run has told of already, `told_before` of it as this very series.

        The run forgets what it told before, so that it never counts more than there is; of all runs the sum only
        grows.
        """
        if more := amount - told_before:
            self.connection.execute(_COUNTED_HERE, (self.run, *series.columns, more))
            self.connection.execute(_COUNTED_IN_ALL, (*series.columns, max(more, 0)))

    def set_gauge(self, series: Series, value: float) -> None:
        """Set a gauge; it keeps its value after the run, until a run sets it again."""
        self.connection.execute(_SET, (*series.columns, value, self.run))

    def expect(self, part: str, total: int) -> None:
        """Say how much there is to do of a part of the run; what is done of it already stays done."""
        self.connection.execute(_EXPECTED, (self.run, part, total))

    def advance(self, part: str, done: int) -> None:
        """Say that more of a part is done; where that is more than there was to do, there was more to do."""
        self.connection.execute(_ADVANCED, (self.run, part, done))
