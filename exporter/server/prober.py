"""What the HTTP endpoints ask of whoever does the probing."""

from collections.abc import Sequence
from typing import Protocol

from exporter.config import Instance
from exporter.probes.result import InstanceReport


class Prober(Protocol):
    """Asks servers. Both calls block, may be made from many threads at once, and never raise for a failing target."""

    def probe(self, instance: Instance, checks: Sequence[str] | None, timeout_seconds: float) -> InstanceReport:
        """Return what the checks found (all of them for None), within the time given."""
        ...

    def network_up(self, control: Sequence[str], timeout_seconds: float) -> bool:
        """Tell, within the time given, whether any of these URLs answers."""
        ...
