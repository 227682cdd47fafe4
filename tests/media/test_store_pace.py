"""How fast a store may be asked, in a time that passes only when somebody waits."""

import itertools
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.media.pace import Pace
from exporter.media.store_pace import LEAST_PER_SECOND, LONGEST_PAUSE_SECONDS, StorePace


@dataclass
class Time:
    """A clock that moves when somebody sleeps."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def pace(self, requests_per_second: float | None = None) -> StorePace:
        return StorePace(requests_per_second, self.clock, self.sleep)


@dataclass
class LimitedStore:
    """A store that answers `limit_per_second`, and says "slow down" to all that is above it."""

    limit_per_second: float
    allowed: float = 10.0
    last: float = 1000.0

    def answers_well(self, now: float) -> bool:
        self.allowed = min(self.allowed + (now - self.last) * self.limit_per_second, 10.0)
        self.last = now
        if self.allowed < 1:
            return False
        self.allowed -= 1
        return True


@dataclass
class Asked:
    well: int = 0
    refused: int = 0

    @property
    def refused_share(self) -> float:
        return self.refused / (self.well + self.refused)


def ask_for(seconds: float, pace: Pace, at: Time, answers_well: Callable[[float], bool]) -> Asked:
    """Ask for so long, a millisecond a request: a thousand a second where nobody says anything."""
    asked = Asked()
    end = at.now + seconds
    while at.now < end:
        pace.take_turn()
        at.now += 0.001
        if answers_well(at.now):
            pace.went_well()
            asked.well += 1
        else:
            pace.slow_down()
            asked.refused += 1
    return asked


def always(_now: float) -> bool:
    return True


def never(_now: float) -> bool:
    return False


def test_without_a_limit_nobody_ever_waits() -> None:
    at = Time()
    ask_for(5, at.pace(), at, always)
    assert at.slept == []


@given(
    st.floats(0.1, 2000),
    st.lists(st.one_of(st.just(0.0), st.floats(0, 3)), min_size=1, max_size=200),
    st.floats(0.01, 10),
)
def test_no_stretch_of_time_sees_more_turns_than_the_limit_allows(
    limit_per_second: float, gaps_seconds: list[float], stretch_seconds: float
) -> None:
    at = Time()
    pace = at.pace(limit_per_second)
    turns = []
    for gap_seconds in gaps_seconds:
        at.now += gap_seconds
        pace.take_turn()
        pace.went_well()
        turns.append(at.now)
    allowed = 1 + limit_per_second * (stretch_seconds + 0.1) + 1e-6
    for first, start in enumerate(turns):
        inside = itertools.takewhile(lambda turn, start=start: turn < start + stretch_seconds, turns[first:])  # type: ignore[misc]  # mypy types no lambda with a default
        assert sum(1 for _ in inside) <= allowed


def test_a_limit_is_used_to_the_full() -> None:
    at = Time()
    assert ask_for(60, at.pace(150), at, always).well == pytest.approx(60 * 150, rel=0.01)


def test_threads_together_keep_to_the_limit() -> None:
    pace = StorePace(400)
    turns: list[float] = []
    start = time.monotonic()

    def ask() -> None:
        while time.monotonic() < start + 0.5:
            pace.take_turn()
            turns.append(time.monotonic())
            pace.went_well()

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 8 < len(turns) <= 400 * (max(turns) - start + 0.1) + 1


def test_the_wait_a_store_asks_for_is_kept_by_everybody() -> None:
    at = Time()
    pace = at.pace()
    pace.slow_down(7.0)
    pace.take_turn()
    assert at.now == pytest.approx(1007)


def test_a_longer_wait_that_comes_in_while_one_waits_is_kept_too() -> None:
    at = Time()

    def sleep(seconds: float) -> None:
        if not at.slept:
            pace.slow_down(20.0)
        at.sleep(seconds)

    pace = StorePace(None, at.clock, sleep)
    pace.slow_down(5.0)
    pace.take_turn()
    assert at.now == pytest.approx(1020)


@pytest.mark.parametrize("wait_seconds", [86400.0, float("inf")])
def test_a_store_cannot_stop_the_run_for_hours(wait_seconds: float) -> None:
    at = Time()
    pace = at.pace()
    pace.slow_down(wait_seconds)
    pace.take_turn()
    assert at.now <= 1000 + LONGEST_PAUSE_SECONDS + 1e-6


@pytest.mark.parametrize("wait_seconds", [0.0, -5.0, float("nan"), None])
def test_a_wait_that_is_none_is_none(wait_seconds: float | None) -> None:
    at = Time()
    pace = at.pace()
    pace.slow_down(wait_seconds)
    pace.take_turn()
    assert at.slept == []


def test_a_sleep_that_is_cut_short_ends_the_waiting() -> None:
    waits: list[float] = []
    pace = StorePace(0.001, lambda: 1000.0, waits.append)
    for _ in range(5):
        pace.take_turn()
    assert len(waits) == 4


@pytest.mark.parametrize(("limit_per_second", "refused_share"), [(5, 0.12), (30, 0.06), (150, 0.06), (600, 0.06)])
def test_a_store_with_a_limit_of_its_own_is_kept_close_to_it(limit_per_second: int, refused_share: float) -> None:
    at = Time()
    pace = at.pace()
    store = LimitedStore(limit_per_second)
    ask_for(10, pace, at, store.answers_well)
    asked = ask_for(120, pace, at, store.answers_well)
    assert asked.well > 0.85 * 120 * limit_per_second
    assert asked.refused_share < refused_share


@pytest.mark.parametrize("share", [0.01, 0.05, 0.1])
def test_a_store_that_says_slow_down_by_chance_is_still_asked(share: float) -> None:
    at = Time()
    chance = random.Random(7)
    asked = ask_for(120, at.pace(), at, lambda _now: chance.random() > share)
    assert asked.well > 0.6 * (1 - share) * 120 * 1000


@pytest.mark.parametrize("share", [0.001, 0.01])
def test_a_pause_that_a_store_asks_for_by_chance_costs_nothing_but_itself(share: float) -> None:
    at = Time()
    chance = random.Random(7)
    pace = at.pace()
    pauses = 0
    for _ in range(20_000):
        pace.take_turn()
        at.now += 0.001
        if chance.random() > share:
            pace.went_well()
        else:
            pace.slow_down(1.0)
            pauses += 1
    assert pauses > 0
    assert at.now - 1000 < 1.1 * (20 + pauses)


@pytest.mark.parametrize("seed", range(5))
def test_a_few_refusals_among_few_answers_are_taken_for_chance(seed: int) -> None:
    at = Time()
    chance = random.Random(seed)
    asked = ask_for(120, at.pace(20), at, lambda _now: chance.random() > 0.03)
    assert asked.well > 0.91 * 120 * 20


def test_a_store_that_is_away_is_asked_once_a_second() -> None:
    at = Time()
    pace = at.pace()
    ask_for(2, pace, at, never)
    assert ask_for(60, pace, at, never).refused <= 61 * LEAST_PER_SECOND
    assert pace.limit_per_second == LEAST_PER_SECOND


def test_a_store_that_was_away_is_soon_asked_as_before() -> None:
    at = Time()
    pace = at.pace()
    ask_for(60, pace, at, never)
    ask_for(30, pace, at, always)
    assert ask_for(5, pace, at, always).well > 0.95 * 5000


def test_a_pace_that_has_come_back_keeps_to_the_limit_of_the_configuration() -> None:
    at = Time()
    pace = at.pace(200)
    ask_for(5, pace, at, never)
    ask_for(60, pace, at, always)
    assert pace.limit_per_second == 200
    assert ask_for(10, pace, at, always).well <= 10.2 * 200


def test_a_limit_below_one_a_second_is_kept_after_a_slow_down() -> None:
    at = Time()
    pace = at.pace(0.2)
    asked = ask_for(100, pace, at, never)
    assert asked.refused <= 22


def test_nothing_bounds_a_pace_that_has_come_back_wholly() -> None:
    at = Time()
    pace = at.pace()
    ask_for(2, pace, at, never)
    assert pace.limit_per_second is not None
    ask_for(60, pace, at, always)
    assert pace.limit_per_second is None
