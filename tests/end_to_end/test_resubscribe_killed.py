"""`resubscribe` killed at any instant: the next run finishes what it left, and no secret is lost."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from tests.postgres import Postgres
from tests.subscriptions.resubscribe_world import World, world

KILLS = 50 if os.environ.get("SOAK") == "full" else 20
SIDE_BY_SIDE = 2
MOST_KILLS_IN_A_ROW = 3
PATIENCE_SECONDS = 60.0
# What each hub does, and how many accounts it has.
HUBS = {"prompt": 24, "twice": 4, "gnusocial": 4, "cut-after-taking": 4, "busy": 4, "deny": 4, "refuse": 4, "silent": 4}
ASKED_ONCE = {"prompt", "twice", "gnusocial", "cut-after-taking", "deny"}
"""By the time of the next run all is known of them, whatever the killed one saw."""
EXPECTED = {"deny": "refused", "refuse": "refused", "silent": "accepted"}


@pytest.fixture
def worlds(postgres: Postgres, tmp_path: Path) -> Iterator[list[World]]:
    """Give servers that know nothing of each other: most of a run is waiting, so one is killed beside another."""
    with ExitStack() as stack:
        folders = [tmp_path / str(number) for number in range(SIDE_BY_SIDE)]
        yield [stack.enter_context(killable_world(postgres.new_database("2.9"), folder)) for folder in folders]


@contextmanager
def killable_world(database: str, folder: Path) -> Iterator[World]:
    folder.mkdir()
    with world(database, folder) as made:
        made.settings["confirm_timeout"] = "1s"
        yield made


@pytest.mark.slow
def test_a_run_after_any_number_of_kills_leaves_each_secret_known_and_asks_and_counts_nobody_twice(
    worlds: list[World],
) -> None:
    with ThreadPoolExecutor(SIDE_BY_SIDE) as side_by_side:
        chances = [random.Random(f"kill {KILLS} {number}") for number in range(SIDE_BY_SIDE)]
        assert sum(side_by_side.map(kill_again_and_again, worlds, chances)) == KILLS


def kill_again_and_again(world: World, chance: random.Random) -> int:
    """Kill runs, look each time what the next one makes of what they left, and return how many were killed."""
    kills = accounts_so_far = 0
    while kills < KILLS // SIDE_BY_SIDE:
        accounts = add_accounts(world)
        accounts_so_far += len(accounts)
        expiries = world.expiries()
        in_a_row = min(chance.randint(1, MOST_KILLS_IN_A_ROW), KILLS // SIDE_BY_SIDE - kills)
        if all(kill_one_run(world, chance, accounts) for _ in range(in_a_row)):
            kills += in_a_row
            check_what_the_next_run_makes_of_it(world, accounts, expiries)
        assert sum(world.counted().values()) == accounts_so_far
        remove_accounts(world)
    return kills


def check_what_the_next_run_makes_of_it(
    world: World, accounts: Mapping[int, str], expiries: Mapping[int, datetime]
) -> None:
    ended = world.resubscribe("--all")
    world.hub.wait_until_verified()
    expected = {one: EXPECTED.get(what, "confirmed") for one, what in accounts.items()}
    assert ended.results == expected, ended.errors
    assert world.at_odds(list(accounts)) == []
    asked_once = [one for one, what in accounts.items() if what in ASKED_ONCE]
    assert {one: world.times_asked(one) for one in asked_once} == dict.fromkeys(asked_once, 1)
    after = world.expiries()
    assert [one for one, what in accounts.items() if what == "deny" and after[one] != expiries[one]] == []


def add_accounts(world: World) -> dict[int, str]:
    """Add the accounts of all hubs, and return what their hubs do."""
    with world.opened() as writing:
        return {
            world.add_to(writing, behaviour, f"{behaviour}{number % 4}.localhost"): behaviour
            for behaviour, count in HUBS.items()
            for number in range(count)
        }


def kill_one_run(world: World, chance: random.Random, accounts: Mapping[int, str]) -> bool:
    """Begin a run and kill it a moment after the hub has been asked some number of times; False if it ended before."""
    remaining = sum(not world.times_asked(one) for one in accounts)
    asked = len(world.hub.asked) + chance.randint(0, remaining)
    process = subprocess.Popen(
        world.command("--all", "--yes"), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    give_up = time.monotonic() + PATIENCE_SECONDS
    while process.poll() is None and len(world.hub.asked) < asked:
        assert time.monotonic() < give_up
        time.sleep(0.001)
    time.sleep(chance.random() * 0.1)  # the instant is what chance makes it
    process.kill()
    world.hub.wait_until_verified()
    return process.wait() == -signal.SIGKILL


def remove_accounts(world: World) -> None:
    with world.opened() as writing:
        writing.execute("DELETE FROM accounts WHERE domain IS NOT NULL")
