"""A prober that asks nobody."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from exporter.config import CHECK_NAMES, Instance
from exporter.probes.result import InstanceReport
from tests.probes.sample_reports import good, report


@dataclass(frozen=True)
class Asked:
    """One call of `probe`."""

    instance: Instance
    checks: tuple[str, ...] | None
    timeout_seconds: float


class FakeProber:
    """Says what it is told to say: `answer` makes the report of an instance, `network` is what network_up returns."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.controls: list[tuple[str, ...]] = []
        self.control_timeout_seconds = 0.0
        self.network = True
        self.answer: Callable[[Asked], InstanceReport] = all_good

    def probe(self, instance: Instance, checks: Sequence[str] | None, timeout_seconds: float) -> InstanceReport:
        asked = Asked(instance, None if checks is None else tuple(checks), timeout_seconds)
        self.asked.append(asked)
        return self.answer(asked)

    def network_up(self, control: Sequence[str], timeout_seconds: float) -> bool:
        self.control_timeout_seconds = timeout_seconds
        self.controls.append(tuple(control))
        return self.network


def all_good(asked: Asked) -> InstanceReport:
    return report(*(good(check) for check in asked.checks or CHECK_NAMES), instance=asked.instance)
