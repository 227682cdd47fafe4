"""A run of the remedy: settle what earlier runs left, ask the hubs of all that were chosen, see it confirmed."""

import time
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from exporter.config import SubscriptionSettings
from exporter.ledger import ResubscribeResult as Result
from exporter.subscriptions.asking import Asking, Hubs, Postponed
from exporter.subscriptions.attempt import AccountResult, Attempt
from exporter.subscriptions.confirmations import Confirmations
from exporter.subscriptions.leftovers import NOT_VERIFIED, Leftovers
from exporter.subscriptions.run_record import RunRecord
from exporter.subscriptions.selection import Candidate, Candidates
from exporter.subscriptions.settling import Settling
from exporter.subscriptions.turns import Turn, Turns, in_turn

ASKED_AT_ONCE = 16
LOOK_SECONDS = 0.25
MOST_AWAITED = 2000
SKIPS_AT_ONCE = 1000


@dataclass(frozen=True)
class Plan:
    """What a run is to do: whom it asks, in which order, and whom it does not ask."""

    turns: Sequence[Turn] = ()
    skipped: Sequence[AccountResult] = ()

    @property
    def hosts(self) -> int:
        """The number of hosts that are asked."""
        return len({turn.host for turn in self.turns})


def planned_for(candidates: Iterator[Candidate]) -> Plan:
    """Return what is to be done with the accounts that were chosen; raises DatabaseError where they are read."""
    skipped: list[AccountResult] = []

    def askable() -> Iterator[Candidate]:
        for candidate in candidates:
            if candidate.why_not is None:
                yield candidate
            else:
                skipped.append(AccountResult(candidate.account_id, Result.SKIPPED, candidate.why_not))

    return Plan(in_turn(askable()), skipped)


@dataclass(frozen=True)
class Way:
    """How a run asks: by whom, as whom, how often, and how many hosts at once."""

    settings: SubscriptionSettings
    hubs: Hubs
    origin: str
    at_once: int = ASKED_AT_ONCE


@dataclass
class Resubscribing:
    """One run. Its methods raise DatabaseError and StoreError; what is open then is settled by the next run.

    `check` raises KeyboardInterrupt once the run is to stop; it is called where it may.
    """

    record: RunRecord
    way: Way
    candidates: Candidates
    settling: Settling
    check: Callable[[], None]
    confirmations: Confirmations = field(init=False)

    def __post_init__(self) -> None:
        """Begin with nobody to wait for."""
        self.confirmations = Confirmations(self.settling)

    def run(self, plan: Plan) -> None:
        """Do what was planned. KeyboardInterrupt: all that is under way has been settled and written down."""
        with self._settled_when_interrupted():
            chosen = {turn.account_id for turn in plan.turns}
            self._settle_broken_off(chosen).settle_kept(self.record.run_id, chosen)
            told = self.record.told()
            self._skip([one for one in plan.skipped if one.account_id not in told])
            self._ask_all([turn for turn in plan.turns if turn.account_id not in told])
        self.record.finish()

    def run_pending(self) -> None:
        """Settle what earlier runs left, and tell what became of it; nobody is asked."""
        with self._settled_when_interrupted():
            self._settle_broken_off(None).settle_pending(self.record.run_id)
        self.record.finish()

    def _settle_broken_off(self, chosen: AbstractSet[int] | None) -> Leftovers:
        leftovers = Leftovers(self.settling, self.way.settings.confirm_timeout_seconds)
        leftovers.await_broken_off(self.confirmations, self.record.run_id, chosen)
        self._look_until(lambda: True)
        return leftovers

    def _skip(self, skipped: Sequence[AccountResult]) -> None:
        for start in range(0, len(skipped), SKIPS_AT_ONCE):
            self.check()
            self.settling.skip(self.record.run_id, skipped[start : start + SKIPS_AT_ONCE])

    def _ask_all(self, remaining: Sequence[Turn]) -> None:
        turns = Turns(remaining, self.way.settings.host_delay_seconds)
        asking = Asking(
            self.record.run_id, self.way.origin, self.way.settings, self.way.hubs, self.candidates, self.settling
        )
        with self._asking(turns, asking) as threads:
            self._look_until(lambda: turns.are_over)
        for thread in threads:
            thread.result()

    @contextmanager
    def _asking(self, turns: Turns, asking: Asking) -> Iterator[list[Future[None]]]:
        with ThreadPoolExecutor(self.way.at_once, "asking") as pool:
            try:
                yield [pool.submit(self._take_turns, turns, asking) for _ in range(self.way.at_once)]
            finally:
                turns.close()

    def _take_turns(self, turns: Turns, asking: Asking) -> None:
        try:
            while (turn := self._next(turns)) is not None:
                self._take(turn, turns, asking)
        finally:
            turns.close()  # a failure here ends the run; without one all turns are over

    def _next(self, turns: Turns) -> Turn | None:
        while len(self.confirmations) >= MOST_AWAITED and not turns.is_closed:
            time.sleep(LOOK_SECONDS)
        return turns.take()

    def _take(self, turn: Turn, turns: Turns, asking: Asking) -> None:
        came_of_it = None
        try:
            came_of_it = asking.ask(turn.account_id, turn.tried)
            if isinstance(came_of_it, Attempt):
                self._await(came_of_it)
        finally:
            if isinstance(came_of_it, Postponed):
                turns.postpone(turn, came_of_it.wait_seconds, came_of_it.host_pause_seconds)
            else:
                turns.end(turn)

    def _await(self, attempt: Attempt) -> None:
        otherwise = AccountResult(attempt.account_id, Result.ACCEPTED, NOT_VERIFIED)
        self.confirmations.add(attempt, self.way.settings.confirm_timeout_seconds, otherwise)

    def _look_until(self, is_over: Callable[[], bool]) -> None:
        """Look after whom is waited for, until nobody is and `is_over` holds."""
        while not is_over() or len(self.confirmations):
            self.check()
            self.confirmations.look()
            self.settling.tell_pending()
            time.sleep(LOOK_SECONDS)

    @contextmanager
    def _settled_when_interrupted(self) -> Iterator[None]:
        try:
            yield
        except KeyboardInterrupt:
            self.confirmations.end_all()
            self.settling.tell_pending()
            raise
        self.settling.tell_pending()
