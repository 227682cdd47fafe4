"""Reports as a table for people and as JSON for programs."""

import json
import sys
import time
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from exporter.probes.debug import visible
from exporter.probes.result import InstanceReport, ProbeResult

PIPED_WIDTH = 150
SECONDS_A_DAY = 86400
CERTIFICATE_WARNING_DAYS = 14


def print_tables(reports: Iterable[InstanceReport]) -> None:
    """Print a table for each report, and what could not be checked below it."""
    console = Console(width=None if sys.stdout.isatty() else PIPED_WIDTH, highlight=False)
    for report in reports:
        console.print(_title(report))
        if report.results:
            console.print(_table(report.results))
        for absent in report.absent:
            console.print(Text(f"  {absent.check} is not checked: {visible(absent.why)}"))


def json_document(reports: Sequence[InstanceReport]) -> str:
    """Return all reports as one JSON document."""
    return json.dumps([_instance(report) for report in reports], indent=2)


def _title(report: InstanceReport) -> Text:
    passing = sum(result.success for result in report.results)
    counted = f"{passing} of {len(report.results)} checks pass"
    name = "" if report.instance in report.url else f"{report.instance}  "
    return Text(f"{name}{report.url}  {counted}", style="bold" if report.success else "bold red")


def _table(results: Sequence[ProbeResult]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 2))
    for heading in ("check", "state", "what"):
        table.add_column(heading, overflow="fold")
    for heading in ("time", "certificate"):
        table.add_column(heading, justify="right", no_wrap=True)
    now = time.time()
    for result in results:
        table.add_row(*_row(result, now))
    return table


def _row(result: ProbeResult, now: float) -> tuple[Text, ...]:
    return (
        Text(result.check),
        _state(result),
        Text(_what(result)),
        Text(f"{result.duration_seconds:.2f} s"),
        _certificate(result.certificate_expiry_timestamp_seconds, now),
    )


def _state(result: ProbeResult) -> Text:
    if not result.success:
        return Text("DOWN", style="bold red")
    return Text("restricted", style="yellow") if result.restricted else Text("up", style="green")


def _what(result: ProbeResult) -> str:
    words = [f"{result.reason}: {result.detail}" if result.reason else result.detail]
    if result.bucket_listing_open:
        words.append("ANYONE CAN LIST THE WHOLE BUCKET")
    if result.success and result.cached:
        words.append("from a cache")
    return visible("; ".join(word for word in words if word))


def _certificate(expiry_timestamp_seconds: float | None, now: float) -> Text:
    if expiry_timestamp_seconds is None:
        return Text("-")
    days = int((expiry_timestamp_seconds - now) // SECONDS_A_DAY)
    return Text(f"{days} days", style="bold red" if days < CERTIFICATE_WARNING_DAYS else "")


def _instance(report: InstanceReport) -> dict[str, object]:
    return {
        "instance": report.instance,
        "url": report.url,
        "success": report.success,
        "checks": [_check(result) for result in report.results],
    }


def _check(result: ProbeResult) -> dict[str, object]:
    return {
        "check": result.check,
        "success": result.success,
        "reason": result.reason,
        "detail": result.detail,
        "http_status": result.http_status,
        "duration_seconds": round(result.duration_seconds, 6),
        "cached": result.cached,
        "restricted": result.restricted,
        "certificate_expiry_timestamp_seconds": result.certificate_expiry_timestamp_seconds,
    }
