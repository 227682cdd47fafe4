import pytest

from exporter.ledger import RangeResult, Scope
from exporter.media.missing_share import JUDGED_OBJECTS, MissingShare

SCOPE = Scope("d1", "accounts", "all")


def told_of(*pages: dict[str, int]) -> list[str]:
    said: list[str] = []
    share = MissingShare(said.append)
    for objects in pages:
        share.recorded([RangeResult(SCOPE, 1, objects)])
    share.judge()
    return said


@pytest.mark.parametrize(
    ("objects", "is_said"),
    [
        ({}, False),
        ({"missing": 1}, True),
        ({"missing": 9, "copied": 1}, False),
        ({"missing": 91, "copied": 9}, True),
        ({"missing": 91, "present": 909}, False),
    ],
)
def test_a_source_that_has_next_to_nothing_is_asked_about(objects: dict[str, int], is_said: bool) -> None:
    assert bool(told_of(objects)) is is_said


def test_the_first_objects_decide_and_it_is_said_once() -> None:
    missing, copied = {"missing": JUDGED_OBJECTS // 2}, {"copied": JUDGED_OBJECTS // 2}
    assert told_of(missing, missing, copied, missing) == [
        "1000 of the first 1000 objects are nowhere: are `source.bucket` and its `prefix` right?"
    ]
    assert told_of(copied, copied, *[missing] * 100) == []


@pytest.mark.parametrize(
    ("before", "is_said"), [({"copied": 1000}, False), ({"copied": 30}, False), ({"copied": 5}, True), ({}, True)]
)
def test_what_was_found_before_a_run_was_cut_short_counts(before: dict[str, int], is_said: bool) -> None:
    said: list[str] = []
    share = MissingShare(said.append, before=before)
    share.recorded([RangeResult(SCOPE, 1, {"missing": 200})])
    share.judge()
    assert bool(said) is is_said


def test_it_is_said_before_the_run_is_over() -> None:
    said: list[str] = []
    followed: list[RangeResult] = []
    results = [RangeResult(SCOPE, 1, {"missing": JUDGED_OBJECTS})]
    MissingShare(said.append, followed.extend).recorded(results)
    assert len(said) == 1
    assert followed == results
