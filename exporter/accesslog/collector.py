"""What is counted of the access logs, on /metrics."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from exporter.accesslog.counts import LogRecord
from exporter.accesslog.metrics import TROUBLE, families
from exporter.accesslog.position import Trouble
from exporter.accesslog.reader import read_records
from exporter.config import AccessLog
from exporter.errors import StateError


@dataclass(frozen=True)
class AccessLogCollector(Collector):
    """Shows the configured logs as last committed, and what `troubles` says concerns them all."""

    folder: Path
    logs: Callable[[], Sequence[AccessLog]]
    troubles: Callable[[], frozenset[Trouble]]

    def collect(self) -> Iterator[Metric]:
        """Yield the families in a fixed order; nothing at all without a configured log."""
        logs = self.logs()
        if not logs:
            return
        names = [log.name for log in logs]
        try:
            records = {record.log: record for record in read_records(self.folder)}
        except StateError:
            yield from _only_troubles(names, self.troubles() | {Trouble.CHECKPOINT})
            return
        troubles = self.troubles()
        shown = [records.get(name, LogRecord(name)) for name in names]
        yield from families([replace(one, troubles=one.troubles | troubles) for one in shown], names)


def _only_troubles(names: Sequence[str], troubles: frozenset[Trouble]) -> Iterator[Metric]:
    # A counter that cannot be read must not be shown as 0: it would seem to have been reset.
    records = [LogRecord(name, troubles=troubles) for name in names]
    yield from (family for family in families(records, names) if family.name == TROUBLE)
