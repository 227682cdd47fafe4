"""The memory that all transfers share: bytes are asked for before they are read, and waited for."""

import threading
from collections import deque
from types import TracebackType
from typing import Self

from exporter.media.large_blocks import map_large_blocks


class ByteBudget:
    """So many bytes for all buffers together; thread-safe.

    Those who hold some already and need more are served first, then each in the order in which it came, so that a
    large object waits no longer than what was before it. The bound is passed in one case only, in which waiting would
    never end: when nobody is left who could give anything back. Then one is served, whatever it asks for.
    """

    def __init__(self, size_bytes: int) -> None:
        map_large_blocks()  # what is given back here would not be free otherwise
        self._size_bytes = self._free_bytes = size_bytes
        self._lock = threading.Lock()
        self._holders = 0
        self._growing: deque[_Hold] = deque()
        self._beginning: deque[_Hold] = deque()

    @property
    def held_bytes(self) -> int:
        """Return what all hold together at present."""
        return self._size_bytes - self._free_bytes

    @property
    def waiting(self) -> int:
        """Return how many wait for more."""
        return len(self._growing) + len(self._beginning)

    def hold(self) -> "_Hold":
        """Give back at the end of a block whatever was held in it. A thread has one such block at a time."""
        return _Hold(self)

    def take(self, hold: "_Hold") -> threading.Event | None:
        """Take what a hold wants; None where it has it now, else what will be set when it has it."""
        with self._lock:
            if not self._growing and (hold.held_bytes or not self._beginning) and self._fits(hold):
                self._grant(hold)
                return None
            served = hold.served = threading.Event()
            (self._growing if hold.held_bytes else self._beginning).append(hold)
            self._serve()
            return served

    def give_back(self, hold: "_Hold") -> None:
        """Take back what a hold has, and its place in the queue if it still stands there."""
        with self._lock:
            for queue in (self._growing, self._beginning):
                if hold in queue:
                    queue.remove(hold)
            self._holders -= bool(hold.held_bytes)
            self._free_bytes += hold.held_bytes
            hold.held_bytes = 0
            self._serve()

    def _serve(self) -> None:
        while queue := self._growing or self._beginning:
            nobody_works = self._holders == len(self._growing)
            if not (self._fits(queue[0]) or nobody_works):
                return
            hold = queue.popleft()
            self._grant(hold)
            hold.served.set()

    def _fits(self, hold: "_Hold") -> bool:
        return hold.wanted_bytes - hold.held_bytes <= self._free_bytes

    def _grant(self, hold: "_Hold") -> None:
        self._holders += not hold.held_bytes
        self._free_bytes -= hold.wanted_bytes - hold.held_bytes
        hold.held_bytes = hold.wanted_bytes


class _Hold:
    """What one transfer holds; belongs to one thread."""

    __slots__ = ("_budget", "held_bytes", "served", "wanted_bytes")

    served: threading.Event

    def __init__(self, budget: ByteBudget) -> None:
        self._budget = budget
        self.held_bytes = 0
        self.wanted_bytes = 0

    def grow_to(self, size_bytes: int) -> None:
        """Hold so many bytes in all, once they are free; less than is held already changes nothing."""
        if size_bytes > self.held_bytes:
            self.wanted_bytes = size_bytes
            if served := self._budget.take(self):
                served.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._budget.give_back(self)
