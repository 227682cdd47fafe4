"""What is counted of access logs as metrics: the names that dashboards and alerts rely on."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.samples import Sample

from exporter.accesslog.counts import Counted, LogRecord
from exporter.accesslog.domains import OTHER
from exporter.accesslog.entry import UnparsedReason
from exporter.accesslog.position import Trouble
from exporter.mastodon.senders import CALLBACK_AGENTS

TROUBLE = "mastodon_accesslog_trouble"
_WITHOUT_LABELS = ((),)


@dataclass(frozen=True)
class _Counter:
    """A counter with the labels of its series beside `log`, and those label values that are there from the start."""

    counted: Counted
    name: str
    documentation: str
    labels: tuple[str, ...] = ()
    known: Sequence[tuple[str, ...]] = ()

    def family(self, records: Sequence[LogRecord]) -> Metric:
        """Return the counter with its series of all logs."""
        family = CounterMetricFamily(self.name, self.documentation)
        for record in records:
            for labels, value in self._values(record):
                shown = dict(zip(("log", *self.labels), (record.log, *labels), strict=True))
                family.samples.append(Sample(f"{self.name}_total", shown, value))
        return family

    def _values(self, record: LogRecord) -> Iterable[tuple[tuple[str, ...], int]]:
        counted = {series.labels: value for series, value in record.counts.items() if series.counted is self.counted}
        return {**dict.fromkeys(self.known, 0), **counted}.items()


@dataclass(frozen=True)
class _Gauge:
    """A gauge with one sample for each log that has a value."""

    name: str
    documentation: str
    value: Callable[[LogRecord], float | None]

    def family(self, records: Iterable[LogRecord]) -> Metric:
        """Return the gauge with its series of all logs."""
        family = GaugeMetricFamily(self.name, self.documentation)
        for record in records:
            value = self.value(record)
            if value is not None:
                family.samples.append(Sample(self.name, {"log": record.log}, value))
        return family


_LINES = _Counter(Counted.LINES, "mastodon_accesslog_lines", "Complete lines read of the log.", known=_WITHOUT_LABELS)
_UNPARSED_REASONS = _Counter(
    Counted.UNPARSED,
    "mastodon_accesslog_unparsed_reasons",
    "Lines that the log's format does not fit, by what is wrong with them.",
    ("reason",),
    [(reason.value,) for reason in UnparsedReason],
)
_FILE_EVENTS = (
    _Counter(
        Counted.ROTATIONS,
        "mastodon_accesslog_rotations",
        "Times that the log went on in a new file.",
        known=_WITHOUT_LABELS,
    ),
    _Counter(
        Counted.TRUNCATIONS,
        "mastodon_accesslog_truncations",
        "Times that the log's file was emptied and begun anew.",
        known=_WITHOUT_LABELS,
    ),
    _Counter(
        Counted.LOST_FILES,
        "mastodon_accesslog_lost_files",
        "Files of the log that vanished before they were read to their end.",
        known=_WITHOUT_LABELS,
    ),
)
_SUBSCRIPTIONS = (
    _Counter(
        Counted.CALLBACKS,
        "mastodon_subscription_callbacks",
        "Requests on PubSubHubbub callbacks, by method and answer.",
        ("method", "code"),
    ),
    _Counter(
        Counted.CALLBACKS_BROKEN,
        "mastodon_subscription_callbacks_broken",
        "Callbacks answered so that the hub gives the subscription up: 3xx, or 4xx other than 429.",
        known=_WITHOUT_LABELS,
    ),
    _Counter(
        Counted.CALLBACK_AGENTS,
        "mastodon_subscription_callback_agents",
        "Requests on PubSubHubbub callbacks, by the software that the hub says it is.",
        ("agent",),
        [(agent,) for agent in CALLBACK_AGENTS],
    ),
    _Counter(
        Counted.ACCOUNTS_DROPPED,
        "mastodon_subscription_broken_accounts_dropped",
        "Accounts with a broken subscription that were dropped because there were too many to remember.",
        known=_WITHOUT_LABELS,
    ),
)
_DELIVERIES = (
    _Counter(
        Counted.DELIVERIES, "mastodon_inbox_deliveries", "Activities delivered to an inbox, by answer.", ("code",)
    ),
    _Counter(
        Counted.FAILURES,
        "mastodon_inbox_failures",
        "Deliveries answered neither 2xx nor 403, 404 or 410, by the domain they say they come from, if it is known.",
        ("domain",),
        [(OTHER,)],
    ),
)
_LAG = _Gauge(
    "mastodon_accesslog_lag_bytes",
    "Bytes of the log that were there and not read when it was last looked at.",
    lambda record: record.lag_bytes,
)
_LAST_LINE = _Gauge(
    "mastodon_accesslog_last_line_timestamp_seconds",
    "The time of the last line that the format fits, as the log tells it, as Unix time.",
    lambda record: record.last_line_timestamp_seconds,
)
_BROKEN_ACCOUNTS = _Gauge(
    "mastodon_subscription_broken_accounts",
    "Accounts whose last delivery was broken, none having come through since.",
    lambda record: record.broken_accounts,
)


def families(records: Iterable[LogRecord], names: Iterable[str]) -> Iterator[Metric]:
    """Yield the families of access logs in a fixed order, for the logs of these names and no others.

    A log without a record has its series all the same, at 0. Families without samples are left out.
    """
    by_name = {record.log: record for record in records}
    shown = [by_name.get(name, LogRecord(name)) for name in names]
    for family in _families(shown):
        if family.samples:
            yield family


def _families(records: Sequence[LogRecord]) -> Iterator[Metric]:
    yield _LINES.family(records)
    yield _unparsed_lines(records)
    yield _UNPARSED_REASONS.family(records)
    yield _LAG.family(records)
    yield from (counter.family(records) for counter in _FILE_EVENTS)
    yield _LAST_LINE.family(records)
    yield _troubles(records)
    yield from (counter.family(records) for counter in _SUBSCRIPTIONS)
    yield _BROKEN_ACCOUNTS.family(records)
    yield from (counter.family(records) for counter in _DELIVERIES)


def _unparsed_lines(records: Iterable[LogRecord]) -> Metric:
    name = "mastodon_accesslog_unparsed_lines"
    family = CounterMetricFamily(name, "Complete lines that the log's format does not fit.")
    for record in records:
        lines = sum(value for series, value in record.counts.items() if series.counted is Counted.UNPARSED)
        family.samples.append(Sample(f"{name}_total", {"log": record.log}, lines))
    return family


def _troubles(records: Iterable[LogRecord]) -> Metric:
    family = GaugeMetricFamily(TROUBLE, "Whether something keeps the log from being read, by what it is.")
    for record in records:
        for trouble in Trouble:
            labels = {"log": record.log, "reason": trouble.value}
            family.samples.append(Sample(TROUBLE, labels, trouble in record.troubles))
    return family
