"""How fast a store may be asked, and how much memory all transfers share."""

from contextlib import AbstractContextManager
from typing import Protocol


class Pace(Protocol):
    """The turns of all threads that ask one store."""

    def take_turn(self) -> None:
        """Return once a request may be sent."""
        ...

    def slow_down(self, wait_seconds: float | None = None) -> None:
        """Have all threads ask more slowly: the store has answered 503 or 429, and perhaps said for how long."""
        ...

    def went_well(self) -> None:
        """Have the pace recover."""
        ...


class Held(Protocol):
    """What one transfer holds of the memory."""

    def grow_to(self, size_bytes: int) -> None:
        """Hold so many bytes in all, once they are free; less than is held already changes nothing."""
        ...


class Budget(Protocol):
    """The memory of all buffers together."""

    def hold(self) -> AbstractContextManager[Held]:
        """Give back at the end of a block whatever was held in it. A thread has one such block at a time."""
        ...
