"""Both stores of a move as a command has them that only reads."""

import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import click

from exporter.cli.ending import INTERRUPTED, leave_at_once
from exporter.cli.media_setup import MediaSetup
from exporter.config.media_model import FolderSettings, S3Settings
from exporter.media.open_stores import open_source
from exporter.media.s3_client import Patience
from exporter.media.s3_store import S3Store
from exporter.media.store import Source
from exporter.media.store_pace import StorePace
from exporter.media.whereabouts import Searched


@dataclass(frozen=True)
class MediaReader:
    """Opens stores to be read. Once `stopping` is set nothing waits for its turn any more.

    `workers` ask for single objects, `both_sides` has a thread for each store: what the main thread itself waits for,
    Ctrl-C waits for too.
    """

    setup: MediaSetup
    workers: Executor
    both_sides: Executor
    stopping: threading.Event

    @property
    def patience(self) -> Patience:
        """How patiently stores are asked."""
        return Patience(sleep=self.stopping.wait)

    def source(self) -> Source:
        """Return where objects come from. Raises MediaStoreError and ConfigError."""
        return self._opened(self.setup.stores.source, self.source_pace())

    def destination(self) -> S3Store:
        """Return where objects go to. Raises as `source` does."""
        # The settings of a bucket open a bucket.
        return cast(S3Store, self._opened(self.setup.stores.destination, self.destination_pace()))

    def source_pace(self) -> StorePace:
        """Return how fast the source may be asked."""
        return StorePace(self.setup.settings.source_requests_per_second, sleep=self.stopping.wait)

    def destination_pace(self) -> StorePace:
        """Return how fast the destination may be asked."""
        return StorePace(self.setup.settings.destination_requests_per_second, sleep=self.stopping.wait)

    def _opened(self, settings: S3Settings | FolderSettings, pace: StorePace) -> Source:
        opened = self.both_sides.submit(open_source, settings, pace, self.patience).result()
        tell_notes(opened.notes)
        return opened.store


@contextmanager
def media_reader(setup: MediaSetup) -> Iterator[MediaReader]:
    """Give what opens the stores of a configuration. Ctrl-C ends the program: nothing is left half done by reading."""
    stopping = threading.Event()
    workers, both_sides = ThreadPoolExecutor(setup.settings.workers), ThreadPoolExecutor(2)
    try:
        yield MediaReader(setup, workers, both_sides, stopping)
    except KeyboardInterrupt:
        leave_at_once(INTERRUPTED)
    finally:
        stopping.set()
        for executor in (workers, both_sides):
            executor.shutdown(cancel_futures=True)


def searched(store: Source, settings: S3Settings | FolderSettings) -> Searched:
    """Return a store as one in which objects are looked for: by its listing, if it is a bucket."""
    prefix = settings.prefix if isinstance(settings, S3Settings) else ""
    return Searched(store, prefix, store if isinstance(store, S3Store) else None)


def tell_notes(notes: Iterable[str]) -> None:
    """Print what the user should know of a store."""
    for note in notes:
        click.echo(f"mastodon-remedy: {note}", err=True)
