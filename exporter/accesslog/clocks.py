"""Where the follower's time comes from."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Clocks:
    """Seconds that only grow, and nanoseconds as files have them."""

    monotonic: Callable[[], float] = time.monotonic
    file_time_ns: Callable[[], int] = time.time_ns
