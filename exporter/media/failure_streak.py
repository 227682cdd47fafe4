"""Failures in a row: they are the objects' own fault only once something else goes well again."""

import threading
from collections.abc import Sequence
from typing import Generic, TypeVar

from exporter.errors import StoreRefused, StoreUnavailable
from exporter.ledger.names import MediaResult
from exporter.media.copying import Outcome

PATIENCE_OBJECTS = 200
"""When so many objects in a row could not be moved, for whatever reason, the next is not tried."""
PATIENCE_WHEN_SHUT = 10
"""So many where a store will have nothing more to do with anybody; one such answer may be due to an odd key."""

_WRITTEN = frozenset({MediaResult.COPIED, MediaResult.REPAIRED, MediaResult.REFETCHED})

Item = TypeVar("Item")


class FailureStreak(Generic[Item]):
    """Holds failures back until it is clear that the stores still do their work. Any thread may use it."""

    def __init__(self) -> None:
        self._held: list[tuple[Item, Outcome]] = []
        self._in_a_row = 0
        self._shut_in_a_row = 0
        self._lock = threading.Lock()

    def take(self, item: Item, outcome: Outcome, *, is_tried_again: bool = False) -> Sequence[tuple[Item, Outcome]]:
        """Return whose outcome holds for good now. Raises MediaStoreError where there is no point in going on.

        `is_tried_again`: it was in trouble before. Where little else is left to do, such come one after the other.
        """
        with self._lock:
            if outcome.result is MediaResult.FAILED and is_tried_again and not outcome.is_shut:
                return ((item, outcome),)
            if outcome.result is MediaResult.FAILED:
                self._hold(item, outcome)
                return ()
            self._in_a_row = 0
            # Who may write nothing more may still be told that an object is there.
            if self._shut_in_a_row and outcome.result not in _WRITTEN:
                return ((item, outcome),)
            self._shut_in_a_row = 0
            return (*self._all_held(), (item, outcome))

    def let_go(self) -> Sequence[tuple[Item, Outcome]]:
        """Return all that is held back."""
        with self._lock:
            return self._all_held()

    def _hold(self, item: Item, outcome: Outcome) -> None:
        self._held.append((item, outcome))
        self._in_a_row += 1
        self._shut_in_a_row += outcome.is_shut
        if self._shut_in_a_row >= PATIENCE_WHEN_SHUT:
            raise StoreRefused(
                f"the run ends here, for nothing can be moved until this is put right: {outcome.detail}. What was moved"
                " is recorded: run the same command again then"
            )
        if self._in_a_row >= PATIENCE_OBJECTS:
            raise StoreUnavailable(
                f"{PATIENCE_OBJECTS} objects in a row could not be moved, so the run ends here; the last one: "
                f"{outcome.detail}. What was moved is recorded: run the same command again once that has been seen to"
            )

    def _all_held(self) -> Sequence[tuple[Item, Outcome]]:
        held, self._held = self._held, []
        return held
