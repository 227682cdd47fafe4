"""One store's pace: the turns that are allowed in a second, fewer while the store asks for less."""

import math
import threading
import time
from collections.abc import Callable

LONGEST_PAUSE_SECONDS = 120.0
LEAST_PER_SECOND = 1.0

_BURST_SECONDS = 0.1
_JUDGED_ANSWERS = 40
_JUDGED_SECONDS = 0.5
_JUDGED_AT_THE_LATEST_SECONDS = 5.0
_TOLERATED_SHARE = 0.05
_DEVIATIONS = 2.0
_SLOWED_TO_SHARE = 0.9
_HOPELESS_SHARE = 0.5
_HELPS_WITHIN_SECONDS = 5.0
_RECOVERY_SECONDS = 10.0
_UNBOUND_PER_SECOND = 100_000.0


class StorePace:
    """The turns of all threads that ask one store; thread-safe.

    Never more than `requests_per_second` (None: as fast as it goes). Where more than one answer in twenty says "slow
    down", nine tenths of what went well is what may be asked for from then on; where that does not help, because the
    store says so by chance and not for the pace, it is left at that. While things go well the pace comes back, slowly
    at first: doubled after 8 s, a thousandfold after 26 s. So a store with a limit of its own is kept close to it, and
    one that was away for a minute is soon asked as before.

    A `sleep` that returns early (the run is being stopped) ends the waiting.
    """

    def __init__(
        self,
        requests_per_second: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._most_per_second = math.inf if requests_per_second is None else requests_per_second
        self._clock = clock
        self._sleep = sleep
        self._state = threading.Lock()
        self._next_in_line = threading.Lock()
        self._limit_per_second = self._most_per_second
        self._last_turn = self._paused_until = -math.inf
        self._slowed_at = -math.inf
        self._slowed_to_per_second = self._most_per_second
        self._slowed_for_share = 0.0
        self._answers_since = clock()
        self._well = self._refused = 0

    @property
    def limit_per_second(self) -> float | None:
        """Return how many turns a second are given at present; None where nothing bounds them."""
        return None if self._limit_per_second == math.inf else self._limit_per_second

    def take_turn(self) -> None:
        """Return once a request may be sent."""
        if self._limit_per_second < math.inf or self._clock() < self._paused_until:
            with self._next_in_line:
                self._wait_for_turn()

    def slow_down(self, wait_seconds: float | None = None) -> None:
        """Have all threads ask more slowly, and not at all for `wait_seconds` (of which two minutes are believed)."""
        with self._state:
            now = self._clock()
            if wait_seconds is not None and wait_seconds > 0:
                self._pause(now, now + min(wait_seconds, LONGEST_PAUSE_SECONDS))
            self._refused += 1
            self._judge(now)

    def went_well(self) -> None:
        """Have the pace recover."""
        with self._state:
            now = self._clock()
            self._well += 1
            self._judge(now)
            if self._limit_per_second < self._most_per_second:
                self._limit_per_second = self._recovered(now)

    def _pause(self, now: float, until: float) -> None:
        longer_seconds = until - max(self._paused_until, now)
        if longer_seconds > 0:
            self._paused_until = until
            # Nothing can go well meanwhile, which says nothing of the pace.
            self._answers_since += longer_seconds

    def _wait_for_turn(self) -> None:
        due = self._due()
        while (wait_seconds := due - self._clock()) > 0:
            self._sleep(wait_seconds)
            was_due, due = due, self._due()
            if due <= was_due:
                break
        self._last_turn = max(due, self._clock() - _BURST_SECONDS)

    def _due(self) -> float:
        with self._state:
            return max(self._last_turn + 1 / self._limit_per_second, self._paused_until)

    def _judge(self, now: float) -> None:
        seconds = now - self._answers_since
        answers = self._well + self._refused
        are_many = _are_more_than_chance(self._refused, answers)
        few = answers < _JUDGED_ANSWERS and not are_many and seconds < _JUDGED_AT_THE_LATEST_SECONDS
        if seconds < _JUDGED_SECONDS or few:
            return
        share = self._refused / answers
        if are_many and not self._slowing_down_is_vain(share, now):
            slowed = min(_SLOWED_TO_SHARE * self._well / seconds, self._limit_per_second)
            self._limit_per_second = self._slowed_to_per_second = min(
                max(slowed, LEAST_PER_SECOND), self._most_per_second
            )
            self._slowed_at, self._slowed_for_share = now, share
        self._answers_since, self._well, self._refused = now, 0, 0

    def _slowing_down_is_vain(self, share: float, now: float) -> bool:
        just_slowed = now - self._slowed_at < _HELPS_WITHIN_SECONDS
        return just_slowed and self._slowed_for_share / 2 < share < _HOPELESS_SHARE

    def _recovered(self, now: float) -> float:
        well_for_seconds = max(now - max(self._slowed_at, self._paused_until), 0.0)
        growth = math.exp(min((well_for_seconds / _RECOVERY_SECONDS) ** 2, 100.0))
        recovered = self._slowed_to_per_second * growth
        return self._most_per_second if recovered > _UNBOUND_PER_SECOND else min(recovered, self._most_per_second)


def _are_more_than_chance(refused: int, answers: int) -> bool:
    """Tell whether more than the tolerated share was refused, and not by chance among few answers."""
    tolerated = _TOLERATED_SHARE * answers
    return refused > tolerated + _DEVIATIONS * math.sqrt(tolerated * (1 - _TOLERATED_SHARE))
