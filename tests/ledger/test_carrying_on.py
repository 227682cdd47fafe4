"""A run that was cut short goes on under its own entry where the same work is begun again."""

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from exporter.errors import JobRunning
from exporter.ledger import (
    MEDIA_SYNC,
    RESUBSCRIBE,
    JobCancelled,
    JobRecord,
    JobState,
    Ledger,
    Progress,
    ask_to_stop,
    read_ledger,
)
from exporter.ledger.ledger import KEPT_RUNS
from exporter.ledger.schema import LEDGER_NAME
from tests.ledger.worlds import CONFIRMED, NEVER_SECONDS, NOON, Clock, await_that

ROOT = Path(__file__).parents[2]
KEY = "all of it"


def runs(folder: Path, clock: Clock) -> tuple[JobRecord, ...]:
    record = read_ledger(folder, clock)
    assert record is not None
    return record.jobs


def cut_short(ledger: Ledger, key: str | None = KEY) -> None:
    """Begin a run, count once, and be interrupted."""
    with pytest.raises(KeyboardInterrupt), ledger.start(MEDIA_SYNC, key) as job:  # noqa: PT012 - it must count first
        job.add(CONFIRMED, 1)
        raise KeyboardInterrupt


def test_an_interrupted_run_goes_on_under_its_entry_with_what_it_has_counted(
    ledger: Ledger, tmp_path: Path, clock: Clock
) -> None:
    cut_short(ledger)
    clock.now += 3600
    with ledger.start(MEDIA_SYNC, KEY) as job:
        assert job.is_carried_on
        (running,) = runs(tmp_path, clock)
        assert running == JobRecord(MEDIA_SYNC, JobState.RUNNING, NOON, NOON + 3600, None, {CONFIRMED: 1})
        job.add(CONFIRMED, 2)
    (done,) = runs(tmp_path, clock)
    assert done == JobRecord(MEDIA_SYNC, JobState.DONE, NOON, NOON + 3600, NOON + 3600, {CONFIRMED: 3})


def test_a_run_goes_on_as_often_as_it_is_cut_short(ledger: Ledger, tmp_path: Path, clock: Clock) -> None:
    for _ in range(3):
        cut_short(ledger)
    (one,) = runs(tmp_path, clock)
    assert one.counts == {CONFIRMED: 3}


def test_a_run_that_was_killed_goes_on_at_once(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from exporter.ledger import Ledger\n"
        f"with Ledger.open(pathlib.Path(sys.argv[1])).start('{MEDIA_SYNC}', '{KEY}'):\n"
        "    print('begun', flush=True)\n    sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        with closing(Ledger.open(tmp_path)) as ledger, pytest.raises(JobRunning):
            ledger.start(MEDIA_SYNC, KEY)
        process.send_signal(signal.SIGKILL)
    with closing(Ledger.open(tmp_path)) as ledger, ledger.start(MEDIA_SYNC, KEY) as job:
        assert job.is_carried_on
        record = read_ledger(tmp_path)
    assert record is not None
    assert [one.state for one in record.jobs] == [JobState.RUNNING]


@pytest.mark.parametrize("key", ["another", "", None])
def test_other_work_gets_an_entry_of_its_own(key: str | None, ledger: Ledger, tmp_path: Path, clock: Clock) -> None:
    cut_short(ledger)
    with ledger.start(MEDIA_SYNC, key) as job:
        assert not job.is_carried_on
    assert [one.state for one in runs(tmp_path, clock)] == [JobState.DONE, JobState.INTERRUPTED]


def test_without_a_key_nothing_is_carried_on(ledger: Ledger, tmp_path: Path, clock: Clock) -> None:
    cut_short(ledger, None)
    with ledger.start(MEDIA_SYNC) as job:
        assert not job.is_carried_on
    assert len(runs(tmp_path, clock)) == 2


@pytest.mark.parametrize("state", [JobState.DONE, JobState.FAILED])
def test_a_run_that_came_to_its_end_is_not_carried_on(
    state: JobState, ledger: Ledger, tmp_path: Path, clock: Clock
) -> None:
    with ledger.start(MEDIA_SYNC, KEY) as job:
        job.finish(state)
    with ledger.start(MEDIA_SYNC, KEY) as job:
        assert not job.is_carried_on
    assert len(runs(tmp_path, clock)) == 2


def test_only_the_last_run_of_the_same_job_is_carried_on(ledger: Ledger, tmp_path: Path, clock: Clock) -> None:
    cut_short(ledger)
    with ledger.start(RESUBSCRIBE, KEY) as job:
        assert not job.is_carried_on
    with ledger.start(MEDIA_SYNC, "less of it"):
        pass
    with ledger.start(MEDIA_SYNC, KEY) as job:
        assert not job.is_carried_on
    assert len(runs(tmp_path, clock)) == 4


def test_a_run_that_was_cancelled_goes_on_and_can_be_cancelled_again(tmp_path: Path, clock: Clock) -> None:
    def stops() -> bool:
        job.check()
        return False

    with closing(Ledger.open(tmp_path, clock, beat_seconds=0.01)) as ledger:
        for _ in range(2):
            with pytest.raises(JobCancelled), ledger.start(MEDIA_SYNC, KEY) as job:  # noqa: PT012 - the raise is awaited
                heard = clock.now = clock.now + 1
                await_that(lambda heard=heard: runs(tmp_path, clock)[0].heartbeat_timestamp_seconds == heard)  # type: ignore[misc]
                job.check()
                assert ask_to_stop(tmp_path, MEDIA_SYNC, clock) is not None
                await_that(stops)
    assert [one.state for one in runs(tmp_path, clock)] == [JobState.INTERRUPTED]


def test_progress_goes_on_too_and_nothing_is_done_that_there_was_not_to_do(
    ledger: Ledger, tmp_path: Path, clock: Clock
) -> None:
    for to_do, step, seen in ((10, 4, Progress(10, 4)), (12, 4, Progress(12, 8)), (5, 4, Progress(12, 12))):
        with pytest.raises(KeyboardInterrupt), ledger.start(MEDIA_SYNC, KEY) as job:  # noqa: PT012 - it must write first
            with job.writing() as tables:
                tables.expect("accounts", to_do)
                tables.advance("accounts", step)
            raise KeyboardInterrupt
        assert runs(tmp_path, clock)[0].progress == {"accounts": seen}


def test_progress_is_kept_for_each_run_and_dropped_with_it(ledger: Ledger, tmp_path: Path, clock: Clock) -> None:
    for number in range(KEPT_RUNS + 3):
        with ledger.start(MEDIA_SYNC, KEY) as job, job.writing() as tables:
            tables.advance("accounts", number)
    kept = runs(tmp_path, clock)
    newest = KEPT_RUNS + 2
    assert [one.progress for one in kept] == [
        {"accounts": Progress(number, number)} for number in range(newest, newest - KEPT_RUNS, -1)
    ]
    with ledger.file.writing() as connection:
        assert connection.execute("SELECT count(*) FROM progress").fetchone() == (KEPT_RUNS,)


@pytest.fixture
def ledger_of_version_1(tmp_path: Path) -> Path:
    """Write a ledger as the first release does, with a run that was killed."""
    path = tmp_path / LEDGER_NAME
    dump = (Path(__file__).parent / "ledger_1.sql").read_text()
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(dump)
        connection.execute("PRAGMA journal_mode = WAL")
    return tmp_path


def test_a_ledger_of_the_first_release_is_read_as_it_is(ledger_of_version_1: Path, clock: Clock) -> None:
    (run,) = runs(ledger_of_version_1, clock)
    assert (run.job, run.state, run.counts, run.progress) == (RESUBSCRIBE, JobState.RUNNING, {CONFIRMED: 7}, {})
    with closing(sqlite3.connect(ledger_of_version_1 / LEDGER_NAME)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)


def test_a_ledger_of_the_first_release_is_brought_up_to_date_with_all_it_holds(
    ledger_of_version_1: Path, clock: Clock
) -> None:
    with closing(Ledger.open(ledger_of_version_1, clock, NEVER_SECONDS)) as ledger:
        with ledger.start(RESUBSCRIBE, KEY) as job:
            assert not job.is_carried_on
            assert not job.count_once("a", CONFIRMED)
            job.count_once("b", CONFIRMED)
        record = read_ledger(ledger_of_version_1, clock)
    assert record is not None
    assert [one.state for one in record.jobs] == [JobState.DONE, JobState.INTERRUPTED]
    assert record.totals == {CONFIRMED: 8}
