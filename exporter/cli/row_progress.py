"""How far a long run over rows has come: a bar on a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

SECONDS_A_LINE = 10.0


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        """Return rows a second."""
        return Text(f"{task.speed:,.0f}/s" if task.speed else "")


@contextmanager
def row_progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Give the function that is told how many more rows are done; all goes to standard error."""
    if not sys.stderr.isatty():
        yield _Lines(what, total).advance
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda rows: progress.advance(task, rows)


class _Lines:
    """Says nothing about what is done within seconds, so that cron has nothing to mail."""

    def __init__(self, what: str, total: int) -> None:
        self._what = what
        self._total = total
        self._done = 0
        self._started = self._said = time.monotonic()

    def advance(self, rows: int) -> None:
        """Count rows that are done."""
        self._done += rows
        now = time.monotonic()
        if now - self._said < SECONDS_A_LINE:
            return
        self._said = now
        rate = self._done / (now - self._started)
        left_seconds = max(self._total - self._done, 0) / rate
        click.echo(f"{self._what}: {self._done} of {self._total}, {rate:.0f}/s, {left_seconds:.0f} s left", err=True)
