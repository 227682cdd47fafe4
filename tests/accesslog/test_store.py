import os
import random
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.accesslog.counts import Counted, Series
from exporter.accesslog.position import Following, Mark, Position, Progress, Trouble
from exporter.accesslog.reader import read_accounts, read_records
from exporter.accesslog.scan import Observation, Scan
from exporter.accesslog.schema import MIGRATIONS, STORE_NAME
from exporter.accesslog.store import Store
from exporter.accesslog.tally import Tally
from exporter.errors import StateError
from exporter.sqlite_file import SqliteFile, migrate
from tests.accesslog.observations import TIMESTAMP_SECONDS, callback, delivery, new_tally, scan, tally_settings

PROGRESS = Progress(
    "/var/log/nginx/*.log",
    (Following("/var/log/nginx/a.log", 17, (Position(Mark(1, 2, 3, 4, b"\x00head", 5, b"\xfftail"), finished=True),)),),
    lag_bytes=99,
    troubles=frozenset({Trouble.PERMISSION, Trouble.IO}),
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path)
    yield opened
    opened.close()


def counted_tally() -> Tally:
    """Return a tally in which everything that is stored has happened."""
    tally = new_tally()
    tally.list_known_domains({"listed.example"})
    tally.apply(scan(delivery("202"), delivery("500"), delivery("401", "listed.example"), delivery("502", "z.example")))
    tally.apply(scan(callback("404", 1), callback("410", 2), callback("404", 3), callback("200", 1)))
    tally.count(Counted.ROTATIONS)
    return tally


def contents(tally: Tally) -> tuple[object, ...]:
    """Return all that a tally knows."""
    return (
        {series: value for series, value in tally.counts().items() if value},
        list(tally.failing),
        dict(tally.learnt),
        list(tally.accounts),
        tally.last_line_timestamp_seconds,
    )


def loaded(store: Store, log: str = "qdon") -> Tally:
    return Tally(tally_settings(), store.load(log)[1])


def rows(folder: Path, query: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(folder / STORE_NAME)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def test_a_log_that_was_never_committed_has_no_progress_and_an_empty_state(store: Store) -> None:
    progress, state = store.load("qdon")
    assert progress is None
    assert contents(Tally(tally_settings(), state)) == contents(new_tally())


def test_what_was_committed_is_there_when_the_store_is_opened_again(tmp_path: Path) -> None:
    tally = counted_tally()
    first = Store.open(tmp_path)
    first.commit({"qdon": (PROGRESS, tally)})
    first.close()
    second = Store.open(tmp_path)
    assert second.load("qdon")[0] == PROGRESS
    assert contents(loaded(second)) == contents(tally)
    second.close()


def test_logs_do_not_touch_each_other(store: Store) -> None:
    tally = counted_tally()
    store.commit({"a": (PROGRESS, tally), "b": (Progress("b"), new_tally())})
    assert contents(loaded(store, "a")) == contents(tally)
    assert contents(loaded(store, "b")) == contents(new_tally())
    assert store.load("b")[0] == Progress("b")


def test_a_second_commit_writes_only_what_has_changed(store: Store, tmp_path: Path) -> None:
    tally = counted_tally()
    store.commit({"qdon": (PROGRESS, tally)})
    before = store._connection.total_changes
    tally.apply(Scan(1))
    store.commit({"qdon": (PROGRESS, tally)})
    assert store._connection.total_changes - before == 2  # the log's own row, and the count of lines


def test_nothing_that_changed_is_left_to_write_after_a_commit(store: Store) -> None:
    tally = counted_tally()
    store.commit({"qdon": (PROGRESS, tally)})
    assert list(tally.accounts.changes()) == []
    assert list(tally.learnt.changes()) == []


def test_a_series_that_ended_is_taken_away(store: Store, tmp_path: Path) -> None:
    tally = counted_tally()
    store.commit({"qdon": (PROGRESS, tally)})
    tally.list_known_domains({"other.example"})
    store.commit({"qdon": (PROGRESS, tally)})
    assert rows(tmp_path, "SELECT domain FROM failing_domains") == [("a.example",)]


def test_accounts_that_were_forgotten_are_taken_away(store: Store, tmp_path: Path) -> None:
    tally = counted_tally()
    store.commit({"qdon": (PROGRESS, tally)})
    tally.judge(judged=False)
    store.commit({"qdon": (PROGRESS, tally)})
    assert read_accounts(tmp_path, "qdon") == ()
    assert read_records(tmp_path)[0].broken_accounts == 0


def memory_store() -> Store:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection, Path("memory"), MIGRATIONS)
    return Store(Path("memory"), SqliteFile(Path("memory"), connection))


BLOCKS = st.lists(
    st.lists(
        st.builds(delivery, st.sampled_from(["202", "500"]), st.sampled_from(["a.example", "b.example", "c.example"]))
        | st.builds(callback, st.sampled_from(["200", "404"]), st.integers(1, 4)),
        max_size=6,
    ),
    max_size=6,
)


@settings(max_examples=40)
@given(BLOCKS)
def test_a_tally_that_is_loaded_after_each_block_comes_to_the_same(blocks: list[list[Observation]]) -> None:
    store, straight = memory_store(), new_tally(domain_cap=5)
    for observations in blocks:
        straight.apply(scan(*observations))
        again = Tally(tally_settings(domain_cap=5), store.load("qdon")[1])
        again.apply(scan(*observations))
        store.commit({"qdon": (PROGRESS, again)})
        assert contents(again) == contents(straight)
    assert contents(Tally(tally_settings(domain_cap=5), store.load("qdon")[1])) == contents(straight)
    store.close()


def test_a_full_disk_keeps_the_last_commit_and_the_changes(store: Store, tmp_path: Path) -> None:
    tally = counted_tally()
    store.commit({"qdon": (PROGRESS, tally)})
    before = read_records(tmp_path)
    store._connection.execute("PRAGMA max_page_count = 1")
    tally.apply(scan(*[callback("404", 10**15 + number) for number in range(5000)]))
    with pytest.raises(StateError, match="disk is full"):
        store.commit({"small": (PROGRESS, new_tally()), "qdon": (PROGRESS, tally)})
    assert read_records(tmp_path) == before
    assert len(list(tally.accounts.changes())) == 5000


def test_a_log_is_read_on_from_the_last_commit_after_one_that_failed(store: Store, tmp_path: Path) -> None:
    store.commit({"qdon": (PROGRESS, counted_tally())})
    store._connection.execute("PRAGMA max_page_count = 1")
    tally = loaded(store)
    lost = scan(delivery("500"), *[callback("404", number) for number in range(10, 5000)])
    tally.apply(lost)
    with pytest.raises(StateError):
        store.commit({"qdon": (PROGRESS, tally)})
    store._connection.execute("PRAGMA max_page_count = 1000000")
    again, straight = loaded(store), counted_tally()
    for one in (again, straight):
        one.apply(lost)
    store.commit({"qdon": (PROGRESS, again)})
    assert contents(loaded(store)) == contents(straight)


@pytest.fixture
def tight_umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


def test_the_group_may_write_all_files_whatever_the_umask(tight_umask: None, tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    store.commit({"qdon": (PROGRESS, new_tally())})
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    store.close()
    assert modes == dict.fromkeys((STORE_NAME, f"{STORE_NAME}-wal", f"{STORE_NAME}-shm"), 0o660)


def test_a_store_that_a_newer_program_wrote_is_left_alone(tmp_path: Path) -> None:
    Store.open(tmp_path).close()
    connection = sqlite3.connect(tmp_path / STORE_NAME)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()
    with pytest.raises(StateError, match="written by a newer mastodon-exporter"):
        Store.open(tmp_path)
    with pytest.raises(StateError, match="written by a newer mastodon-exporter"):
        read_records(tmp_path)


def test_a_file_that_is_no_store_is_told(tmp_path: Path) -> None:
    (tmp_path / STORE_NAME).write_bytes(b"what else" * 1000)
    with pytest.raises(StateError, match="move it away"):
        Store.open(tmp_path)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="No such file"):
        Store.open(tmp_path / "nowhere")


def test_a_position_that_cannot_be_read_is_told(store: Store) -> None:
    store.commit({"qdon": (PROGRESS, new_tally())})
    store._connection.execute("UPDATE logs SET progress = '[]'")
    with pytest.raises(StateError, match="damaged"):
        store.load("qdon")


def test_every_commit_is_synchronised_with_the_disk(store: Store) -> None:
    full = 2
    assert store._connection.execute("PRAGMA synchronous").fetchone() == (full,)
    assert store._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_writer_killed_at_any_instant_leaves_its_last_commit_whole(tmp_path: Path) -> None:
    moments = random.Random(20747)
    before = 0
    for _ in range(8):
        printed = committed_until_killed(tmp_path, after_seconds=moments.uniform(0.0, 0.05))
        records = read_records(tmp_path)
        batch = int(records[0].lag_bytes)
        assert printed <= batch <= printed + 1
        assert batch > before
        before = batch
        for record in records:
            assert record.lag_bytes == record.broken_accounts == batch
            assert record.counts[Series(Counted.CALLBACKS, ("POST", "404"))] == batch
            assert record.counts[Series(Counted.DELIVERIES, ("202",))] == batch * (batch + 1) // 2
            assert record.counts[Series(Counted.LINES)] == batch * (batch + 3) // 2
            account_ids = [account.account_id for account in read_accounts(tmp_path, record.log)]
            assert account_ids == list(range(1, batch + 1))


def committed_until_killed(folder: Path, after_seconds: float) -> int:
    """Run the writer until some time after its first commit; return the number of the last one that it told."""
    command = [sys.executable, "-m", "tests.accesslog.committing_writer", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as writer:
        assert writer.stdout is not None
        first = writer.stdout.readline()
        time.sleep(after_seconds)  # the instant is what is tried here; nothing is waited for
        writer.send_signal(signal.SIGKILL)
        return int((first + writer.stdout.read()).split(b"\n")[-2])


def test_the_record_of_a_log_is_what_was_committed(store: Store, tmp_path: Path) -> None:
    tally = counted_tally()
    store.commit({"qdon": (PROGRESS, tally)})
    (record,) = read_records(tmp_path)
    domains = {Series(Counted.FAILURES, (name,)): 1 for name in ("a.example", "listed.example")}
    assert record.counts == tally.counts() | domains
    assert (record.log, record.broken_accounts, record.lag_bytes) == ("qdon", 2, 99)
    assert record.last_line_timestamp_seconds == TIMESTAMP_SECONDS
    assert record.troubles == PROGRESS.troubles
