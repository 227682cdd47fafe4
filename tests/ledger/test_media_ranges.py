"""Which rows were seen to: whatever comes in whatever order, each row is told once, and as old as it is."""

from dataclasses import replace
from itertools import count, pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter.ledger import MEDIA_SYNC, IdRange, Ledger, MediaRecord, MediaRun, RangeResult, Scope
from tests.ledger.media_pages import ACCOUNTS, ELSEWHERE, EMOJIS, HERE, ids, page
from tests.ledger.worlds import NOON

SMALLEST, LARGEST = -(2**63), 2**63 - 1
destinations = count()


def finished(folder: Path, scope: Scope = ACCOUNTS) -> tuple[IdRange, ...]:
    return MediaRecord(folder).finished(scope)


def run_over(ledger: Ledger, *pages: RangeResult) -> None:
    with ledger.start(MEDIA_SYNC) as job:
        MediaRun(job).write(pages)


def test_without_a_ledger_nothing_is_known_and_none_is_made(tmp_path: Path) -> None:
    assert finished(tmp_path) == ()
    assert list(tmp_path.iterdir()) == []


def test_a_ledger_of_the_first_release_knows_nothing(tmp_path: Path, ledger: Ledger) -> None:
    with ledger.file.writing() as connection:
        connection.execute("PRAGMA user_version = 1")
    assert finished(tmp_path) == ()


def test_neighbours_of_one_run_become_one_range_as_old_as_the_oldest(ledger: Ledger, tmp_path: Path) -> None:
    run_over(ledger, page(0, 200, read=NOON + 1), page(400, 600), page(200, 400, read=NOON + 2))
    assert finished(tmp_path) == (ids(0, 600, NOON),)


def test_a_hole_stays_a_hole(ledger: Ledger, tmp_path: Path) -> None:
    run_over(ledger, page(0, 200), page(201, 400))
    assert finished(tmp_path) == (ids(0, 200), ids(201, 400))


def test_a_later_run_brings_its_rows_up_to_date_and_leaves_the_others_as_old_as_they_are(
    ledger: Ledger, tmp_path: Path
) -> None:
    run_over(ledger, page(0, 1000))
    run_over(ledger, page(200, 400, read=NOON + 60))
    expected = (ids(0, 200), ids(200, 400, NOON + 60), ids(400, 1000))
    assert finished(tmp_path) == expected
    run_over(ledger, page(0, 1000, read=NOON + 120))
    assert finished(tmp_path) == (ids(0, 1000, NOON + 120),)


def test_what_is_known_of_one_place_is_not_known_of_another(ledger: Ledger, tmp_path: Path) -> None:
    elsewhere, remote = Scope(ELSEWHERE, "accounts", "all"), Scope(HERE, "accounts", "remote")
    run_over(ledger, page(0, 200), page(0, 100, EMOJIS))
    run_over(ledger, page(0, 300, elsewhere))
    assert [finished(tmp_path, scope) for scope in (ACCOUNTS, EMOJIS, elsewhere, remote)] == [
        (ids(0, 200),),
        (ids(0, 100),),
        (ids(0, 300),),
        (),
    ]


def test_rows_of_any_id_have_their_place(ledger: Ledger, tmp_path: Path) -> None:
    bounds = ((SMALLEST, -99), (-99, 0), (0, 109_286_538_475_347_081), (2**62, LARGEST))
    seen = [ids(after, last) for after, last in bounds]
    run_over(ledger, *(RangeResult(ACCOUNTS, 1, page=one, finished=one) for one in seen))
    assert finished(tmp_path) == (ids(SMALLEST, 109_286_538_475_347_081), ids(2**62, LARGEST))


def test_an_empty_range_is_none(ledger: Ledger, tmp_path: Path) -> None:
    run_over(ledger, page(200, 200))
    assert finished(tmp_path) == ()


def test_a_part_of_the_rows_is_done_in_this_run_and_not_known_afterwards(ledger: Ledger, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), ledger.start(MEDIA_SYNC, "since") as job:  # noqa: PT012 - it must write first
        MediaRun(job).write([RangeResult(ACCOUNTS, 5, page=ids(0, 200))])
        raise KeyboardInterrupt
    with ledger.start(MEDIA_SYNC, "since") as job:
        assert MediaRun(job).done(ACCOUNTS) == (ids(0, 200),)
    with ledger.start(MEDIA_SYNC, "since") as job:
        assert MediaRun(job).done(ACCOUNTS) == ()
    assert finished(tmp_path) == ()
    assert ranges_stored(ledger) == 0


def test_what_an_earlier_run_has_found_is_not_done_in_this_one(ledger: Ledger, tmp_path: Path) -> None:
    run_over(ledger, page(0, 200))
    with ledger.start(MEDIA_SYNC) as job:
        assert MediaRun(job).done(ACCOUNTS) == ()
    assert finished(tmp_path) == (ids(0, 200),)


def test_a_run_that_is_carried_on_knows_all_it_has_done(ledger: Ledger) -> None:
    for number in range(3):
        with pytest.raises(KeyboardInterrupt), ledger.start(MEDIA_SYNC, "all") as job:  # noqa: PT012 - it must write first
            MediaRun(job).write([page(number * 200, (number + 1) * 200)])
            raise KeyboardInterrupt
    with ledger.start(MEDIA_SYNC, "all") as job:
        assert MediaRun(job).done(ACCOUNTS) == (ids(0, 600),)


def ranges_stored(ledger: Ledger) -> int:
    with ledger.file.writing() as connection:
        (number,) = connection.execute("SELECT count(*) FROM media_ranges").fetchone()
    return int(number)


def test_a_million_rows_take_a_few_lines_of_the_ledger(ledger: Ledger) -> None:
    numbers = [number ^ 3 for number in range(5000)]  # workers end pages out of order
    run_over(ledger, *(page(number * 200, (number + 1) * 200) for number in numbers))
    assert ranges_stored(ledger) == 2


_COVERS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(0, 5)), max_size=8)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(runs=st.lists(_COVERS, max_size=5))
def test_each_row_is_told_once_and_as_old_as_its_last_run_found_it(
    runs: list[list[tuple[int, int, int]]], ledger: Ledger, tmp_path: Path
) -> None:
    scope = Scope(str(next(destinations)), "accounts", "all")
    found: dict[int, float] = {}
    oldest: dict[int, float] = {}
    for covers in runs:
        of_this_run: dict[int, float] = {}
        for one, other, read in covers:
            for row in range(min(one, other) + 1, max(one, other) + 1):
                of_this_run[row] = min(read, of_this_run.get(row, read))
        run_over(ledger, *(page(min(one, other), max(one, other), scope, read) for one, other, read in covers))
        found |= of_this_run
        oldest |= dict.fromkeys(of_this_run, min(of_this_run.values(), default=0.0))
    told = finished(tmp_path, scope)
    assert all(one.last <= other.after for one, other in pairwise(told))
    by_row = {row: seen.read_timestamp_seconds for seen in told for row in range(seen.after + 1, seen.last + 1)}
    assert by_row.keys() == found.keys()
    assert all(oldest[row] <= read <= found[row] for row, read in by_row.items())


def test_what_one_run_found_under_two_kinds_of_acls_stays_two_ranges(ledger: Ledger, tmp_path: Path) -> None:
    under = [replace(ids(0, 5), acls="a"), replace(ids(5, 9), acls="b"), replace(ids(9, 12), acls="b")]
    with ledger.start(MEDIA_SYNC) as job:
        for one in under:
            MediaRun(job).write([RangeResult(ACCOUNTS, 1, page=one, finished=one)])
        whole = (under[0], replace(ids(5, 12), acls="b"))
        assert MediaRun(job).done(ACCOUNTS) == whole
        assert MediaRecord(tmp_path).finished(ACCOUNTS) == whole
        anew = replace(ids(3, 7), acls="a")
        MediaRun(job).write([RangeResult(ACCOUNTS, 1, finished=anew)])
    assert MediaRecord(tmp_path).finished(ACCOUNTS) == (replace(ids(0, 7), acls="a"), replace(ids(7, 12), acls="b"))
