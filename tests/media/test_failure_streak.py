import pytest

from exporter.errors import StoreRefused, StoreUnavailable
from exporter.ledger import MediaResult
from exporter.media.copying import Outcome
from exporter.media.failure_streak import PATIENCE_OBJECTS, PATIENCE_WHEN_SHUT, FailureStreak

FAILED = Outcome(MediaResult.FAILED, detail="403")
SHUT = Outcome(MediaResult.FAILED, detail="InvalidAccessKeyId", is_shut=True)
COPIED = Outcome(MediaResult.COPIED)
PRESENT = Outcome(MediaResult.PRESENT)


def test_failures_are_held_back_until_something_goes_well() -> None:
    streak = FailureStreak[int]()
    assert streak.take(1, FAILED) == ()
    assert streak.take(2, FAILED) == ()
    assert streak.take(3, PRESENT) == ((1, FAILED), (2, FAILED), (3, PRESENT))
    assert streak.take(4, COPIED) == ((4, COPIED),)


def test_what_is_held_back_can_be_had_at_the_end() -> None:
    streak = FailureStreak[int]()
    streak.take(1, FAILED)
    assert list(streak.let_go()) == [(1, FAILED)]
    assert list(streak.let_go()) == []


def test_too_many_failures_in_a_row_end_it() -> None:
    streak = FailureStreak[int]()
    for _ in range(2):
        for number in range(PATIENCE_OBJECTS - 1):
            assert streak.take(number, FAILED) == ()
        assert len(streak.take(0, COPIED)) == PATIENCE_OBJECTS
    for number in range(PATIENCE_OBJECTS - 1):
        streak.take(number, FAILED)
    with pytest.raises(StoreUnavailable, match="403"):
        streak.take(0, FAILED)


def test_what_has_failed_before_may_fail_again_as_often_as_it_likes() -> None:
    streak = FailureStreak[int]()
    for _ in range(2 * PATIENCE_OBJECTS):
        assert streak.take(1, FAILED, is_tried_again=True) == ((1, FAILED),)
    for _ in range(PATIENCE_WHEN_SHUT - 1):
        assert streak.take(1, SHUT, is_tried_again=True) == ()
    with pytest.raises(StoreRefused):
        streak.take(1, SHUT, is_tried_again=True)


def test_a_store_that_is_shut_ends_it_soon_whatever_it_can_still_tell() -> None:
    streak = FailureStreak[int]()
    for _ in range(PATIENCE_WHEN_SHUT - 1):
        streak.take(1, SHUT)
        assert streak.take(2, PRESENT) == ((2, PRESENT),)
    with pytest.raises(StoreRefused, match="InvalidAccessKeyId"):
        streak.take(1, SHUT)


def test_an_odd_object_that_a_store_will_not_have_ends_nothing() -> None:
    streak = FailureStreak[int]()
    for _ in range(10 * PATIENCE_WHEN_SHUT):
        streak.take(1, SHUT)
        assert streak.take(2, COPIED) == ((1, SHUT), (2, COPIED))
