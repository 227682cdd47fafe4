"""`mastodon-remedy jobs`: what ran, what runs, what is left."""

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import click
from rich.filesize import decimal

from exporter.cli.arguments import CONTEXT_SETTINGS, Command, everywhere, read_named_config
from exporter.cli.ending import FAILED
from exporter.cli.job_document import job_object
from exporter.config import Config
from exporter.ledger import (
    MEDIA_SYNC,
    MEDIA_SYNC_BYTES,
    MEDIA_SYNC_OBJECTS,
    JobRecord,
    JobState,
    MediaResult,
    Series,
    ask_to_stop,
    read_ledger,
)
from exporter.ledger.times import utc_text
from exporter.state import state_folder

_COLOURS = {JobState.RUNNING: "cyan", JobState.DONE: "green", JobState.FAILED: "red", JobState.INTERRUPTED: "yellow"}
_HEADINGS = ("job", "state", "started", "took", "what")
_NOTHING = "no repair has run yet"


class _Group(Command, click.Group):
    """A group that is a command too."""


@click.group("jobs", cls=_Group, invoke_without_command=True, context_settings=CONTEXT_SETTINGS)
@click.option("--format", "form", type=click.Choice(("text", "json")), default="text", show_default=True)
@everywhere
@click.pass_context
def jobs(context: click.Context, form: str) -> int:
    """List the repairs that run and those that ran, the newest first, with what each has done.

    A repair that was killed reads as interrupted 30 seconds after its last sign of life.

    \b
    Example: mastodon-remedy jobs --format json
    """
    if context.invoked_subcommand is None:
        record = read_ledger(_folder())
        listed = record.jobs if record else ()
        click.echo(jobs_document(listed) if form == "json" else "\n".join(_lines(listed)))
    return 0


@jobs.command("cancel", cls=Command)
@click.argument("job", metavar="JOB")
@click.option("--dry-run", is_flag=True, help="Only tell what would be done.")
@everywhere
def cancel(*, job: str, dry_run: bool) -> int:
    """Ask a running repair to stop; it does within seconds, with all that it has done so far recorded.

    JOB is its name in the list of `mastodon-remedy jobs`. Ends with 1 where no such repair runs.

    \b
    Example: mastodon-remedy jobs cancel resubscribe
    """
    running = _running(job) if dry_run else ask_to_stop(_folder(), job)
    if running is None:
        click.echo(f"mastodon-remedy: {_not_running(job)}", err=True)
        return FAILED
    since = f"running since {utc_text(running.started_timestamp_seconds)}"
    click.echo(f"{job}, {since}, {'would be' if dry_run else 'has been'} asked to stop")
    return 0


def jobs_document(records: Sequence[JobRecord]) -> str:
    """Return runs of jobs as one JSON document, in the order given."""
    return json.dumps([job_object(record) for record in records], indent=2)


def _folder() -> Path:
    return state_folder(read_named_config() or Config(instances=()), os.environ)


def _running(job: str) -> JobRecord | None:
    latest = _latest().get(job)
    return latest if latest and latest.state is JobState.RUNNING else None


def _latest() -> Mapping[str, JobRecord]:
    record = read_ledger(_folder())
    return record.latest() if record else {}


def _not_running(job: str) -> str:
    latest = _latest()
    running = [record.job for record in latest.values() if record.state is JobState.RUNNING]
    others = f"; what runs: {', '.join(sorted(running))}" if running else "; nothing runs"
    if job not in latest:
        return f"no repair of the name {job} has run{others}"
    record = latest[job]
    ended = f" at {utc_text(record.ended_timestamp_seconds)}" if record.ended_timestamp_seconds else ""
    return f"{job} is not running, it ended{ended} as {record.state}{others}"


def _lines(records: Sequence[JobRecord]) -> Iterator[str]:
    if not records:
        yield _NOTHING
        return
    rows = [_HEADINGS, *(_row(record) for record in records)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    padded = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows]
    yield click.style("  ".join(padded[0]).rstrip(), bold=True)
    for record, (job, state, *rest) in zip(records, padded[1:], strict=True):
        yield "  ".join([job, click.style(state, fg=_COLOURS[record.state]), *rest]).rstrip()


def _row(record: JobRecord) -> tuple[str, ...]:
    until = record.ended_timestamp_seconds or record.heartbeat_timestamp_seconds
    took = timedelta(seconds=round(until - record.started_timestamp_seconds))
    words = _media_words(record) if record.job == MEDIA_SYNC else [*_words(record.counts), *_words(record.gauges)]
    return (
        record.job,
        record.state.value,
        utc_text(record.started_timestamp_seconds),
        str(took),
        ", ".join(words) or "-",
    )


def _words(values: Mapping[Series, float]) -> Iterable[str]:
    ordered = sorted(values.items(), key=lambda one: one[0].columns)
    return (f"{' '.join(series.labels) or series.name.replace('_', ' ')} {value:.16g}" for series, value in ordered)


def _media_words(record: JobRecord) -> Iterator[str]:
    """Yield what a media sync has done, all its classes together."""
    counts: Counter[str] = Counter()
    for series, count in record.counts.items():
        counts[series.labels[-1] if series.name == MEDIA_SYNC_OBJECTS else series.name] += count
    yield from (f"{result} {counts[result]}" for result in MediaResult if counts[result])
    if counts[MEDIA_SYNC_BYTES]:
        yield decimal(counts[MEDIA_SYNC_BYTES])
    if record.progress:
        parts = record.progress.values()
        yield f"{sum(one.done for one in parts)} of {sum(one.total for one in parts)} rows"
