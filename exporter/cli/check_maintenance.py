"""`mastodon-exporter check --maintenance`: would what stands before the server do harm now?"""

import json
import sys
from collections.abc import Sequence

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from exporter.cli.ending import FAILED
from exporter.cli.table import PIPED_WIDTH
from exporter.mastodon.delivery import Verdict
from exporter.probes.debug import visible
from exporter.probes.maintenance import Finding, MaintenanceReport

_STYLES = {Verdict.SAFE: "green", Verdict.HARM: "bold red", Verdict.UNKNOWN: "yellow"}
_NO_HARM = "No harm is done now: what cannot be delivered is tried again, and no subscription is dropped."
_CANNOT_TELL = "Not every answer could be had: check the name, and this machine's own network, and ask again."
_STOP = (
    "Subscriptions or messages are being lost now. If the snippet of docs/maintenance.md is installed: "
    "touch /etc/nginx/federation-maintenance.on. If it is not, or this says the same again: stop what answers "
    "(systemctl stop nginx); a refused connection does no harm."
)
_SERVE_HTTP = (
    "Only callbacks that were registered as http are harmed. While the server works, pass /api/subscriptions/ on "
    "port 80 to Mastodon, too; docs/maintenance.md says how."
)


def tell_harm(reports: Sequence[MaintenanceReport], form: str) -> int:
    """Print what senders would be answered, as text or as JSON, and return the exit code."""
    if form == "json":
        click.echo(json.dumps([_document(report) for report in reports], indent=2))
    else:
        _print(reports)
    return 0 if all(report.safe for report in reports) else FAILED


def _print(reports: Sequence[MaintenanceReport]) -> None:
    console = Console(width=None if sys.stdout.isatty() else PIPED_WIDTH, highlight=False)
    for report in reports:
        console.print(_title(report))
        console.print(_table(report.findings))
    console.print(Text(_advice([finding for report in reports for finding in report.findings])))


def _title(report: MaintenanceReport) -> Text:
    name = "" if report.instance in report.url else f"{report.instance}  "
    style = "bold" if report.safe else "bold red"
    return Text(f"{name}{report.url}  {_sum(report.findings)}", style=style)


def _sum(findings: Sequence[Finding]) -> str:
    verdicts = [finding.verdict for finding in findings]
    if Verdict.HARM in verdicts:
        return f"{verdicts.count(Verdict.HARM)} of {len(verdicts)} answers do harm"
    if Verdict.UNKNOWN in verdicts:
        return f"{verdicts.count(Verdict.UNKNOWN)} of {len(verdicts)} requests could not be made"
    return "no answer does harm"


def _table(findings: Sequence[Finding]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 2))
    table.add_column("verdict", no_wrap=True)
    table.add_column("answer", justify="right", no_wrap=True)
    for heading in ("request", "what the sender makes of it"):
        table.add_column(heading, overflow="fold")
    for finding in findings:
        table.add_row(*_row(finding))
    return table


def _row(finding: Finding) -> tuple[Text, ...]:
    verdict = finding.verdict.upper() if finding.verdict is Verdict.HARM else finding.verdict
    return (
        Text(verdict, style=_STYLES[finding.verdict]),
        Text(str(finding.http_status or "-")),
        Text(visible(f"{finding.method} {finding.url}")),
        Text(visible(finding.judgement.detail)),
    )


def _advice(findings: Sequence[Finding]) -> str:
    harmful = [finding for finding in findings if finding.verdict is Verdict.HARM]
    if harmful:
        return _SERVE_HTTP if all(finding.beside_https for finding in harmful) else _STOP
    return _CANNOT_TELL if any(finding.verdict is Verdict.UNKNOWN for finding in findings) else _NO_HARM


def _document(report: MaintenanceReport) -> dict[str, object]:
    requests = [_request(finding) for finding in report.findings]
    return {"instance": report.instance, "url": report.url, "safe": report.safe, "requests": requests}


def _request(finding: Finding) -> dict[str, object]:
    return {
        "method": finding.method,
        "url": finding.url,
        "http_status": finding.http_status,
        "retry_after": finding.retry_after,
        "verdict": finding.verdict,
        "detail": finding.judgement.detail,
    }
