"""What became of objects: counted once a run, in trouble until they are not, safe once it is written."""

import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from exporter.errors import StateError, StoreError
from exporter.ledger import (
    MEDIA_SYNC,
    MEDIA_SYNC_OBJECTS,
    REOPENED,
    Asked,
    JobRecord,
    JobState,
    Ledger,
    LedgerRecord,
    MediaRecord,
    MediaRun,
    Progress,
    RangeResult,
    Scope,
    Trouble,
    read_ledger,
)
from exporter.ledger.schema import LEDGER_NAME
from tests.ledger.media_pages import ACCOUNTS, ELSEWHERE, EMOJIS, HERE, OBJECT_BYTES, counted, ids, page, trouble
from tests.ledger.page_writer import FAILING, MISSING, OBJECTS, ROWS
from tests.ledger.worlds import Clock, files_of_at_most

ROOT = Path(__file__).parents[2]


def recorded(folder: Path, clock: Clock) -> LedgerRecord:
    record = read_ledger(folder, clock)
    assert record is not None
    return record


def latest(folder: Path, clock: Clock) -> JobRecord:
    return recorded(folder, clock).latest()[MEDIA_SYNC]


def troubled(folder: Path, destination: str = HERE) -> list[Trouble]:
    return list(MediaRecord(folder).troubles(Asked(destination)))


def tried_again(
    objects: dict[str, int], troubles: Sequence[Trouble] = (), healed: Sequence[Trouble] = ()
) -> RangeResult:
    return RangeResult(ACCOUNTS, 0, objects, troubles=tuple(troubles), healed=tuple(one.key for one in healed))


def in_trouble(*troubles: Trouble) -> RangeResult:
    """Return the result of a page with these troubles and nothing else."""
    results = [one.result for one in troubles]
    return RangeResult(
        ACCOUNTS, 10, {one: results.count(one) for one in results}, page=ids(0, 10), finished=ids(0, 10),
        troubles=troubles,
    )  # fmt: skip


def test_a_page_is_counted_with_its_rows_its_objects_and_its_bytes(
    ledger: Ledger, tmp_path: Path, clock: Clock
) -> None:
    with ledger.start(MEDIA_SYNC) as job:
        run = MediaRun(job)
        run.set_rows({"accounts": 1000, "custom_emojis": 50})
        run.write([page(0, 200), page(200, 400), page(0, 50, EMOJIS)])
        expected = {**counted(copied=800, size_bytes=80_000), **counted(EMOJIS, copied=100, size_bytes=10_000)}
        assert recorded(tmp_path, clock).totals == expected
        assert latest(tmp_path, clock).counts == expected
        assert latest(tmp_path, clock).progress == {"accounts": Progress(1000, 400), "custom_emojis": Progress(50, 50)}


def test_a_page_without_objects_counts_its_rows_only(ledger: Ledger, tmp_path: Path, clock: Clock) -> None:
    with ledger.start(MEDIA_SYNC) as job:
        MediaRun(job).write([RangeResult(ACCOUNTS, 3, page=ids(0, 10))])
    assert latest(tmp_path, clock).counts == {}
    assert latest(tmp_path, clock).progress == {"accounts": Progress(3, 3)}


def test_pages_are_written_all_or_none(ledger: Ledger, tmp_path: Path, clock: Clock) -> None:
    with ledger.start(MEDIA_SYNC) as job:
        wrong = RangeResult(ACCOUNTS, 1, size_bytes=-1, page=ids(200, 400), finished=ids(200, 400))
        with pytest.raises(ValueError, match="never goes back"):
            MediaRun(job).write([page(0, 200), in_trouble(trouble(7)), wrong])
    assert (latest(tmp_path, clock).counts, latest(tmp_path, clock).progress) == ({}, {})
    assert MediaRecord(tmp_path).finished(ACCOUNTS) == ()
    assert troubled(tmp_path) == []


def test_runs_add_up(ledger: Ledger, tmp_path: Path, clock: Clock) -> None:
    for _ in range(2):
        with ledger.start(MEDIA_SYNC) as job:
            MediaRun(job).write([page(0, 200)])
    record = recorded(tmp_path, clock)
    assert record.totals == counted(copied=800, size_bytes=80_000)
    assert [one.counts for one in record.jobs] == [counted(copied=400, size_bytes=40_000)] * 2


def test_several_threads_may_write_pages(ledger: Ledger, tmp_path: Path, clock: Clock) -> None:
    with ledger.start(MEDIA_SYNC) as job:

        def write(start: int) -> None:
            for number in range(start, 100, 4):
                MediaRun(job).write([page(number * 10, number * 10 + 10)])

        threads = [threading.Thread(target=write, args=(start,)) for start in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert latest(tmp_path, clock).counts == counted(copied=2000, size_bytes=200_000)
    assert MediaRecord(tmp_path).finished(ACCOUNTS) == (ids(0, 1000),)


def test_troubles_are_told_by_class_record_and_key_with_all_that_is_known(ledger: Ledger, tmp_path: Path) -> None:
    full = Trouble("accounts", -99, "accounts/avatars/000/000/099/original/ü #%.png", "failed", None, "503 SlowDown")
    with ledger.start(MEDIA_SYNC) as job:
        others = (trouble(10), trouble(9), full)
        emojis = RangeResult(EMOJIS, 1, {"missing": 1}, troubles=(trouble(1, scope=EMOJIS),))
        MediaRun(job).write([emojis, in_trouble(*others)])
    assert troubled(tmp_path) == [full, trouble(9), trouble(10), trouble(1, scope=EMOJIS)]
    record = MediaRecord(tmp_path)
    assert list(record.troubles(Asked(HERE, classes=("custom_emojis", "imports")))) == [trouble(1, scope=EMOJIS)]
    assert list(record.troubles(Asked(HERE, results=("failed",)))) == [full]
    assert list(record.troubles(Asked(HERE, ("custom_emojis",), ("failed",)))) == []
    assert record.troubles_of(HERE, [full.key, "of no object", trouble(9).key]) == {
        full.key: full,
        trouble(9).key: trouble(9),
    }


def test_without_a_ledger_nothing_is_in_trouble_and_none_is_made(tmp_path: Path) -> None:
    record = MediaRecord(tmp_path)
    assert troubled(tmp_path) == []
    assert record.troubles_of(HERE, ["a"]) == {}
    assert record.destinations() == ()
    assert list(tmp_path.iterdir()) == []


def test_each_destination_has_its_own_troubles(ledger: Ledger, tmp_path: Path) -> None:
    elsewhere = Scope(ELSEWHERE, "accounts", "all")
    with ledger.start(MEDIA_SYNC) as job:
        run = MediaRun(job)
        run.write([in_trouble(trouble(1)), RangeResult(elsewhere, 1, {"missing": 1}, troubles=(trouble(1),))])
        run.write([RangeResult(elsewhere, 0, {"copied": 1}, healed=(trouble(1).key,))])
        assert MediaRecord(tmp_path).destinations() == (HERE,)
    assert troubled(tmp_path) == [trouble(1)]
    assert troubled(tmp_path, ELSEWHERE) == []


def test_ten_thousand_troubles_are_told_while_they_are_healed(ledger: Ledger, tmp_path: Path) -> None:
    all_of_them = tuple(trouble(number) for number in range(10_000))
    with ledger.start(MEDIA_SYNC) as job:
        MediaRun(job).write([in_trouble(*all_of_them)])
        seen = []
        for one in MediaRecord(tmp_path).troubles(Asked(HERE)):
            seen.append(one)
            if one.record_id % 1000 == 0:
                MediaRun(job).write([tried_again({"copied": 1}, healed=[one])])
    assert seen == list(all_of_them)
    assert len(troubled(tmp_path)) == 9990


def test_troubles_are_found_by_an_index_however_many_there_are(ledger: Ledger, tmp_path: Path) -> None:
    query = (
        "EXPLAIN QUERY PLAN SELECT key FROM media_troubles WHERE destination = '' "
        "AND (class, record_id, key) > ('', 0, x'') ORDER BY class, record_id, key"
    )
    with ledger.file.writing() as connection:
        (plan,) = connection.execute(query)
    assert "media_troubles_in_order (destination=? AND (class,record_id,key)>(?,?,?))" in plan[3]


def test_an_object_that_a_later_run_finds_is_in_trouble_no_more_and_both_runs_keep_their_counts(
    ledger: Ledger, tmp_path: Path, clock: Clock
) -> None:
    with ledger.start(MEDIA_SYNC) as job:
        MediaRun(job).write([in_trouble(trouble(1), trouble(2))])
    with ledger.start(MEDIA_SYNC) as job:
        MediaRun(job).write([tried_again({"repaired": 1, "missing": 1}, [trouble(2)], [trouble(1)])])
    record = recorded(tmp_path, clock)
    assert [one.counts for one in record.jobs] == [counted(missing=1, repaired=1), counted(missing=2)]
    assert record.totals == counted(missing=3, repaired=1)
    assert troubled(tmp_path) == [trouble(2)]


def test_within_one_run_an_object_counts_as_what_became_of_it_in_the_end(
    ledger: Ledger, tmp_path: Path, clock: Clock
) -> None:
    first = (trouble(1, "failed"), trouble(2, "failed"), trouble(3), trouble(4))
    with pytest.raises(KeyboardInterrupt), ledger.start(MEDIA_SYNC, "all") as job:  # noqa: PT012 - it must write first
        MediaRun(job).write([in_trouble(*first)])
        raise KeyboardInterrupt
    with ledger.start(MEDIA_SYNC, "all") as job:
        again = [trouble(2, "failed"), trouble(3)]
        result = tried_again({"copied": 1, "failed": 1, "missing": 1, "gone": 1}, again, [trouble(1), trouble(4)])
        MediaRun(job).write([result])
    assert latest(tmp_path, clock).counts == counted(copied=1, failed=1, missing=1, gone=1)
    assert recorded(tmp_path, clock).totals == counted(copied=1, failed=2, missing=2, gone=1)
    assert troubled(tmp_path) == again


def test_keys_that_never_were_in_trouble_may_be_told_as_healed(ledger: Ledger, tmp_path: Path, clock: Clock) -> None:
    with ledger.start(MEDIA_SYNC) as job:
        MediaRun(job).write([tried_again({"present": 2}, healed=[trouble(1), trouble(2)])])
    assert latest(tmp_path, clock).counts == counted(present=2)


def test_an_object_whose_row_is_gone_is_in_trouble_no_more_once_its_page_was_seen_to(
    ledger: Ledger, tmp_path: Path
) -> None:
    local = Scope(HERE, "accounts", "local")
    with ledger.start(MEDIA_SYNC) as job:
        run = MediaRun(job)
        emojis = RangeResult(EMOJIS, 1, {"missing": 1}, troubles=(trouble(5, scope=EMOJIS),))
        run.write([in_trouble(*(trouble(number) for number in range(1, 21))), emojis])
        run.write([page(0, 20, local), RangeResult(ACCOUNTS, 0, page=ids(0, 20))])
        assert len(troubled(tmp_path)) == 21
        left = RangeResult(ACCOUNTS, 5, {"missing": 1}, finished=ids(5, 10), troubles=(trouble(7),))
        run.write([left])
    assert [one.record_id for one in troubled(tmp_path)] == [1, 2, 3, 4, 5, 7, *range(11, 21), 5]
    with ledger.start(MEDIA_SYNC) as job:
        missing_here = RangeResult(local, 1, {"missing": 1}, troubles=(trouble(3, scope=local),))
        MediaRun(job).write([missing_here, page(0, 5, local)])
    assert [one.record_id for one in troubled(tmp_path)] == [1, 2, 4, 5, 7, *range(11, 21), 5]


def test_a_run_that_has_seen_all_rows_forgets_what_was_in_trouble_behind_the_last(
    ledger: Ledger, tmp_path: Path
) -> None:
    local = Scope(HERE, "accounts", "local")
    with ledger.start(MEDIA_SYNC) as job:
        emojis = RangeResult(
            EMOJIS, 1, {"missing": 1}, troubles=(trouble(-99, scope=EMOJIS), trouble(50, scope=EMOJIS))
        )
        MediaRun(job).write([in_trouble(*map(trouble, (1, 19, 20, 21, 50))), page(0, 50), emojis])
        MediaRun(job).write([in_trouble(*map(trouble, (1, 19, 20, 21, 50)))])
    with ledger.start(MEDIA_SYNC) as job:
        run = MediaRun(job)
        run.write([RangeResult(ACCOUNTS, 0, page=ids(0, 20))])
        run.forget_beyond(local)
        assert [one.record_id for one in troubled(tmp_path)] == [1, 19, 20, 21, 50, -99, 50]
        run.forget_beyond(ACCOUNTS)
        assert [one.record_id for one in troubled(tmp_path)] == [1, 19, 20, -99, 50]
        run.forget_beyond(EMOJIS)  # of which no row is left
    assert [one.record_id for one in troubled(tmp_path)] == [1, 19, 20]


def test_what_a_look_at_the_destination_has_found_is_tried_again_and_counted_by_nobody(
    ledger: Ledger, tmp_path: Path, clock: Clock
) -> None:
    with ledger.start(MEDIA_SYNC) as job:
        MediaRun(job).write([in_trouble(trouble(1), trouble(2, "failed"))])
    before = latest(tmp_path, clock).counts
    found = [Trouble("accounts", number, trouble(number).key, "any", None, "size") for number in (1, 2, 3)]
    MediaRecord(tmp_path).reopen(HERE, iter(found))
    reopened = [Trouble("accounts", number, trouble(number).key, REOPENED, None, "size") for number in (2, 3)]
    assert [(one.record_id, one.result, one.detail) for one in troubled(tmp_path)] == [
        (1, "missing", ""),
        (2, REOPENED, "size"),
        (3, REOPENED, "size"),
    ]
    assert latest(tmp_path, clock).counts == before
    with ledger.start(MEDIA_SYNC) as job:
        MediaRun(job).write([tried_again({"copied": 2}, healed=reopened)])
    assert latest(tmp_path, clock).counts == counted(copied=2)
    assert troubled(tmp_path) == [trouble(1)]


def test_what_lies_wrong_at_the_destination_is_known_until_it_was_put_right(ledger: Ledger, tmp_path: Path) -> None:
    lost = trouble(1)
    with ledger.start(MEDIA_SYNC) as job:
        MediaRun(job).write([in_trouble(lost)])
    found = [Trouble("accounts", number, trouble(number).key, REOPENED, is_wrong=True) for number in (1, 2)]
    MediaRecord(tmp_path).reopen(HERE, found)
    assert troubled(tmp_path) == [replace(lost, is_wrong=True), found[1]]
    with ledger.start(MEDIA_SYNC) as job:
        MediaRun(job).write([in_trouble(replace(lost, is_wrong=True)), tried_again({"copied": 1}, healed=found[1:])])
    assert troubled(tmp_path) == [replace(lost, is_wrong=True)]


def test_what_was_hidden_is_known_until_it_was_shown(ledger: Ledger, tmp_path: Path) -> None:
    keys = ("a", "b", "\udcff")
    record = MediaRecord(tmp_path)
    with ledger.start(MEDIA_SYNC) as job:
        MediaRun(job).write([RangeResult(ACCOUNTS, 1, hidden=keys)])
        MediaRun(job).write([RangeResult(ACCOUNTS, 1, hidden=keys[:1], shown=("b", "unknown"))])
    assert record.hidden_of(HERE, (*keys, "c")) == {"a", "\udcff"}
    assert record.hidden_of("elsewhere", keys) == frozenset()
    assert MediaRecord(tmp_path / "nowhere").hidden_of(HERE, keys) == frozenset()


def test_a_failure_that_was_looked_at_in_between_still_counts_once_in_its_run(
    ledger: Ledger, tmp_path: Path, clock: Clock
) -> None:
    with pytest.raises(KeyboardInterrupt), ledger.start(MEDIA_SYNC, "all") as job:  # noqa: PT012 - it must write first
        MediaRun(job).write([in_trouble(trouble(1, "failed"))])
        raise KeyboardInterrupt
    MediaRecord(tmp_path).reopen(HERE, [trouble(1)])
    with ledger.start(MEDIA_SYNC, "all") as job:
        MediaRun(job).write([tried_again({"copied": 1}, healed=[trouble(1)])])
    assert latest(tmp_path, clock).counts == counted(copied=1, failed=0)


def test_objects_can_be_reopened_where_no_sync_ever_ran(tmp_path: Path) -> None:
    MediaRecord(tmp_path).reopen(HERE, [trouble(number) for number in range(2500)])
    assert len(troubled(tmp_path)) == 2500


@pytest.mark.parametrize("text", ["\udcff\ud800", "\0", "'); DROP TABLE media_troubles; --", "\x1b[31m\u202e"])
def test_texts_that_no_sane_server_has_are_kept(text: str, ledger: Ledger, tmp_path: Path) -> None:
    key = text.replace("\ud800", "")
    with ledger.start(MEDIA_SYNC) as job:
        MediaRun(job).write([in_trouble(Trouble("accounts", 1, key, "failed", text, text))])
        (kept,) = troubled(tmp_path)
        assert kept.key == key
        assert MediaRecord(tmp_path).troubles_of(HERE, [key]) == {key: kept}
        MediaRun(job).write([RangeResult(ACCOUNTS, 0, {"copied": 1}, healed=(key,))])
    assert troubled(tmp_path) == []


def test_a_damaged_ledger_is_told(tmp_path: Path) -> None:
    (tmp_path / LEDGER_NAME).write_bytes(b"what else" * 1000)
    record = MediaRecord(tmp_path)
    with pytest.raises(StoreError, match="damaged"):
        record.finished(ACCOUNTS)
    with pytest.raises(StoreError, match="damaged"):
        next(record.troubles(Asked(HERE)))
    with pytest.raises(StateError, match="damaged"):
        record.reopen(HERE, [trouble(1)])


def test_on_a_full_disk_a_page_is_an_error_and_the_pages_before_it_stay(
    ledger: Ledger, tmp_path: Path, clock: Clock
) -> None:
    written = 0

    def write(run: MediaRun) -> None:
        troubles = tuple(trouble(written * 100 + number) for number in range(100))
        result = page(written * 100, written * 100 + 100)
        run.write([RangeResult(result.scope, 100, {"missing": 100}, 0, result.page, result.finished, troubles)])

    with ledger.start(MEDIA_SYNC) as job:
        with files_of_at_most(300_000), pytest.raises(StoreError, match="look at the disk's space"):  # noqa: PT012 - the last of many is refused
            while True:
                write(MediaRun(job))
                written += 1
        assert written > 0
        assert latest(tmp_path, clock).progress == {"accounts": Progress(written * 100, written * 100)}
        assert latest(tmp_path, clock).counts == counted(missing=written * 100)
        assert MediaRecord(tmp_path).finished(ACCOUNTS) == (ids(0, written * 100),)
        assert len(troubled(tmp_path)) == written * 100
        write(MediaRun(job))  # somebody has made room
    assert MediaRecord(tmp_path).finished(ACCOUNTS) == (ids(0, written * 100 + 100),)


def test_a_run_that_is_killed_again_and_again_ends_as_one_that_never_was(tmp_path: Path, clock: Clock) -> None:
    records = list(lives(tmp_path, clock))
    assert len(records) > 3
    for before, after in pairwise(records):
        assert all(after.totals[series] >= value for series, value in before.totals.items())
        assert sum(counted_objects(after.jobs[0]).values()) <= OBJECTS
    (run,) = records[-1].jobs
    copied = OBJECTS - MISSING
    expected = counted(copied=copied, missing=MISSING, size_bytes=copied * OBJECT_BYTES)
    assert run.progress == {"accounts": Progress(ROWS, ROWS)}
    assert run.counts == {**expected, **counted(failed=0)}
    assert records[-1].totals == {**expected, **counted(failed=FAILING)}
    assert MediaRecord(tmp_path).finished(ACCOUNTS) == (ids(0, ROWS),)
    assert [one.record_id for one in troubled(tmp_path)] == list(range(7, ROWS + 1, 7))


def lives(folder: Path, clock: Clock) -> Iterator[LedgerRecord]:
    """Kill the writer and start it again until it has done all there is; yield what it has recorded each time."""
    moments = random.Random(20747)
    state = JobState.INTERRUPTED
    while state is not JobState.DONE:
        kill_while_writing(folder, moments.randint(1, 25))
        yield (record := recorded(folder, clock))
        state = record.jobs[0].state


def counted_objects(run: JobRecord) -> Mapping[str, int]:
    return {series.labels[1]: count for series, count in run.counts.items() if series.name == MEDIA_SYNC_OBJECTS}


def kill_while_writing(folder: Path, writes: int) -> None:
    """Run the writer, and kill it after so many writes, wherever it has come to by then; or let it come to its end."""
    command = [sys.executable, "-m", "tests.ledger.page_writer", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as writer:
        assert writer.stdout is not None
        for _ in range(writes):
            writer.stdout.readline()
        writer.send_signal(signal.SIGKILL)
