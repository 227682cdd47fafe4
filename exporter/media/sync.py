"""A whole run: pages of rows are read ahead, threads see to their objects, and what became of each page is recorded."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from typing import NamedTuple, Protocol

from exporter.errors import MediaStoreError
from exporter.ledger.media_record import RangeResult, Scope
from exporter.ledger.names import MediaResult
from exporter.mastodon.attachments import Attachment, MediaClass, MediaObject, objects_of
from exporter.media.copying import Outcome
from exporter.media.failure_streak import FailureStreak
from exporter.media.page_tally import PageTally
from exporter.media.plan import Page
from exporter.media.skipping import KnownRanges, Open, PageLook, Skipping

PAGES_AHEAD = 32
"""So many pages are read and not yet recorded, at most."""
SECONDS_A_WRITE = 0.5

_POLL_SECONDS = 0.1


class CutShort(KeyboardInterrupt):
    """A run was interrupted twice: its threads are left behind in the middle of what they do."""


class Recorder(Protocol):
    """Where it is written down what became of pages."""

    def write(self, results: Sequence[RangeResult]) -> None: ...


@dataclass(frozen=True)
class Watcher:
    """Who follows a run: `check` raises KeyboardInterrupt where it is to stop, the others may be called by any thread.

    `told` is called with how many objects of a class were seen to, and the bytes that were written; `recorded` with
    pages once they are safe.
    """

    check: Callable[[], None] = lambda: None
    told: Callable[[MediaClass, int, int], None] = lambda *_: None
    recorded: Callable[[Sequence[RangeResult]], None] = lambda _results: None


@dataclass(frozen=True)
class Sync:
    """What a run is made of. `done` are the rows that this very run has counted before it was cut short.

    `stopping` is set where the run ends before its time; whoever waits for something should wait for it too.
    """

    skipping: Skipping
    see_to: Callable[[Open], Outcome]
    recorder: Recorder
    stopping: threading.Event
    workers: int
    done: Mapping[Scope, KnownRanges]

    def run(self, pages: Iterable[Page], destination: str, watcher: Watcher) -> None:
        """See to all objects of some pages.

        Raises KeyboardInterrupt where `check` does, and what the database, the ledger or a store raise where they
        cannot be used any more; what is done by then is recorded, and what was being done is let end first. Raises
        CutShort where a second KeyboardInterrupt, from a handler of signals, comes meanwhile.
        """
        _Running(self, destination, watcher).run(pages)


class _Task(NamedTuple):
    tally: PageTally
    open: Open


class _Running:
    def __init__(self, sync: Sync, destination: str, watcher: Watcher) -> None:
        self._sync = sync
        self._destination = destination
        self._watcher = watcher
        self._tasks: SimpleQueue[_Task | None] = SimpleQueue()
        self._results: SimpleQueue[RangeResult] = SimpleQueue()
        self._is_pointless = threading.Event()
        self._places = threading.Semaphore(PAGES_AHEAD)
        self._failures = FailureStreak[_Task]()

    def run(self, pages: Iterable[Page]) -> None:
        threads = ThreadPoolExecutor(self._sync.workers + 1, "media-sync")
        futures = [threads.submit(self._read, pages)]
        futures += [threads.submit(self._work) for _ in range(self._sync.workers)]
        try:
            self._follow(futures)
        except CutShort:
            self._sync.stopping.set()
            raise
        except BaseException:
            self._end(threads)
            raise
        self._end(threads)
        for future in futures:
            future.result()

    def _follow(self, futures: Sequence["Future[None]"]) -> None:
        """Record what is done until all is."""
        while not _are_over(futures):
            try:
                self._record(self._collected())
            except KeyboardInterrupt:  # that of a handler; the first is `check`'s
                raise CutShort from None
            self._watcher.check()

    def _end(self, threads: ThreadPoolExecutor) -> None:
        """Record what is done once nothing is under way any more."""
        self._sync.stopping.set()
        self._send_home()
        _wait_for(threads)
        if not self._is_pointless.is_set():
            self._settle(self._failures.let_go())
        self._record(self._at_hand())

    def _read(self, pages: Iterable[Page]) -> None:
        """Look through the pages as fast as they are recorded; runs in a thread of its own."""
        for page in pages:
            if not self._has_place():
                return
            self._begin(page)
        self._send_home()

    def _has_place(self) -> bool:
        while not self._sync.stopping.is_set():
            if self._places.acquire(timeout=_POLL_SECONDS):
                return True
            if self._tasks.empty():
                self._settle(self._failures.let_go())  # their pages are all that is waited for
        return False

    def _begin(self, page: Page) -> None:
        scope = Scope(self._destination, page.media_class, page.part)
        done = self._sync.done.get(scope, KnownRanges(()))
        fresh = [one for one in page.attachments if done.read_at(one.record_id) is None]
        look = self._sync.skipping.look(_objects(fresh))
        again = self._again(page, done)
        ids = replace(page.ids, acls=self._sync.skipping.placing.acls)
        is_done = done.cover(ids)
        begun = RangeResult(
            scope,
            rows=len({one.record_id for one in fresh}),
            objects={MediaResult.PRESENT: look.present} if look.present else {},
            page=None if is_done else ids,
            finished=None if is_done or page.finished is None else ids,
        )
        self._watcher.told(page.media_class, look.present, 0)
        self._hand_out(begun, look.with_more(again))

    def _again(self, page: Page, done: KnownRanges) -> PageLook:
        """Return what is left to do of rows that this run has counted before: they may have changed since."""
        seen = [one for one in page.attachments if done.read_at(one.record_id) is not None]
        skipping = self._sync.skipping.for_rows_of_this_run({(page.media_class, page.part): done})
        look = skipping.look(_objects(seen))
        return replace(look, open=tuple(replace(one, is_counted=True) for one in look.open))

    def _hand_out(self, begun: RangeResult, look: PageLook) -> None:
        if not look.open:
            self._results.put(begun)
            return
        tally = PageTally(begun, look)
        for one in look.open:
            self._tasks.put(_Task(tally, one))

    def _work(self) -> None:
        """See to one object after the other; runs in several threads."""
        while (task := self._tasks.get()) is not None:
            if self._sync.stopping.is_set():
                return
            outcome = self._sync.see_to(task.open)
            if self._sync.stopping.is_set() and outcome.result is MediaResult.FAILED:
                return  # it may have failed because it was cut short
            self._tell(task, outcome)

    def _tell(self, task: _Task, outcome: Outcome) -> None:
        self._watcher.told(task.open.media_object.attachment.media_class, 1, outcome.size_bytes)
        try:
            is_tried_again = task.tally.was_in_trouble(task.open)
            self._settle(self._failures.take(task, outcome, is_tried_again=is_tried_again))
        except MediaStoreError:
            self._is_pointless.set()
            self._sync.stopping.set()
            raise

    def _settle(self, told: Iterable[tuple[_Task, Outcome]]) -> None:
        for task, outcome in told:
            if result := task.tally.tell(task.open, outcome):
                self._results.put(result)

    def _send_home(self) -> None:
        for _ in range(self._sync.workers):
            self._tasks.put(None)

    def _collected(self) -> list[RangeResult]:
        """Return what has come together within half a second, or as soon as half of the pages ahead have."""
        results: list[RangeResult] = []
        ends = time.monotonic() + SECONDS_A_WRITE
        while len(results) < PAGES_AHEAD // 2 and (left_seconds := ends - time.monotonic()) > 0:
            try:
                results.append(self._results.get(timeout=left_seconds))
            except Empty:
                break
        return results

    def _at_hand(self) -> list[RangeResult]:
        results = []
        while not self._results.empty():
            results.append(self._results.get_nowait())
        return results

    def _record(self, results: Sequence[RangeResult]) -> None:
        if results:
            self._sync.recorder.write(results)
            self._watcher.recorded(results)
            self._places.release(len(results))


def _objects(attachments: Iterable[Attachment]) -> list[MediaObject]:
    return [one for attachment in attachments for one in objects_of(attachment)]


def _wait_for(threads: ThreadPoolExecutor) -> None:
    try:
        threads.shutdown()
    except KeyboardInterrupt:
        raise CutShort from None


def _are_over(futures: Sequence["Future[None]"]) -> bool:
    """Tell whether all threads have ended, or one of them by a fault."""
    ended = [future for future in futures if future.done()]
    return len(ended) == len(futures) or any(future.exception() for future in ended)
