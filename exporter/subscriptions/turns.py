"""Whose turn it is: round-robin over domains, one request at a time to a host, and a pause between two."""

import heapq
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count
from urllib.parse import urlsplit

from exporter.subscriptions.selection import Candidate


@dataclass(frozen=True, slots=True)
class Turn:
    """An account whose hub, at `host`, is to be asked; `tried` so many times before."""

    account_id: int
    host: str
    tried: int = 0


@dataclass(slots=True)
class _Host:
    ready_seconds: float = 0.0
    queue: list[tuple[float, int, Turn]] = field(default_factory=list)

    @property
    def next_seconds(self) -> float:
        return max(self.ready_seconds, self.queue[0][0])


def in_turn(candidates: Iterable[Candidate]) -> list[Turn]:
    """Return the accounts to ask, the first of each domain before the second of any."""
    seen: dict[str, int] = {}
    placed = []
    for candidate in candidates:
        place = seen.get(candidate.domain, 0)
        seen[candidate.domain] = place + 1
        placed.append((place, Turn(candidate.account_id, hub_host(candidate.hub_url))))
    placed.sort(key=lambda one: one[0])
    return [turn for _, turn in placed]


def hub_host(hub_url: str) -> str:
    """Return what a hub's requests are spaced by: its host and port; the text itself where it is no URL."""
    try:
        return urlsplit(hub_url).netloc.lower() or hub_url
    except ValueError:
        return hub_url


class Turns:
    """The turns that remain, for several threads. `host_delay_seconds` lie between two requests to one host."""

    def __init__(
        self, turns: Iterable[Turn], host_delay_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._delay_seconds = host_delay_seconds
        self._clock = clock
        self._order = count()
        self._hosts: dict[str, _Host] = {}
        self._waiting: list[tuple[float, int, str]] = []
        self._out = 0
        self._is_closed = False
        self._changed = threading.Condition()
        for turn in turns:
            self._hosts.setdefault(turn.host, _Host()).queue.append((0.0, next(self._order), turn))
        for name, host in self._hosts.items():
            self._line_up(name, host)

    @property
    def are_over(self) -> bool:
        """Whether nobody has a turn, and nobody will."""
        with self._changed:
            return not self._out and (self._is_closed or not self._waiting)

    @property
    def is_closed(self) -> bool:
        """Whether no more turns are given."""
        return self._is_closed

    def take(self) -> Turn | None:
        """Wait for the next turn, and take it; None when there are no more, or none are given any more."""
        with self._changed:
            while not self._is_closed and (self._waiting or self._out):
                wait_seconds = self._waiting[0][0] - self._clock() if self._waiting else None
                if wait_seconds is not None and wait_seconds <= 0:
                    return self._taken()
                self._changed.wait(wait_seconds)
            return None

    def end(self, turn: Turn, host_pause_seconds: float = 0.0) -> None:
        """Give a turn back that was taken; its host is left alone for the usual delay, or longer if it wishes."""
        self._give_back(turn, host_pause_seconds, ())

    def postpone(self, turn: Turn, wait_seconds: float, host_pause_seconds: float = 0.0) -> None:
        """Give a turn back that has to be taken once more, after so many seconds."""
        again = Turn(turn.account_id, turn.host, turn.tried + 1)
        self._give_back(turn, host_pause_seconds, ((self._clock() + wait_seconds, next(self._order), again),))

    def close(self) -> None:
        """Give no more turns."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _taken(self) -> Turn:
        _, _, name = heapq.heappop(self._waiting)
        self._out += 1
        return heapq.heappop(self._hosts[name].queue)[2]

    def _give_back(self, turn: Turn, pause_seconds: float, again: Iterable[tuple[float, int, Turn]]) -> None:
        with self._changed:
            host = self._hosts[turn.host]
            host.ready_seconds = self._clock() + max(self._delay_seconds, pause_seconds)
            for one in again:
                heapq.heappush(host.queue, one)
            self._out -= 1
            if host.queue:
                self._line_up(turn.host, host)
            self._changed.notify_all()

    def _line_up(self, name: str, host: _Host) -> None:
        heapq.heappush(self._waiting, (host.next_seconds, next(self._order), name))
