"""How far a media sync has come: a bar for each class on a terminal, lines now and then elsewhere."""

import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import click
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text

from exporter.ledger.media_record import RangeResult
from exporter.mastodon.attachments import MediaClass

SECONDS_A_LINE = 10.0
WINDOW_SECONDS = 30.0
"""Rates are those of so many seconds."""


@dataclass(frozen=True)
class Sample:
    """How much was done by a moment."""

    seconds: float
    rows: int = 0
    objects: int = 0
    size_bytes: int = 0


@dataclass(frozen=True)
class Pace:
    """How much is done in a second; `left_seconds` is None where nothing is."""

    objects: float
    size_bytes: float
    left_seconds: float | None

    def __str__(self) -> str:
        left = "" if self.left_seconds is None else f", {duration(self.left_seconds)} left"
        return f"{self.objects:,.0f} objects/s, {decimal(round(self.size_bytes))}/s{left}"


class ClassProgress:
    """How far one class has come; any thread may tell, and any ask."""

    def __init__(self, total: int, done: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.total = total
        self._clock = clock
        self._lock = threading.Lock()
        self._rows = done
        self._objects = 0
        self._size_bytes = 0
        self._samples: deque[Sample] = deque()

    @property
    def rows(self) -> int:
        """How many rows are done and recorded."""
        return self._rows

    def tell(self, objects: int, size_bytes: int) -> None:
        """Count objects that were seen to."""
        with self._lock:
            self._begin()
            self._objects += objects
            self._size_bytes += size_bytes

    def advance(self, rows: int) -> None:
        """Count rows that are recorded."""
        with self._lock:
            self._begin()
            self._rows += rows
            self.total = max(self.total, self._rows)

    def pace(self) -> Pace | None:
        """Return how fast it goes at present; None where nothing was done yet."""
        with self._lock:
            if not self._samples:
                return None
            first, now = self._samples[0], self._now()
            self._samples.append(now)
            while now.seconds - self._samples[0].seconds > WINDOW_SECONDS:
                first = self._samples.popleft()
            return _pace(first, now, self.total - self._rows)

    def _begin(self) -> None:
        if not self._samples:
            self._samples.append(self._now())

    def _now(self) -> Sample:
        return Sample(self._clock(), self._rows, self._objects, self._size_bytes)


def _pace(first: Sample, now: Sample, rows_left: int) -> Pace:
    seconds = max(now.seconds - first.seconds, 0.001)
    rows_a_second = (now.rows - first.rows) / seconds
    left_seconds = rows_left / rows_a_second if rows_a_second else None
    return Pace((now.objects - first.objects) / seconds, (now.size_bytes - first.size_bytes) / seconds, left_seconds)


def duration(seconds: float) -> str:
    """Return a time for people: `5 s`, `2:05`, `26:02:05`."""
    whole = round(seconds)
    if whole < 60:  # noqa: PLR2004 - seconds a minute
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@dataclass
class MediaProgress:
    """All classes together. `show` is called whenever pages were recorded."""

    classes: Mapping[str, ClassProgress]
    show: Callable[[str], None] = field(default=lambda _name: None)

    def told(self, media_class: MediaClass, objects: int, size_bytes: int) -> None:
        """Count objects that were seen to."""
        if objects:
            self.classes[media_class].tell(objects, size_bytes)

    def recorded(self, results: Sequence[RangeResult]) -> None:
        """Count rows that are recorded."""
        rows: Counter[str] = Counter()
        for result in results:
            rows[result.scope.media_class] += result.rows
        for name, count in rows.items():
            self.classes[name].advance(count)
            self.show(name)


class _PaceColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        """Return how fast a class goes."""
        progress: ClassProgress = task.fields["progress"]
        pace = None if task.finished else progress.pace()
        return Text(str(pace) if pace else "")


@contextmanager
def media_progress(classes: Mapping[str, ClassProgress]) -> Iterator[MediaProgress]:
    """Give what is to be told of a run; it is shown on standard error."""
    if not sys.stderr.isatty():
        yield MediaProgress(classes, _Lines(classes).show)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _PaceColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        tasks = {name: _task(progress, name, one) for name, one in classes.items()}

        def show(name: str) -> None:
            progress.update(tasks[name], completed=classes[name].rows, total=classes[name].total)

        yield MediaProgress(classes, show)


def _task(progress: Progress, name: str, one: ClassProgress) -> TaskID:
    return progress.add_task(name, total=one.total, completed=one.rows, progress=one)


class _Lines:
    """Says nothing about what is done within seconds, so that cron has nothing to mail."""

    def __init__(self, classes: Mapping[str, ClassProgress]) -> None:
        self._classes = classes
        self._said = time.monotonic()

    def show(self, name: str) -> None:
        """Say how far a class has come, if nothing was said for a while."""
        now = time.monotonic()
        if now - self._said >= SECONDS_A_LINE:
            self._said = now
            one = self._classes[name]
            click.echo(f"{name}: {one.rows} of {one.total} rows, {one.pace()}", err=True)
