"""What others see of the ledger while it is written."""

import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from exporter.errors import StateError, StoreError
from exporter.ledger import RESUBSCRIBE, JobState, Ledger, LedgerRecord, read_ledger
from exporter.ledger.schema import LEDGER_NAME, MIGRATIONS
from exporter.sqlite_file import reading
from tests.ledger.worlds import CONFIRMED, NEVER_SECONDS, NOON, PENDING, Clock
from tests.unprivileged import NOBODY, unprivileged


def test_where_no_ledger_is_there_is_no_record(tmp_path: Path) -> None:
    assert read_ledger(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_another_process_is_only_just_making_is_no_record_yet(tmp_path: Path) -> None:
    (tmp_path / LEDGER_NAME).touch()
    assert read_ledger(tmp_path) is None


def test_a_ledger_without_a_run_is_empty(ledger: Ledger, tmp_path: Path) -> None:
    assert read_ledger(tmp_path) == LedgerRecord()


@pytest.mark.parametrize(
    ("passed_seconds", "state", "ended"),
    [
        (0, JobState.RUNNING, None),
        (30, JobState.RUNNING, None),
        (31, JobState.INTERRUPTED, NOON),
        (-30, JobState.RUNNING, None),
        (-3600, JobState.INTERRUPTED, NOON),  # the clock was put back
    ],
)
def test_a_run_without_a_sign_of_life_for_30_seconds_reads_as_interrupted(
    passed_seconds: float, state: JobState, ended: float | None, ledger: Ledger, tmp_path: Path
) -> None:
    with ledger.start(RESUBSCRIBE):
        record = read_ledger(tmp_path, Clock(NOON + passed_seconds))
    assert record is not None
    assert [(one.state, one.ended_timestamp_seconds) for one in record.jobs] == [(state, ended)]


def test_a_run_that_has_ended_keeps_its_state_for_ever(ledger: Ledger, tmp_path: Path) -> None:
    with ledger.start(RESUBSCRIBE):
        pass
    record = read_ledger(tmp_path, Clock(NOON + 1e9))
    assert record is not None
    assert record.latest()[RESUBSCRIBE].state is JobState.DONE


def test_a_reader_sees_the_last_commit_while_a_writer_is_in_the_middle_of_one(
    ledger: Ledger, tmp_path: Path, clock: Clock
) -> None:
    with ledger.start(RESUBSCRIBE) as job:
        job.add(CONFIRMED, 1)
        with ledger.file.writing() as connection:
            connection.execute("UPDATE totals SET value = 99")
            record = read_ledger(tmp_path, clock)
    assert record is not None
    assert record.totals == {CONFIRMED: 1}


def test_all_that_is_read_is_of_one_commit(ledger: Ledger, tmp_path: Path, clock: Clock) -> None:
    with ledger.start(RESUBSCRIBE) as job:
        enough = threading.Event()

        def count() -> None:
            while not enough.is_set():
                job.add(CONFIRMED, 1)

        writer = threading.Thread(target=count)
        writer.start()
        records = [read_ledger(tmp_path, clock) for _ in range(300)]
        enough.set()
        writer.join()
    told = [(one.totals, one.jobs[0].counts) for one in records if one is not None]
    assert len(told) == len(records)
    assert [totals for totals, counts in told if totals != counts] == []
    assert told[0] != told[-1]


def test_a_reader_cannot_write(ledger: Ledger, tmp_path: Path) -> None:
    with (  # noqa: PT012 - what raises is inside of what explains it
        pytest.raises(StoreError, match="readonly database"),
        reading(tmp_path / LEDGER_NAME, MIGRATIONS) as connection,
    ):
        assert connection is not None
        connection.execute("DELETE FROM totals")


def test_a_writer_does_not_wait_for_a_reader(ledger: Ledger, tmp_path: Path, clock: Clock) -> None:
    with closing(sqlite3.connect(tmp_path / LEDGER_NAME, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM totals").fetchone()
        with ledger.start(RESUBSCRIBE) as job:
            for _ in range(2000):  # enough for what is written beside the file to be taken over into it
                job.add(CONFIRMED, 1)
    record = read_ledger(tmp_path, clock)
    assert record is not None
    assert record.totals == {CONFIRMED: 2000}


@pytest.fixture
def group_folder() -> Iterator[Path]:
    """Make a folder as the state folder is, its group one that a user without rights is in, as root can."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder to another group")
    with TemporaryDirectory() as name:
        folder = Path(name)
        os.chown(folder, 0, NOBODY)
        folder.chmod(0o2770)
        yield folder


def test_another_user_of_the_group_reads_before_while_and_after_a_repair_runs(group_folder: Path) -> None:
    def total() -> float:
        with unprivileged():
            record = read_ledger(group_folder)
        assert record is not None
        return record.totals.get(CONFIRMED, 0)

    with closing(Ledger.open(group_folder)) as ledger, ledger.start(RESUBSCRIBE) as job:
        assert total() == 0
        job.add(CONFIRMED, 1)
        assert total() == 1
    assert total() == 1
    assert {stat.S_IMODE(path.stat().st_mode) for path in group_folder.iterdir()} == {0o660}


def test_another_user_of_the_group_may_repair_too(group_folder: Path) -> None:
    with closing(Ledger.open(group_folder)) as ledger, ledger.start(RESUBSCRIBE) as job:
        job.add(CONFIRMED, 1)
    with unprivileged(), closing(Ledger.open(group_folder)) as ledger, ledger.start(RESUBSCRIBE) as job:
        job.add(CONFIRMED, 1)
    record = read_ledger(group_folder)
    assert record is not None
    assert record.totals == {CONFIRMED: 2}


def test_who_may_not_look_into_the_folder_is_told(group_folder: Path) -> None:
    Ledger.open(group_folder).close()
    group_folder.chmod(0o700)
    with unprivileged(), pytest.raises(StateError, match="Permission denied"):
        read_ledger(group_folder)


@pytest.mark.parametrize("change", ["gauges SET labels = '[1'", "runs SET state = 'dreaming'"])
def test_what_no_version_can_have_written_is_told_as_damage(change: str, ledger: Ledger, tmp_path: Path) -> None:
    with ledger.start(RESUBSCRIBE) as job:
        job.set_gauge(PENDING, 1)
    with ledger.file.writing() as connection:
        connection.execute(f"UPDATE {change}")
    with pytest.raises(StoreError, match="damaged"):
        read_ledger(tmp_path)


def test_a_page_that_was_overwritten_is_told_as_damage(tmp_path: Path, clock: Clock) -> None:
    with closing(Ledger.open(tmp_path, clock, NEVER_SECONDS)) as ledger, ledger.start(RESUBSCRIBE) as job:
        job.add(CONFIRMED, 1)
    path = tmp_path / LEDGER_NAME
    path.write_bytes(path.read_bytes()[:100] + b"\xff" * 20_000)
    with pytest.raises(StoreError, match="move it away to begin anew"):
        read_ledger(tmp_path)
