"""What a media sync has done, or would do, as a table for people and as JSON for programs."""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import click
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

from exporter.cli.ending import FAILED, exit_code_of
from exporter.cli.job_document import job_object
from exporter.errors import MastodonExporterError
from exporter.ledger import MEDIA_SYNC, MEDIA_SYNC_BYTES, MEDIA_SYNC_OBJECTS, JobRecord, JobState, MediaResult, Series
from exporter.mastodon.attachments import MediaClass
from exporter.media.plan import Census

PIPED_WIDTH = 150


def print_totals(totals: Mapping[MediaClass, Census]) -> None:
    """Print what there is to do."""
    table = _table("class", "rows", "originals")
    for media_class, one in totals.items():
        table.add_row(str(media_class), f"{one.rows:,}", _size(one.size_bytes))
    sizes = [one.size_bytes for one in totals.values()]
    known = [size for size in sizes if size is not None]
    rows = sum(one.rows for one in totals.values())
    table.add_row("all", f"{rows:,}", _size(sum(known) if len(known) == len(sizes) else None))
    _print(table)


def totals_document(totals: Mapping[MediaClass, Census]) -> str:
    """Return what there is to do as the run itself would begin."""
    classes = {
        str(media_class): {"rows": total.rows, "rows_done": 0, "objects": {}, "bytes": 0}
        for media_class, total in totals.items()
    }
    return _document(_not_begun("planned", classes))


@contextmanager
def told_if_not_begun(form: str) -> Iterator[None]:
    """Have the document that is promised for every end printed where a run ends before it has begun."""
    try:
        yield
    except KeyboardInterrupt:
        tell_not_begun(JobState.INTERRUPTED, form)
        raise
    except MastodonExporterError as error:
        if exit_code_of(error) == FAILED:
            tell_not_begun(JobState.FAILED, form)
        raise


def tell_not_begun(state: JobState, form: str) -> None:
    """Print a run that ended before it began, where that is to be a document."""
    if form == "json":
        click.echo(_document(_not_begun(state, {})))


def run_document(record: JobRecord) -> str:
    """Return a run as the ledger has it."""
    return _document(job_object(record))


def print_run(record: JobRecord) -> None:
    """Print what a run has done of each class."""
    told = [result for result in MediaResult if any(_count(record, name, result) for name in record.progress)]
    table = _table("class", "rows", *told, "bytes")
    for name, progress in record.progress.items():
        counts = [f"{_count(record, name, result):,}" for result in told]
        size_bytes = record.counts.get(Series(MEDIA_SYNC_BYTES, (name,)), 0)
        table.add_row(name, f"{progress.done:,} of {progress.total:,}", *counts, decimal(size_bytes))
    _print(table)


def count_of(record: JobRecord, result: MediaResult) -> int:
    """Return how many objects of all classes had a result."""
    return sum(_count(record, name, result) for name in record.progress)


def _count(record: JobRecord, name: str, result: MediaResult) -> int:
    return record.counts.get(Series(MEDIA_SYNC_OBJECTS, (name, result)), 0)


def _size(size_bytes: int | None) -> str:
    return "-" if size_bytes is None else decimal(size_bytes)


def _not_begun(state: str, classes: dict[str, Any]) -> dict[str, Any]:
    return {"job": MEDIA_SYNC, "state": state, "started": None, "ended": None, "heartbeat": None, "classes": classes}


def _document(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2)


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 2))
    table.add_column(first)
    for heading in others:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _print(table: Table) -> None:
    Console(width=None if sys.stdout.isatty() else PIPED_WIDTH, highlight=False).print(table)
