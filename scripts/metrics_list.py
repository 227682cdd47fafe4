"""Writes docs/metrics.md from the code: every family, its labels, what it means.

Run it with `make docs`; tests/test_documentation.py fails where the page is not what this writes.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from prometheus_client import Metric

from exporter.accesslog.counts import Counted, LogRecord, Series
from exporter.accesslog.entry import UnparsedReason
from exporter.accesslog.metrics import families, source_info
from exporter.accesslog.position import Trouble
from exporter.config import CHECK_NAMES, AccessLog, Config, Instance
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
_EXPORTER = """
## `/metrics`: the exporter itself

Beside these, `process_*` as prometheus-client gives them.
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

    def network_up(self, control: object) -> bool:
        return bool(control)


def _exporter_families() -> Iterator[Metric]:
    config = Config(instances=(), control=("https://www.example.org",))
    registry = exporter_registry(Running(lambda: config), _Silent())
    yield from (family for family in registry.collect() if not family.name.startswith("process_"))
    yield from source_info([AccessLog("name", "/var/log/nginx/access.log", instance="name")])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
