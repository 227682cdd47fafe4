"""What all transfers hold together."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.errors import StoreUnavailable
from exporter.media.byte_budget import ByteBudget

WAIT_SECONDS = 20


@contextmanager
def in_a_thread(work: "Transfer") -> Iterator["Transfer"]:
    thread = threading.Thread(target=work.run, daemon=True)
    thread.start()
    yield work
    work.may_end.set()
    thread.join(WAIT_SECONDS)
    assert not thread.is_alive()


@dataclass
class Transfer:
    """Takes one size after the other, the later ones when it is told to, and ends when it is told to."""

    budget: ByteBudget
    sizes_bytes: tuple[int, ...]
    has: list[threading.Event] = field(default_factory=list)
    may_take: list[threading.Event] = field(default_factory=list)
    may_end: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.has = [threading.Event() for _ in self.sizes_bytes]
        self.may_take = [threading.Event() for _ in self.sizes_bytes]
        self.may_take[0].set()

    def run(self) -> None:
        with self.budget.hold() as held:
            for size_bytes, may_take, has in zip(self.sizes_bytes, self.may_take, self.has, strict=True):
                may_take.wait(WAIT_SECONDS)
                held.grow_to(size_bytes)
                has.set()
            self.may_end.wait(WAIT_SECONDS)


def waiting(budget: ByteBudget, many: int) -> None:
    """Return once so many stand in the queue."""
    moment = threading.Event()
    for _ in range(WAIT_SECONDS * 1000):
        if budget.waiting == many:
            return
        moment.wait(0.001)
    pytest.fail(f"{budget.waiting} wait, not {many}")


def test_what_fits_is_held_at_once() -> None:
    budget = ByteBudget(100)
    with budget.hold() as held:
        held.grow_to(60)
        held.grow_to(100)
        assert budget.held_bytes == 100
    assert budget.held_bytes == 0


def test_less_than_is_held_changes_nothing() -> None:
    budget = ByteBudget(100)
    with budget.hold() as held:
        held.grow_to(60)
        held.grow_to(10)
        assert budget.held_bytes == 60


def test_a_transfer_that_fails_gives_back_what_it_held() -> None:
    budget = ByteBudget(100)

    def fail() -> None:
        with budget.hold() as held:
            held.grow_to(60)
            raise StoreUnavailable("gone")

    with pytest.raises(StoreUnavailable):
        fail()
    assert budget.held_bytes == 0


def test_who_does_not_fit_waits_until_enough_is_free() -> None:
    budget = ByteBudget(100)
    with in_a_thread(Transfer(budget, (60,))) as first:
        assert first.has[0].wait(WAIT_SECONDS)
        with in_a_thread(Transfer(budget, (50,))) as second:
            waiting(budget, 1)
            assert not second.has[0].is_set()
            first.may_end.set()
            assert second.has[0].wait(WAIT_SECONDS)


def test_a_large_object_is_not_overtaken_by_small_ones() -> None:
    budget = ByteBudget(100)
    with in_a_thread(Transfer(budget, (60,))) as first:
        assert first.has[0].wait(WAIT_SECONDS)
        with in_a_thread(Transfer(budget, (100,))) as large:
            waiting(budget, 1)
            with in_a_thread(Transfer(budget, (1,))) as small:
                waiting(budget, 2)
                first.may_end.set()
                assert large.has[0].wait(WAIT_SECONDS)
                assert not small.has[0].is_set()
                large.may_end.set()
                assert small.has[0].wait(WAIT_SECONDS)


def test_who_holds_some_already_comes_before_who_holds_nothing() -> None:
    budget = ByteBudget(100)
    with (
        in_a_thread(Transfer(budget, (30,))) as first,
        in_a_thread(Transfer(budget, (30, 70))) as growing,
    ):
        assert first.has[0].wait(WAIT_SECONDS)
        assert growing.has[0].wait(WAIT_SECONDS)
        with in_a_thread(Transfer(budget, (50,))) as beginning:
            waiting(budget, 1)
            growing.may_take[1].set()
            assert growing.has[1].wait(WAIT_SECONDS)
            assert not beginning.has[0].is_set()
            growing.may_end.set()
            assert beginning.has[0].wait(WAIT_SECONDS)


def test_two_that_wait_for_each_other_both_come_to_an_end() -> None:
    budget = ByteBudget(100)
    with in_a_thread(Transfer(budget, (50, 80))) as one, in_a_thread(Transfer(budget, (50, 80))) as other:
        assert one.has[0].wait(WAIT_SECONDS)
        assert other.has[0].wait(WAIT_SECONDS)
        one.may_take[1].set()
        waiting(budget, 1)
        other.may_take[1].set()
        assert one.has[1].wait(WAIT_SECONDS)
        assert not other.has[1].is_set()
        one.may_end.set()
        assert other.has[1].wait(WAIT_SECONDS)


def test_what_is_larger_than_the_whole_budget_is_served_when_it_is_alone() -> None:
    budget = ByteBudget(100)
    with in_a_thread(Transfer(budget, (10,))) as first:
        assert first.has[0].wait(WAIT_SECONDS)
        with in_a_thread(Transfer(budget, (500,))) as large:
            waiting(budget, 1)
            first.may_end.set()
            assert large.has[0].wait(WAIT_SECONDS)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 200), st.integers(2, 8), st.integers(0, 1_000_000))
def test_threads_that_each_take_once_never_hold_more_than_the_budget_and_all_end(
    budget_bytes: int, threads: int, seed: int
) -> None:
    budget = ByteBudget(budget_bytes)
    seen: list[int] = []

    def work(chance: random.Random) -> None:
        for _ in range(50):
            with budget.hold() as held:
                held.grow_to(chance.randint(0, budget_bytes))
                seen.append(budget.held_bytes)

    run_all([threading.Thread(target=work, args=(random.Random(seed + one),), daemon=True) for one in range(threads)])
    assert max(seen) <= budget_bytes
    assert budget.held_bytes == 0


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 200), st.integers(2, 8), st.integers(0, 1_000_000))
def test_threads_that_grow_again_and_again_all_end(budget_bytes: int, threads: int, seed: int) -> None:
    budget = ByteBudget(budget_bytes)

    def work(chance: random.Random) -> None:
        for _ in range(30):
            with budget.hold() as held:
                for _ in range(chance.randint(1, 4)):
                    held.grow_to(chance.randint(0, 2 * budget_bytes))

    run_all([threading.Thread(target=work, args=(random.Random(seed + one),), daemon=True) for one in range(threads)])
    assert budget.held_bytes == 0
    assert budget.waiting == 0


def run_all(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_SECONDS)
    assert not any(thread.is_alive() for thread in threads), "a transfer waits for ever"
