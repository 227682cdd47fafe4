"""Whose turn it is."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from exporter.subscriptions.selection import Candidate
from exporter.subscriptions.turns import Turn, Turns, hub_host, in_turn


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def candidate(account_id: int, domain: str, host: str | None = None) -> Candidate:
    return Candidate(account_id, domain, f"https://{host or domain}/hub", "https://topic.example")


def test_the_first_account_of_each_domain_comes_before_the_second_of_any() -> None:
    chosen = [candidate(1, "a"), candidate(2, "a"), candidate(3, "a"), candidate(4, "b"), candidate(5, "c")]
    assert [turn.account_id for turn in in_turn(chosen)] == [1, 4, 5, 2, 3]


def test_domains_of_one_hub_take_turns_too() -> None:
    chosen = [candidate(1, "a", "hub"), candidate(2, "a", "hub"), candidate(3, "b", "hub")]
    turns = Turns(in_turn(chosen), 0.0, Clock())
    assert taken_one_by_one(turns) == [1, 3, 2]


def taken_one_by_one(turns: Turns) -> list[int]:
    order = []
    while (turn := turns.take()) is not None:
        order.append(turn.account_id)
        turns.end(turn)
    return order


def test_a_host_has_one_request_at_a_time_and_then_a_pause() -> None:
    clock = Clock()
    turns = Turns([Turn(1, "a"), Turn(2, "a"), Turn(3, "b")], 5.0, clock)
    first, other = turns.take(), turns.take()
    assert (first, other) == (Turn(1, "a"), Turn(3, "b"))
    assert first is not None
    turns.end(first)
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(turns.take)
        assert not second.done()
        clock.seconds = 5.0
        assert other is not None
        turns.end(other)  # which wakes whoever waits
        assert second.result(timeout=10) == Turn(2, "a")


def test_a_host_that_wishes_to_be_left_alone_is_left_alone_with_all_its_accounts() -> None:
    clock = Clock()
    turns = Turns([Turn(1, "a"), Turn(2, "a")], 0.0, clock)
    first = turns.take()
    assert first is not None
    turns.postpone(first, 60.0, host_pause_seconds=60.0)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(turns.take)
        turns.close()
        assert waiting.result(timeout=10) is None


def test_an_account_that_is_postponed_lets_the_others_of_its_host_pass() -> None:
    clock = Clock()
    turns = Turns([Turn(1, "a"), Turn(2, "a")], 0.0, clock)
    first = turns.take()
    assert first is not None
    turns.postpone(first, 60.0)
    second = turns.take()
    assert second == Turn(2, "a")
    clock.seconds = 60.0
    turns.end(second)
    assert turns.take() == Turn(1, "a", tried=1)


def test_turns_are_over_only_when_nobody_can_come_back() -> None:
    turns = Turns([Turn(1, "a")], 0.0, Clock())
    turn = turns.take()
    assert turn is not None
    assert not turns.are_over
    turns.end(turn)
    assert turns.are_over
    assert turns.take() is None


def test_no_turns_are_over_at_once() -> None:
    turns = Turns([], 0.0)
    assert turns.are_over
    assert turns.take() is None


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://Hub.Example/push", "hub.example"),
        ("http://127.0.0.1:8080/x", "127.0.0.1:8080"),
        ("javascript:alert(1)", "javascript:alert(1)"),
        ("http://[", "http://["),
    ],
)
def test_requests_are_spaced_by_host_and_port(url: str, host: str) -> None:
    assert hub_host(url) == host
