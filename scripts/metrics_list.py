"""Writes docs/metrics.md from the code: every family, its labels, what it means.

Run it with `make docs`; tests/test_documentation.py fails where the page is not what this writes.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from prometheus_client import CollectorRegistry, Metric

from exporter.accesslog.counts import Counted, LogRecord, Series
from exporter.accesslog.entry import UnparsedReason
from exporter.accesslog.metrics import families
from exporter.accesslog.position import Trouble
from exporter.collectors.deliveries import DeliveryFamilies
from exporter.collectors.ledger import LedgerFamilies
from exporter.collectors.scheduled_jobs import ScheduledJobFamilies
from exporter.collectors.sidekiq import SidekiqFamilies
from exporter.collectors.store_collector import StoreCollector, StoreFamilies, StoreReading
from exporter.collectors.subscriptions import HUB_STATES, SubscriptionCounts, subscription_families
from exporter.config import CHECK_NAMES, AccessLog, Config, Instance
from exporter.ledger import RESUBSCRIBE, Ledger, MediaResult, ResubscribeResult
from exporter.mastodon.attachments import MediaClass
from exporter.mastodon.database import Database
from exporter.mastodon.redis_server import RedisServer
from exporter.mastodon.senders import CALLBACK_AGENTS
from exporter.probes.metrics import ReportCollector
from exporter.probes.result import PHASES, FamilyResult, InstanceDetails, InstanceReport, ProbeResult, Reason
from exporter.server import Running
from exporter.server.exporter_metrics import exporter_registry

PAGE = Path(__file__).parents[1] / "docs" / "metrics.md"

_HEAD = """# Metrics

This page is written from the code by `make docs`.

Labels are closed sets:

- `check`: {checks}
- `phase`: {phases}
- `reason`: {reasons}

Account names, paths, URLs and error texts are never labels. What is not known has no series.
"""
_PROBE = """
## `/probe`: an instance

One scrape runs its checks. A failed check is an answer with value 0, never a failed scrape.
"""
_ACCESS_LOGS = """
## `/metrics`: access logs

What has been counted of each log in `access_logs`, as it is stored; `log` is its name. No counter goes back, whatever
happens to the exporter; only a domain's series may end, where others need its place, and begin anew later.

Further closed sets here:

- `reason` of a line: {reasons}
- `reason` of a trouble: {troubles}
- `agent`: {agents}

`domain` is a domain that the server knows, in A-labels, or `other`; at most `domain_cap` have a series.
"""
_STORES = """
## `/metrics`: the stores

What Mastodon's database and Redis say, and what repairs have written into the ledger, each asked at every scrape by a
collector of its own. A store that is down, or that has not answered after half of the scrape's time (at most 4 s), has
no series in that scrape, save `mastodon_exporter_collector_success` 0. What is not configured has none at all.

`collector` is one of the headings below. Further closed sets:

- `state`: {states}
- `result` of an account: {results}
- `class`: {classes}
- `result` of an object: {object_results}

What a repair was told of an object, and what became of it when it was tried again in the same run, are both in
`mastodon_media_sync_objects_total`, which never goes back; `mastodon-remedy jobs` tells what became of it in the end.

Subscriptions are there only where the server speaks PubSubHubbub, to Mastodon 2.9. To count them takes PostgreSQL a
second or two where 100,000 accounts are subscribed to, so that it is done in the background every 5 minutes. It starts
from `follows` and looks accounts up by their ids, never through all of them; an index for it alone would save a quarter
of that time, and is not worth what it costs Mastodon.
"""
_EXPORTER = """
## `/metrics`: the exporter itself

`source` is `access_log`, `database` or `redis`; `name` is the label `log` of a log's metrics, and repeats `source`
where there is one only. Beside these, `process_*` as prometheus-client gives them.
"""


def page() -> str:
    """Return the whole page."""
    parts = [
        _HEAD.format(checks=_listed(CHECK_NAMES), phases=_listed(PHASES), reasons=_listed(Reason)),
        _PROBE,
        *_table(ReportCollector(_full_report()).collect()),
        _ACCESS_LOGS.format(
            reasons=_listed(UnparsedReason), troubles=_listed(Trouble), agents=_listed(CALLBACK_AGENTS)
        ),
        *_table(families([_full_record()], ["name"])),
        _STORES.format(
            states=_listed(HUB_STATES),
            results=_listed(ResubscribeResult),
            classes=_listed(MediaClass),
            object_results=_listed(MediaResult),
        ),
        *_store_tables(),
        _EXPORTER,
        *_table(_exporter_families()),
        "",
    ]
    return "\n".join(parts).replace("\n\n\n", "\n\n")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _table(shown: Iterable[Metric]) -> list[str]:
    rows = (f"| `{_shown_name(family)}` | {family.type} | {family.documentation} |" for family in shown)
    return ["| metric | type | meaning |", "|---|---|---|", *rows]


def _shown_name(family: Metric) -> str:
    if not family.samples:
        # It has labels, and nothing is there to have one: the library keeps their names to itself.
        labels = ",".join(family._labelnames)  # type: ignore[attr-defined]  # noqa: SLF001
        return f"{family.name}{{{labels}}}"
    sample = family.samples[0]
    labels = ",".join(sample.labels)
    return f"{sample.name}{{{labels}}}" if labels else sample.name


def _full_report() -> InstanceReport:
    """Return a report in which nothing is missing, so that every family has a sample."""
    result = ProbeResult(
        check="storage",
        success=False,
        reason=Reason.TIMEOUT,
        http_status=200,
        certificate_expiry_timestamp_seconds=0.0,
        bucket_listing_open=False,
        families=(FamilyResult("4", success=True),),
    )
    details = InstanceDetails("4.6.0", "mastodon.example", 1, 1, 1, status_page_same_host=False)
    return InstanceReport("name", "https://mastodon.example", 0.0, 0.0, 0.0, (result,), details=details)


def _full_record() -> LogRecord:
    """Return a record in which nothing is missing, so that every family has a sample."""
    counts = {Series(Counted.CALLBACKS, ("POST", "404")): 1, Series(Counted.DELIVERIES, ("202",)): 1}
    return LogRecord("name", counts, last_line_timestamp_seconds=0.0)


class _Silent:
    """Stands in for the prober: this page asks no server."""

    def probe(self, instance: Instance, checks: object, timeout_seconds: float) -> InstanceReport:
        raise NotImplementedError(instance.name)

    def network_up(self, control: object, timeout_seconds: float) -> bool:
        return bool(control) and timeout_seconds > 0


def _exporter_families() -> Iterator[Metric]:
    log = AccessLog("name", "/var/log/nginx/access.log", instance="name")
    config = Config(instances=(), control=("https://www.example.org",), access_logs=(log,))
    registry = exporter_registry(Running(lambda: config), _Silent())
    yield from (family for family in registry.collect() if not family.name.startswith("process_"))
    yield from _shared(_Subscriptions())


def _store_tables() -> Iterator[str]:
    database, redis = cast("Database", _Emptiness()), cast("RedisServer", _Emptiness())
    with TemporaryDirectory() as name:
        folder = Path(name)
        ledger = Ledger.open(folder)
        with ledger.start(RESUBSCRIBE):
            pass
        ledger.close()
        stores: tuple[StoreFamilies, ...] = (
            _Subscriptions(),
            DeliveryFamilies(database),
            ScheduledJobFamilies(None, None, folder),
            SidekiqFamilies(redis),
            LedgerFamilies(folder),
        )
        for store in stores:
            yield f"\n### `{store.name}`\n"
            yield from _table(store.families())


def _shared(store: StoreFamilies) -> Iterator[Metric]:
    """Yield the families that tell of every collector."""
    registry = CollectorRegistry()
    registry.register(StoreCollector(lambda: [StoreReading(store)]))
    yield from (family for family in registry.collect() if "_collector_" in family.name)


class _Subscriptions:
    """Stands in for the collector of a database that speaks PubSubHubbub."""

    name = "subscriptions"

    def families(self) -> Iterator[Metric]:
        return subscription_families(SubscriptionCounts(0, 0, 0, dict.fromkeys(HUB_STATES, 0), 0.0))


class _Emptiness:
    """Stands in for a database with nothing in it but what gives a server up, and for an empty Redis."""

    def __init__(self) -> None:
        self._rows: list[Any] = []

    @contextmanager
    def reading(self) -> Iterator["_Emptiness"]:
        yield self

    @contextmanager
    def sidekiq(self) -> Iterator["_Emptiness"]:
        yield self

    def execute(self, query: str, _parameters: object = None) -> None:
        shape = [("accounts", "username"), ("accounts", "domain"), ("follows", "target_account_id")]
        self._rows = [*shape, ("unavailable_domains", "id")] if "pg_class" in query else [(0,)]

    def fetchall(self) -> list[Any]:
        return self._rows

    def members(self, _key: str, _limit: int) -> list[str]:
        return []


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
