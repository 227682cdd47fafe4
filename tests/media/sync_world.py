"""A move between two stores in memory, recorded in a real ledger."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from exporter.ledger import (
    MEDIA_SYNC,
    MEDIA_SYNC_OBJECTS,
    IdRange,
    JobRecord,
    Ledger,
    MediaRecord,
    MediaResult,
    MediaRun,
    RangeResult,
    Scope,
    Series,
    read_ledger,
)
from exporter.mastodon.attachments import Attachment, MediaClass, MediaObject, objects_of
from exporter.media.access import Access
from exporter.media.byte_budget import ByteBudget
from exporter.media.comparing import Comparing
from exporter.media.copying import Copying, Outcome
from exporter.media.mover import Mover
from exporter.media.placing import Placing
from exporter.media.plan import Page, Part
from exporter.media.skip_choice import Knowledge
from exporter.media.skipping import KnownRanges, Open, SkipBy
from exporter.media.sync import Recorder, Sync, Watcher
from tests.media.memory_store import MemoryStore

DESTINATION = "d1"
MEMORY_BYTES = 1_000_000
PAGE_ROWS = 10
SCOPE = Scope(DESTINATION, "media_attachments", "all")


@dataclass
class SyncWorld:
    """`count` images, of which each has two objects; the clock of the database is `now`."""

    folder: Path
    count: int = 100
    workers: int = 4
    now: float = 1_000_000.0
    source: MemoryStore = field(default_factory=MemoryStore)
    destination: MemoryStore = field(default_factory=MemoryStore)
    placing: Placing = field(default_factory=Placing)
    pages_read: int = 0
    see_to: Callable[[Mover, Open], Outcome] = Mover.see_to

    def __post_init__(self) -> None:
        self.rows = [
            Attachment(
                MediaClass.MEDIA_ATTACHMENTS,
                number,
                "file",
                f"{number}.png",
                "image/png",
                updated_timestamp_seconds=1.0,
            )
            for number in range(1, self.count + 1)
        ]
        self.keep_all()

    def objects(self) -> list[MediaObject]:
        return [one for row in self.rows for one in objects_of(row)]

    def is_complete(self) -> bool:
        """Tell whether everything is at the destination, as it was at the source."""
        return self.destination.bodies() == self.source.bodies()

    def reread(self, attachment: Attachment) -> Attachment | None:
        return next((row for row in self.rows if row.record_id == attachment.record_id), None)

    def keep_all(self) -> None:
        """Have the source have every object that the rows name now."""
        for one in self.objects():
            self.source.keep(one.key, one.key.encode())

    def change(self, record_id: int, file_name: str, changed_at: float | None = None) -> None:
        """Have a row get another file, now or as of another time."""
        place = record_id - 1
        changed_at = self.now if changed_at is None else changed_at
        self.rows[place] = replace(self.rows[place], file_name=file_name, updated_timestamp_seconds=changed_at)

    def pages(self) -> Iterator[Page]:
        after = 0
        for start in range(0, len(self.rows), PAGE_ROWS):
            rows = tuple(self.rows[start : start + PAGE_ROWS])
            ids = IdRange(after, rows[-1].record_id, self.now)
            after = ids.last
            self.pages_read += 1
            yield Page(MediaClass.MEDIA_ATTACHMENTS, Part.ALL, ids, len(rows), rows, ids)

    def run(
        self,
        watcher: Watcher = Watcher(),  # noqa: B008 it is frozen
        skip_by: SkipBy | None = None,
        recorded_by: Callable[[MediaRun], Recorder] = lambda media_run: media_run,
    ) -> None:
        """Move everything, under the entry of a run that was interrupted."""
        stopping = threading.Event()
        with closing(Ledger.open(self.folder)) as ledger, ledger.start(MEDIA_SYNC, "the same") as job:
            media_run = MediaRun(job)
            media_run.set_rows({"media_attachments": len(self.rows)})
            knowledge = Knowledge(MediaRecord(self.folder), DESTINATION, self.destination, self.placing)
            mover = self._mover(stopping)
            sync = Sync(
                knowledge.skipping(skip_by, [MediaClass.MEDIA_ATTACHMENTS]),
                lambda one: self.see_to(mover, one),
                recorded_by(media_run),
                stopping,
                self.workers,
                {SCOPE: KnownRanges(media_run.done(SCOPE))},
            )
            sync.run(self.pages(), DESTINATION, watcher)

    def job(self) -> JobRecord:
        """Return the last run as the ledger has it."""
        record = read_ledger(self.folder)
        assert record is not None
        return record.latest()[MEDIA_SYNC]

    def counts(self) -> dict[str, int]:
        """Return how many objects the last run has counted, by result."""
        counts = self.job().counts
        all_of_them = {
            one: counts.get(Series(MEDIA_SYNC_OBJECTS, ("media_attachments", one)), 0) for one in MediaResult
        }
        return {str(result): count for result, count in all_of_them.items() if count}

    def _mover(self, stopping: threading.Event) -> Mover:
        copying = Copying(
            source=self.source,
            destination=self.destination,
            source_prefix="",
            placing=self.placing,
            budget=ByteBudget(MEMORY_BYTES),
            memory_bytes=MEMORY_BYTES,
            rows=self,
            stopping=stopping,
        )
        comparing = Comparing(self.source, self.destination, "", self.placing)
        return Mover(comparing, Access(self.destination, self.placing), copying)


class Broken:
    """A recorder that has no space left after some writes."""

    def __init__(self, recorder: Recorder, writes: int, error: Exception) -> None:
        self._recorder = recorder
        self._writes = writes
        self._error = error

    def write(self, results: Sequence[RangeResult]) -> None:
        self._writes -= 1
        if self._writes < 0:
            raise self._error
        self._recorder.write(results)
