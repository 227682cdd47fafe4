"""What repairs have done, on /metrics."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from exporter.ledger import (
    MEDIA_SYNC,
    MEDIA_SYNC_BYTES,
    MEDIA_SYNC_OBJECTS,
    RESUBSCRIBE,
    RESUBSCRIBE_ACCOUNTS,
    RESUBSCRIBE_PENDING,
    JobRecord,
    JobState,
    LedgerRecord,
    MediaResult,
    ResubscribeResult,
    Series,
    read_ledger,
)
from exporter.mastodon.attachments import MediaClass

_WITHOUT_LABELS = ((),)
_JOBS = (MEDIA_SYNC, RESUBSCRIBE)
"""Jobs that are shown as not running before they ever ran."""


@dataclass(frozen=True)
class _Shown:
    """A series name of the ledger as a metric: its labels, and those label values that are there from the start."""

    series: str
    name: str
    documentation: str
    labels: tuple[str, ...] = ()
    known: Sequence[tuple[str, ...]] = ()

    def values(self, stored: Mapping[Series, float]) -> dict[tuple[str, ...], float]:
        """Return the values by label values; what another version has stored with other labels is left out."""
        found = {one.labels: value for one, value in stored.items() if one.name == self.series}
        fitting = {labels: value for labels, value in found.items() if len(labels) == len(self.labels)}
        return {**dict.fromkeys(self.known, 0.0), **fitting}


_COUNTERS = (
    _Shown(
        RESUBSCRIBE_ACCOUNTS,
        "mastodon_resubscribe_accounts",
        "Accounts that were to be subscribed again, by what became of it.",
        ("result",),
        [(result.value,) for result in ResubscribeResult],
    ),
    _Shown(
        MEDIA_SYNC_OBJECTS,
        "mastodon_media_sync_objects",
        "Objects of media that were to be moved, by what became of them.",
        ("class", "result"),
        list(product(MediaClass, MediaResult)),
    ),
    _Shown(
        MEDIA_SYNC_BYTES,
        "mastodon_media_sync_bytes",
        "Bytes of media that were copied, or written where they belong.",
        ("class",),
        [(name.value,) for name in MediaClass],
    ),
)
_GAUGES = (
    _Shown(
        RESUBSCRIBE_PENDING,
        "mastodon_resubscribe_pending_accounts",
        "Accounts whose attempt to subscribe is open: under way, or its new secret kept because the hub may know it.",
        known=_WITHOUT_LABELS,
    ),
)


@dataclass(frozen=True)
class LedgerFamilies:
    """The ledger of a state folder as metrics."""

    folder: Path
    clock: Callable[[], float] = time.time
    name: str = "ledger"

    def families(self) -> Iterator[Metric]:
        """Yield the families in a fixed order, as last committed; none where no repair ever ran.

        Raises StateError if there is a ledger that cannot be read.
        """
        record = read_ledger(self.folder, self.clock)
        if record is not None:
            yield from (family for family in _families(record) if family.samples)


def _families(record: LedgerRecord) -> Iterator[Metric]:
    for shown in _COUNTERS:
        counter = CounterMetricFamily(shown.name, shown.documentation, labels=shown.labels)
        yield _filled(counter, shown.values(record.totals))
    for shown in _GAUGES:
        gauge = GaugeMetricFamily(shown.name, shown.documentation, labels=shown.labels)
        yield _filled(gauge, shown.values(record.gauges))
    yield from _media_families(record.latest().get(MEDIA_SYNC))
    yield from _job_families(record)


def _media_families(latest: JobRecord | None) -> Iterator[Metric]:
    progress = latest.progress if latest else {}
    total = {name: float(one.total) for name, one in progress.items()}
    done = {name: float(one.done) for name, one in progress.items()}
    for name, documentation, values in (
        ("mastodon_media_sync_rows", "Rows with files that the latest media sync has to see to.", total),
        ("mastodon_media_sync_rows_done", "Rows with files that the latest media sync has seen to.", done),
    ):
        family = GaugeMetricFamily(name, documentation, labels=("class",))
        known = {media_class.value: 0.0 for media_class in MediaClass}
        yield _filled(family, {(media_class,): value for media_class, value in {**known, **values}.items()})


def _job_families(record: LedgerRecord) -> Iterator[Metric]:
    latest = record.latest()
    running = {job: float(_is_running(latest.get(job))) for job in sorted({*_JOBS, *latest})}
    done = {job: float(one.ended_timestamp_seconds or 0) for job, one in sorted(record.latest_done().items())}
    started = {job: one.started_timestamp_seconds for job, one in sorted(latest.items())}
    for name, documentation, values in (
        ("mastodon_remedy_running", "Whether the repair is running: 1, or 0.", running),
        (
            "mastodon_remedy_last_success_timestamp_seconds",
            "When the repair last ended without a failure, as Unix time.",
            done,
        ),
        ("mastodon_remedy_last_start_timestamp_seconds", "When the repair was last started, as Unix time.", started),
    ):
        family = GaugeMetricFamily(name, documentation, labels=("job",))
        yield _filled(family, {(job,): value for job, value in values.items()})


def _filled(
    family: CounterMetricFamily | GaugeMetricFamily, values: Mapping[tuple[str, ...], float]
) -> CounterMetricFamily | GaugeMetricFamily:
    for labels, value in values.items():
        family.add_metric(labels, value)
    return family


def _is_running(record: JobRecord | None) -> bool:
    return record is not None and record.state is JobState.RUNNING
