"""Whether a destination has what the database names, and has it right: the plan, walked along two listings."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from exporter.errors import MediaStoreError, StoreUnavailable
from exporter.mastodon.attachments import MediaObject, objects_of
from exporter.media.contents import Contents
from exporter.media.copying import Rows
from exporter.media.findings import Finding, What
from exporter.media.placing import Placing
from exporter.media.plan import Page
from exporter.media.store import Acl
from exporter.media.whereabouts import Place, Whereabouts

PATIENCE_OBJECTS = 200
"""After so many objects in a row of which a store would not tell anything the rest is not asked for."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be said of one object. `unread`: why nothing can be said, in words."""

    findings: tuple[Finding, ...] = ()
    is_missing_at_source: bool = False
    unread: str = ""


RIGHT = Verdict()


@dataclass(frozen=True, slots=True)
class PageVerdict:
    """What is to be said of the objects of a page.

    `asked` is how many of them were asked for one by one, `verdicts` what is to be said of those that are not right.
    """

    rows: int
    objects: int
    asked: int
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True)
class DeepLook:
    """What `--deep` looks at beside all bytes. `acl_of` tells who may read an object; None where that is not known."""

    placing: Placing
    acl_of: Callable[[str], Acl | None]


@dataclass(frozen=True)
class Verification:
    """What a destination is held against.

    Without `deep` the listings decide, and what they put in doubt is asked for once more, read if need be, and
    counts only if its row is still as it was. What the source has no more is right if only it is there.

    `both_sides` has a thread for each store, so that Ctrl-C need not wait for either; `workers` ask for single objects.
    """

    destination: Whereabouts
    source: Whereabouts
    contents: Contents
    rows: Rows
    workers: Executor
    both_sides: Executor
    deep: DeepLook | None = None

    def verify(self, pages: Iterable[Page]) -> Iterator[PageVerdict]:
        """Yield what is to be said of each page. Raises MediaStoreError and DatabaseError."""
        unread_in_a_row = 0
        for page in pages:
            verdict = self._verdict(page)
            unread = [one.unread for one in verdict.verdicts if one.unread]
            unread_in_a_row = unread_in_a_row + len(unread) if len(unread) == verdict.asked else 0
            yield verdict
            if unread_in_a_row >= PATIENCE_OBJECTS:
                raise StoreUnavailable(f"{unread_in_a_row} objects in a row could not be looked at; {unread[-1]}")

    def _verdict(self, page: Page) -> PageVerdict:
        objects = [one for attachment in page.attachments for one in objects_of(attachment)]
        doubtful = objects if self.deep else self._doubtful(objects)
        verdicts = tuple(one for one in self.workers.map(self._judge, doubtful) if one != RIGHT)
        return PageVerdict(page.rows, len(objects), len(doubtful), verdicts)

    def _doubtful(self, objects: Sequence[MediaObject]) -> Sequence[MediaObject]:
        finding = [self.both_sides.submit(side.find, objects) for side in (self.source, self.destination)]
        here, there = (one.result() for one in finding)
        return [one for one in objects if not self._look_right(here.get(one.key), there.get(one.key))]

    def _look_right(self, here: Place | None, there: Place | None) -> bool:
        return there is not None and (here is None or self.contents.look_the_same(here.head, there.head))

    def _judge(self, one: MediaObject) -> Verdict:
        try:
            verdict = self._judgement(one)
        except MediaStoreError as error:
            return Verdict(unread=f"{one.key}: {error}")
        return verdict if verdict == RIGHT or self._is_as_read(one) else RIGHT

    def _judgement(self, one: MediaObject) -> Verdict:
        there = self.destination.ask(one)
        if there is None:
            return self._absent(one)
        here = self.source.ask(one)
        differences = (self._difference_of_bytes(here, there), *self._differences_of_headers(one, here, there))
        return Verdict(tuple(Finding(one, there.whole_key, what) for what in differences if what))

    def _absent(self, one: MediaObject) -> Verdict:
        absent = Verdict((Finding(one, self.destination.whole_key(one)),))
        try:
            is_nowhere = self.source.ask(one) is None
        except MediaStoreError:
            return absent  # that much is certain
        return Verdict(is_missing_at_source=True) if is_nowhere else absent

    def _difference_of_bytes(self, here: Place | None, there: Place) -> What | None:
        if here is None:
            return self.contents.decay(there) if self.deep else None
        if not self.deep and self.contents.look_the_same(here.head, there.head):
            return None
        return self.contents.difference(here, there)

    def _differences_of_headers(self, one: MediaObject, here: Place | None, there: Place) -> Iterator[What]:
        if self.deep is None:
            return
        expected = self.deep.placing.put(one, here.head if here else None)
        if here is not None and not _is_same(there.head.content_type, expected.content_type):
            yield What.CONTENT_TYPE
        if here is not None and not _is_same(there.head.cache_control, expected.cache_control):
            yield What.CACHE_CONTROL
        acl = self.deep.acl_of(there.whole_key) if expected.acl else None
        if acl is not None and acl is not expected.acl:
            yield What.ACL

    def _is_as_read(self, one: MediaObject) -> bool:
        now = self.rows.reread(one.attachment)
        if now is None or now.is_private != one.attachment.is_private:
            return False
        return one.key in {other.key for other in objects_of(now)}


def _is_same(header: str | None, expected: str) -> bool:
    return header is not None and "".join(header.lower().split()) == "".join(expected.lower().split())
