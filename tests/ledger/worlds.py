"""A clock that is set by hand, a disk that is full, and what tests count."""

import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from exporter.ledger import RESUBSCRIBE_ACCOUNTS, RESUBSCRIBE_PENDING, ResubscribeResult, Series

NOON = 1_492_776_000.0  # 2017-04-21 12:00:00 UTC
CONFIRMED = Series(RESUBSCRIBE_ACCOUNTS, (ResubscribeResult.CONFIRMED.value,))
REFUSED = Series(RESUBSCRIBE_ACCOUNTS, (ResubscribeResult.REFUSED.value,))
PENDING = Series(RESUBSCRIBE_PENDING)
NEVER_SECONDS = 3600.0
"""A heartbeat so slow that it does not come while a test runs."""


@dataclass
class Clock:
    """Tells the time that it was set to."""

    now: float = NOON

    def __call__(self) -> float:
        return self.now


def await_that(holds: Callable[[], bool], patience_seconds: float = 20.0) -> None:
    """Return once a condition holds; fail where it does not come to hold."""
    deadline = time.monotonic() + patience_seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come to hold"


@contextmanager
def files_of_at_most(size_bytes: int) -> Iterator[None]:
    """Let no file grow beyond a size, which SQLite cannot tell from a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
