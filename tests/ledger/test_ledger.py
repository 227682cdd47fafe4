"""Where jobs begin: one of a name at a time, whatever became of the one before."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from exporter.errors import JobRunning, StateError, StoreError
from exporter.ledger import RESUBSCRIBE, JobState, Ledger, LedgerRecord, read_ledger
from exporter.ledger.ledger import KEPT_RUNS
from exporter.ledger.schema import LEDGER_NAME
from tests.ledger.worlds import CONFIRMED, NEVER_SECONDS, NOON, Clock

ROOT = Path(__file__).parents[2]
ROUNDS = 15


def recorded(folder: Path, clock: Clock) -> LedgerRecord:
    record = read_ledger(folder, clock)
    assert record is not None
    return record


def states(folder: Path, clock: Clock) -> list[tuple[str, JobState]]:
    return [(one.job, one.state) for one in recorded(folder, clock).jobs]


def test_a_second_run_of_a_job_is_refused_and_told_since_when_the_first_runs(ledger: Ledger) -> None:
    with ledger.start(RESUBSCRIBE), pytest.raises(JobRunning) as caught:
        ledger.start(RESUBSCRIBE)
    assert "resubscribe is running already, since 2017-04-21 12:00:00 UTC" in str(caught.value)
    assert "`mastodon-remedy jobs cancel resubscribe`" in str(caught.value)


def test_a_job_that_has_ended_may_be_started_again(ledger: Ledger, tmp_path: Path, clock: Clock) -> None:
    for _ in range(2):
        with ledger.start(RESUBSCRIBE):
            pass
    assert states(tmp_path, clock) == [(RESUBSCRIBE, JobState.DONE)] * 2


def test_jobs_of_two_names_run_side_by_side(ledger: Ledger, tmp_path: Path, clock: Clock) -> None:
    with ledger.start(RESUBSCRIBE), ledger.start("restore"):
        assert states(tmp_path, clock) == [("restore", JobState.RUNNING), (RESUBSCRIBE, JobState.RUNNING)]


def test_a_silent_run_that_still_holds_its_lock_is_not_started_beside(ledger: Ledger, clock: Clock) -> None:
    with ledger.start(RESUBSCRIBE):
        clock.now += 3600
        with pytest.raises(JobRunning):
            ledger.start(RESUBSCRIBE)


@pytest.fixture
def starters() -> Iterator[list[subprocess.Popen[str]]]:
    command = [sys.executable, "-m", "tests.ledger.starting_process"]
    with ExitStack() as stack:
        pair = [
            stack.enter_context(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
            )
            for _ in range(2)
        ]
        assert [line(starter) for starter in pair] == ["ready", "ready"]
        yield pair


def line(starter: subprocess.Popen[str]) -> str:
    assert starter.stdout is not None
    return starter.stdout.readline().strip()


def tell(starter: subprocess.Popen[str], words: str) -> None:
    assert starter.stdin is not None
    starter.stdin.write(f"{words}\n")
    starter.stdin.flush()


def test_of_two_processes_that_start_a_job_at_once_exactly_one_wins(
    tmp_path: Path, starters: list[subprocess.Popen[str]]
) -> None:
    for number in range(ROUNDS):
        folder = tmp_path / str(number)  # a new one, so that they also make the ledger at once
        folder.mkdir()
        for starter in starters:
            tell(starter, str(folder))
        won, refused = sorted((line(starter) for starter in starters), key=len)
        assert won == "won"
        assert refused.startswith("resubscribe is running already")
        for starter in starters:
            tell(starter, "end")
        assert [line(starter) for starter in starters] == ["ended", "ended"]
        assert states(folder, Clock()) == [(RESUBSCRIBE, JobState.DONE)]


def test_a_job_that_was_killed_can_be_started_at_once_and_then_reads_as_interrupted(
    tmp_path: Path, starters: list[subprocess.Popen[str]]
) -> None:
    tell(starters[0], str(tmp_path))
    assert line(starters[0]) == "won"
    starters[0].send_signal(signal.SIGKILL)
    starters[0].wait()
    with closing(Ledger.open(tmp_path)) as ledger, ledger.start(RESUBSCRIBE):
        record = read_ledger(tmp_path)
    assert record is not None
    assert [one.state for one in record.jobs] == [JobState.RUNNING, JobState.INTERRUPTED]
    assert record.jobs[1].ended_timestamp_seconds == record.jobs[1].heartbeat_timestamp_seconds


def test_old_runs_are_dropped_but_not_what_they_counted_nor_the_last_success(
    ledger: Ledger, tmp_path: Path, clock: Clock
) -> None:
    for number in range(KEPT_RUNS + 10):
        clock.now = NOON + number
        with ledger.start(RESUBSCRIBE) as job:
            job.add(CONFIRMED, 1)
            if number != 3:
                job.finish(JobState.FAILED)
    with ledger.start("restore"):
        pass
    record = recorded(tmp_path, clock)
    kept = [one for one in record.jobs if one.job == RESUBSCRIBE]
    assert len(kept) == KEPT_RUNS + 1
    assert record.totals[CONFIRMED] == KEPT_RUNS + 10
    assert record.latest_done()[RESUBSCRIBE].started_timestamp_seconds == NOON + 3
    assert all(one.counts == {CONFIRMED: 1} for one in kept)


def test_a_ledger_that_is_damaged_is_told(tmp_path: Path) -> None:
    (tmp_path / LEDGER_NAME).write_bytes(b"what else" * 1000)
    with pytest.raises(StoreError, match=r"ledger\.sqlite3 is damaged: file is not a database; move it away"):
        Ledger.open(tmp_path)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path, ledger: Ledger) -> None:
    with pytest.raises(StateError, match="No such file"):
        Ledger.open(tmp_path / "nowhere")


def test_a_job_whose_start_cannot_be_written_leaves_its_lock_free(tmp_path: Path, clock: Clock) -> None:
    with closing(Ledger.open(tmp_path, clock, NEVER_SECONDS)) as ledger:
        with ledger.file.writing() as connection:
            connection.execute("ALTER TABLE runs RENAME TO hidden")
        with pytest.raises(StoreError, match="no such table"):
            ledger.start(RESUBSCRIBE)
        with ledger.file.writing() as connection:
            connection.execute("ALTER TABLE hidden RENAME TO runs")
        with ledger.start(RESUBSCRIBE):
            assert states(tmp_path, clock) == [(RESUBSCRIBE, JobState.RUNNING)]
