"""Waiting for hubs to verify: all accounts that are waited for are looked at together."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from exporter.subscriptions.attempt import AccountResult, Attempt
from exporter.subscriptions.judgement import is_settled_by
from exporter.subscriptions.settling import Settling


@dataclass(frozen=True)
class Awaited:
    """An attempt that is waited for until `ends_seconds`; then `otherwise` is told of it (see Settling.settle).

    `unmoved` is when its row was last seen with the old expiry, None before the first look.
    """

    attempt: Attempt
    ends_seconds: float
    otherwise: AccountResult | None
    unmoved: datetime | None = None


class Confirmations:
    """The attempts that are waited for. Any thread may add one; one thread looks at them."""

    def __init__(self, settling: Settling, clock: Callable[[], float] = time.monotonic) -> None:
        self._settling = settling
        self._clock = clock
        self._awaited: dict[int, Awaited] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Return how many are waited for."""
        return len(self._awaited)

    def add(self, attempt: Attempt, timeout_seconds: float, otherwise: AccountResult | None) -> None:
        """Wait for an attempt."""
        awaited = Awaited(attempt, self._clock() + timeout_seconds, otherwise)
        with self._lock:
            self._awaited[attempt.account_id] = awaited

    def look(self) -> None:
        """Settle those whose accounts have changed and those whose time is up; raises what Settling raises."""
        everyone = self._everyone()
        rows = self._settling.rows.look([one.attempt.account_id for one in everyone])
        now = self._clock()
        for one in everyone:
            row = rows.get(one.attempt.account_id)
            if row is None or is_settled_by(one.attempt, row):
                self._end(one)
            elif now >= one.ends_seconds:
                self._end(replace(one, unmoved=row.seen))
            else:
                self._note(replace(one, unmoved=row.seen))

    def end_all(self) -> None:
        """Settle all of them as if their time were up."""
        for one in self._everyone():
            self._end(one)

    def _end(self, awaited: Awaited) -> None:
        self._settling.settle(awaited.attempt, awaited.otherwise, awaited.unmoved)
        with self._lock:
            del self._awaited[awaited.attempt.account_id]

    def _note(self, awaited: Awaited) -> None:
        with self._lock:
            self._awaited[awaited.attempt.account_id] = awaited

    def _everyone(self) -> list[Awaited]:
        with self._lock:
            return list(self._awaited.values())
