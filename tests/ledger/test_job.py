"""What a running job writes: counts that are never doubled, its end, its signs of life."""

import random
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter.errors import StoreError
from exporter.ledger import (
    RESUBSCRIBE,
    Job,
    JobCancelled,
    JobRecord,
    JobState,
    Ledger,
    LedgerRecord,
    Series,
    ask_to_stop,
    read_ledger,
)
from tests.ledger.worlds import CONFIRMED, NOON, PENDING, REFUSED, Clock, await_that, files_of_at_most

ROOT = Path(__file__).parents[2]


def recorded(folder: Path, clock: Clock) -> LedgerRecord:
    record = read_ledger(folder, clock)
    assert record is not None
    return record


def latest(folder: Path, clock: Clock) -> JobRecord:
    return recorded(folder, clock).latest()[RESUBSCRIBE]


def test_a_key_is_counted_once(ledger: Ledger, tmp_path: Path, clock: Clock) -> None:
    with ledger.start(RESUBSCRIBE) as job:
        assert job.count_once("a", CONFIRMED)
        assert not job.count_once("a", CONFIRMED)
        assert not job.count_once("a", REFUSED)
        assert job.count_once("b", CONFIRMED, 5)
    assert recorded(tmp_path, clock).totals == {CONFIRMED: 6}


def test_a_key_of_an_earlier_run_is_not_counted_again_not_even_by_another_process(
    ledger: Ledger, tmp_path: Path, clock: Clock
) -> None:
    with ledger.start(RESUBSCRIBE) as job:
        job.count_once("a", CONFIRMED)
    with closing(Ledger.open(tmp_path, clock)) as another, another.start(RESUBSCRIBE) as job:
        assert not job.count_once("a", CONFIRMED)
        assert job.count_once("b", CONFIRMED)
    record = recorded(tmp_path, clock)
    assert [one.counts for one in record.jobs] == [{CONFIRMED: 1}, {CONFIRMED: 1}]
    assert record.totals == {CONFIRMED: 2}


def test_jobs_of_two_names_may_use_the_same_key(ledger: Ledger, tmp_path: Path, clock: Clock) -> None:
    for name in (RESUBSCRIBE, "restore"):
        with ledger.start(name) as job:
            assert job.count_once("a", CONFIRMED)
    assert recorded(tmp_path, clock).totals == {CONFIRMED: 2}


def test_forgotten_keys_take_no_room_and_their_counts_stay(ledger: Ledger, tmp_path: Path, clock: Clock) -> None:
    with ledger.start(RESUBSCRIBE) as job:
        for key in "abc":
            job.count_once(key, CONFIRMED)
        job.forget("a", "c", "never counted")
        with ledger.file.writing() as connection:
            assert connection.execute("SELECT key FROM counted_keys").fetchall() == [("b",)]
    assert recorded(tmp_path, clock).totals == {CONFIRMED: 3}


def test_a_key_is_found_by_its_index_however_many_there_are(ledger: Ledger) -> None:
    with ledger.file.writing() as connection:
        plans = connection.execute("EXPLAIN QUERY PLAN DELETE FROM counted_keys WHERE job = ? AND key = ?", ("", ""))
        assert [row[3] for row in plans] == ["SEARCH counted_keys USING PRIMARY KEY (job=? AND key=?)"]


def test_a_counter_never_goes_back(ledger: Ledger, tmp_path: Path, clock: Clock) -> None:
    with ledger.start(RESUBSCRIBE) as job:
        job.add(CONFIRMED, 2)
        with pytest.raises(ValueError, match="never goes back"):
            job.add(CONFIRMED, -1)
    assert recorded(tmp_path, clock).totals == {CONFIRMED: 2}


def test_a_gauge_keeps_its_value_after_the_job_and_is_told_with_the_run_that_set_it_last(
    ledger: Ledger, tmp_path: Path, clock: Clock
) -> None:
    for value in (7, 3):
        with ledger.start(RESUBSCRIBE) as job:
            job.set_gauge(PENDING, value)
    with ledger.start("restore"):
        pass
    record = recorded(tmp_path, clock)
    assert record.gauges == {PENDING: 3.0}
    assert [one.gauges for one in record.jobs] == [{}, {PENDING: 3.0}, {}]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(labels=st.lists(st.text(), max_size=3))
def test_labels_come_back_as_they_were_given(labels: list[str], ledger: Ledger, tmp_path: Path, clock: Clock) -> None:
    series = Series("anything", tuple(labels))
    with ledger.start(RESUBSCRIBE) as job:
        job.add(series, 1)
    assert latest(tmp_path, clock).counts == {series: 1}


def stops(job: Job) -> bool:
    job.check()
    return False


class Trouble(Exception):
    """What a job may raise."""


@pytest.mark.parametrize(
    ("raised", "state"),
    [
        (Trouble, JobState.FAILED),
        (KeyboardInterrupt, JobState.INTERRUPTED),
        (JobCancelled, JobState.INTERRUPTED),
    ],
)
def test_a_job_that_raises_ends_as_what_it_raised_says(
    raised: type[BaseException], state: JobState, ledger: Ledger, tmp_path: Path, clock: Clock
) -> None:
    job = ledger.start(RESUBSCRIBE)
    clock.now += 60
    with pytest.raises(raised), job:  # noqa: PT012 - it must write first
        job.count_once("a", CONFIRMED)
        raise raised
    expected = JobRecord(RESUBSCRIBE, state, NOON, NOON + 60, NOON + 60, {CONFIRMED: 1})
    assert latest(tmp_path, clock) == expected


def test_a_job_that_says_itself_how_it_ended_is_believed(ledger: Ledger, tmp_path: Path, clock: Clock) -> None:
    with ledger.start(RESUBSCRIBE) as job:
        job.finish(JobState.FAILED)
        with ledger.start(RESUBSCRIBE):
            pass
    assert [one.state for one in recorded(tmp_path, clock).jobs] == [JobState.DONE, JobState.FAILED]


def test_a_running_job_shows_that_it_is_alive(tmp_path: Path, clock: Clock) -> None:
    with closing(Ledger.open(tmp_path, clock, beat_seconds=0.01)) as ledger, ledger.start(RESUBSCRIBE):
        clock.now += 3600
        await_that(lambda: latest(tmp_path, clock).heartbeat_timestamp_seconds == clock.now)
        assert latest(tmp_path, clock).state is JobState.RUNNING


def test_a_job_that_writes_without_a_pause_shows_that_it_is_alive(tmp_path: Path, clock: Clock) -> None:
    with closing(Ledger.open(tmp_path, clock, beat_seconds=0.01)) as ledger, ledger.start(RESUBSCRIBE) as job:
        for _ in range(3):
            clock.now += 3600

            def beats() -> bool:
                job.add(CONFIRMED, 1)
                return latest(tmp_path, clock).heartbeat_timestamp_seconds == clock.now

            await_that(beats)


def test_a_heartbeat_that_cannot_be_written_is_logged_and_tried_again(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(Ledger.open(tmp_path, clock, beat_seconds=0.01)) as ledger, ledger.start(RESUBSCRIBE):
        with ledger.file.writing() as connection:
            connection.execute("ALTER TABLE runs RENAME TO hidden")
        await_that(lambda: "the heartbeat was not written" in caplog.text)
        with ledger.file.writing() as connection:
            connection.execute("ALTER TABLE hidden RENAME TO runs")
        clock.now += 3600
        await_that(lambda: latest(tmp_path, clock).heartbeat_timestamp_seconds == clock.now)


def test_a_job_is_not_stopped_unless_it_was_asked_to(ledger: Ledger) -> None:
    with ledger.start(RESUBSCRIBE) as job:
        job.check()


def test_a_job_that_was_asked_to_stop_does_so_at_its_next_safe_point(tmp_path: Path, clock: Clock) -> None:
    with closing(Ledger.open(tmp_path, clock, beat_seconds=0.01)) as ledger:
        with pytest.raises(JobCancelled), ledger.start(RESUBSCRIBE) as job:  # noqa: PT012 - the raise is awaited
            asked = ask_to_stop(tmp_path, RESUBSCRIBE, clock)
            assert asked is not None
            await_that(lambda: stops(job))
        assert latest(tmp_path, clock).state is JobState.INTERRUPTED
        with ledger.start(RESUBSCRIBE) as job:
            heard = clock.now = clock.now + 1
            await_that(lambda: latest(tmp_path, clock).heartbeat_timestamp_seconds == heard)
            job.check()


def test_several_threads_may_count_in_one_job(ledger: Ledger, tmp_path: Path, clock: Clock) -> None:
    with ledger.start(RESUBSCRIBE) as job:

        def count() -> None:
            for number in range(50):
                job.count_once(str(number), CONFIRMED)
                job.add(REFUSED, 1)

        threads = [threading.Thread(target=count) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert recorded(tmp_path, clock).totals == {CONFIRMED: 50, REFUSED: 200}


def test_what_was_counted_survives_a_kill_at_any_instant_and_is_not_doubled(tmp_path: Path) -> None:
    moments = random.Random(20747)
    told = 0
    for _ in range(10):
        again = max(told - 20, 1)  # what was told last is told once more, as after a crash
        told = counted_until_killed(tmp_path, again, moments.uniform(0.0, 0.08))
        record = read_ledger(tmp_path)
        assert record is not None
        assert told <= record.totals[CONFIRMED] <= told + 1
        assert sum(one.counts.get(CONFIRMED, 0) for one in record.jobs) == record.totals[CONFIRMED]


def counted_until_killed(folder: Path, first: int, after_seconds: float) -> int:
    """Run the writer until some time after its first count; return the last number that it told."""
    command = [sys.executable, "-m", "tests.ledger.counting_writer", str(folder), str(first)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as writer:
        assert writer.stdout is not None
        told = writer.stdout.readline()
        time.sleep(after_seconds)  # the instant is what is tried here; nothing is waited for
        writer.send_signal(signal.SIGKILL)
        return int((told + writer.stdout.read()).split(b"\n")[-2])


def test_on_a_full_disk_a_count_is_an_error_and_the_counts_before_it_stay(
    ledger: Ledger, tmp_path: Path, clock: Clock
) -> None:
    counted = 0
    with ledger.start(RESUBSCRIBE) as job:
        with files_of_at_most(200_000), pytest.raises(StoreError, match="look at the disk's space"):  # noqa: PT012 - the last of many is refused
            while True:
                job.count_once(str(counted), CONFIRMED)
                counted += 1
        assert counted > 0
        assert recorded(tmp_path, clock).totals == {CONFIRMED: counted}
        assert job.count_once(str(counted), CONFIRMED)
    assert recorded(tmp_path, clock).totals == {CONFIRMED: counted + 1}


def test_a_job_whose_end_cannot_be_written_lets_the_next_one_start(
    ledger: Ledger, tmp_path: Path, clock: Clock
) -> None:
    job = ledger.start(RESUBSCRIBE)
    with files_of_at_most(1), pytest.raises(StoreError):
        job.finish(JobState.DONE)
    with ledger.start(RESUBSCRIBE):
        assert [one.state for one in recorded(tmp_path, clock).jobs] == [JobState.RUNNING, JobState.INTERRUPTED]
