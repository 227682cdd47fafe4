"""Counts that are made beside the scrapes: how often, and what is shown meanwhile."""

import threading
import time
from collections.abc import Callable

import pytest

from exporter.collectors.background_count import BackgroundCount
from exporter.errors import DatabaseError

INTERVAL_SECONDS = 300.0


class Counted:
    """A store with a number to count, which may refuse it, and a clock that is turned by hand."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.number = 1
        self.refusal = ""
        self.times = 0
        self.may_end = threading.Event()
        self.may_end.set()
        self.background: BackgroundCount[int] = BackgroundCount("numbers", INTERVAL_SECONDS, lambda: self.seconds)

    def count(self) -> int:
        self.times += 1
        self.may_end.wait(10)
        if self.refusal:
            raise DatabaseError(self.refusal)
        return self.number

    def shown(self, about: object = "a") -> int:
        return self.background.latest(self.count, about)

    def settled(self, about: object = "a") -> int:
        """Return what is shown once nothing is being counted any more."""
        self.shown(about)
        eventually(lambda: not self.background.is_under_way)
        return self.shown(about)


def eventually(condition: Callable[[], object]) -> None:
    give_up = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < give_up, "waited in vain"
        time.sleep(0.01)


@pytest.fixture
def counted() -> Counted:
    return Counted()


def test_the_first_count_is_waited_for(counted: Counted) -> None:
    counted.may_end.clear()
    threading.Timer(0.05, counted.may_end.set).start()
    assert counted.shown() == 1


def test_the_last_answer_is_shown_until_the_next_is_there(counted: Counted) -> None:
    assert counted.shown() == 1
    counted.number = 2
    counted.seconds += INTERVAL_SECONDS - 1
    assert (counted.settled(), counted.times) == (1, 1)
    counted.seconds += 1
    counted.may_end.clear()
    assert [counted.shown(), counted.shown()] == [1, 1]
    counted.may_end.set()
    assert (counted.settled(), counted.times) == (2, 2)


def test_a_failure_is_not_repeated_before_its_time(counted: Counted) -> None:
    counted.refusal = "not now"
    for _ in range(6):
        with pytest.raises(DatabaseError, match="not now"):
            counted.shown()
    assert counted.times == 1
    counted.refusal = ""
    counted.seconds += INTERVAL_SECONDS
    assert (counted.shown(), counted.times) == (1, 2)


def test_after_a_failure_the_last_good_answer_stays_and_one_line_tells_of_it(
    counted: Counted, caplog: pytest.LogCaptureFixture
) -> None:
    assert counted.shown() == 1
    counted.refusal = "not now"
    for _ in range(3):
        counted.seconds += INTERVAL_SECONDS
        assert [counted.settled() for _ in range(3)] == [1, 1, 1]
    assert counted.times == 4
    assert [record.getMessage() for record in caplog.records] == ["a count has failed"]


def test_what_is_about_something_else_is_counted_before_its_time(counted: Counted) -> None:
    assert counted.shown("a") == 1
    counted.number = 2
    assert counted.settled("b") == 2


def test_a_clock_that_is_set_back_puts_nothing_off(counted: Counted) -> None:
    assert counted.shown() == 1
    counted.number = 2
    counted.seconds -= 1e8
    assert counted.settled() == 2


def test_what_is_forgotten_is_not_shown(counted: Counted) -> None:
    assert counted.shown() == 1
    counted.number = 2
    counted.background.forget()
    assert counted.shown() == 2
