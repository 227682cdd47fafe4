"""Who can be asked to stop: what runs, and nothing else."""

from pathlib import Path

import pytest

from exporter.errors import StoreError
from exporter.ledger import RESUBSCRIBE, Ledger, ask_to_stop
from exporter.ledger.schema import LEDGER_NAME
from tests.ledger.worlds import NOON, Clock


def asked(ledger: Ledger) -> list[tuple[str, int]]:
    with ledger.file.writing() as connection:
        return connection.execute("SELECT job, asked_to_stop FROM runs ORDER BY run").fetchall()


def test_only_the_running_job_of_that_name_is_asked(ledger: Ledger, tmp_path: Path, clock: Clock) -> None:
    with ledger.start(RESUBSCRIBE):
        pass
    with ledger.start(RESUBSCRIBE), ledger.start("restore"):
        running = ask_to_stop(tmp_path, RESUBSCRIBE, clock)
        assert running is not None
        assert running.started_timestamp_seconds == NOON
        assert asked(ledger) == [(RESUBSCRIBE, 0), (RESUBSCRIBE, 1), ("restore", 0)]


def test_without_a_ledger_nobody_is_asked_and_none_is_made(tmp_path: Path) -> None:
    assert ask_to_stop(tmp_path, RESUBSCRIBE) is None
    assert list(tmp_path.iterdir()) == []


def test_a_job_that_ended_or_was_killed_is_not_asked(ledger: Ledger, tmp_path: Path, clock: Clock) -> None:
    with ledger.start("restore"), ledger.start(RESUBSCRIBE):
        clock.now += 31
        assert ask_to_stop(tmp_path, RESUBSCRIBE, clock) is None
    assert ask_to_stop(tmp_path, RESUBSCRIBE, clock) is None
    assert ask_to_stop(tmp_path, "never_ran", clock) is None
    assert [flag for _, flag in asked(ledger)] == [0, 0]


def test_a_damaged_ledger_is_told(tmp_path: Path) -> None:
    (tmp_path / LEDGER_NAME).write_bytes(b"what else" * 1000)
    with pytest.raises(StoreError, match="damaged"):
        ask_to_stop(tmp_path, RESUBSCRIBE)
