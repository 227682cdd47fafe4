import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from exporter.errors import StoreRefused, StoreShut, StoreUnavailable
from exporter.ledger.names import MediaResult
from exporter.mastodon.attachments import Attachment, MediaClass, MediaObject, objects_of
from exporter.media.byte_budget import ByteBudget
from exporter.media.copying import Copying, NotFetched, Outcome, Refetching
from exporter.media.pace import Held
from exporter.media.placing import Placing
from exporter.media.store import Acl, ObjectHead, Put, StoredObject
from tests.media.memory_store import MemoryStore

MEMORY_BYTES = 16_000
LOCAL = Attachment(MediaClass.MEDIA_ATTACHMENTS, 7, "file", "a.png", "image/png")
REMOTE = replace(
    LOCAL, is_remote=True, storage_schema_version=1, domain="remote.example", remote_url="https://remote.example/a.png"
)
FOLDER = "media_attachments/files/000/000/007/original"


class Rows:
    """A database with one row."""

    def __init__(self, attachment: Attachment | None) -> None:
        self.attachment = attachment

    def reread(self, attachment: Attachment) -> Attachment | None:
        return self.attachment


class Fetching:
    """Has files of other servers."""

    def __init__(self, answer: bytes | NotFetched) -> None:
        self.answer = answer

    def fetch(self, media_object: MediaObject, largest_bytes: int, held: Held) -> bytes | NotFetched:
        return self.answer


class World:
    """Two stores and a row."""

    def __init__(self, attachment: Attachment = LOCAL) -> None:
        self.source, self.destination = MemoryStore(), MemoryStore()
        self.rows = Rows(attachment)
        self.object = objects_of(attachment)[0]
        self.stopping = threading.Event()
        self.budget = ByteBudget(MEMORY_BYTES)

    def copy(self, refetching: Refetching | None = None) -> Outcome:
        copying = Copying(
            source=self.source,
            destination=self.destination,
            source_prefix="old",
            placing=Placing("new"),
            budget=self.budget,
            memory_bytes=MEMORY_BYTES,
            rows=self.rows,
            stopping=self.stopping,
        )
        return (replace(copying, refetching=refetching) if refetching else copying).copy(self.object)


def test_an_object_is_copied_with_its_headers_and_one_request_a_side() -> None:
    world = World()
    world.source.keep(f"old/{FOLDER}/a.png", b"png", "image/apng", "max-age=1")
    assert world.copy() == Outcome(MediaResult.COPIED, 3)
    [(key, kept)] = world.destination.kept.items()
    assert (key, kept.body) == (f"new/{FOLDER}/a.png", b"png")
    assert (kept.put.content_type, kept.put.cache_control, kept.put.acl) == (
        "image/apng",
        "max-age=1",
        Acl.PUBLIC_READ,
    )
    assert (len(world.source.asked), len(world.destination.asked)) == (1, 1)


def test_an_empty_object_is_copied_too() -> None:
    world = World()
    world.source.keep(f"old/{FOLDER}/a.png", b"")
    assert world.copy() == Outcome(MediaResult.COPIED, 0)
    assert world.destination.bodies() == {f"new/{FOLDER}/a.png": b""}


def test_what_was_found_elsewhere_lands_where_mastodon_looks_for_it() -> None:
    world = World(REMOTE)
    world.source.keep(f"old/{FOLDER}/a.png", b"png")
    outcome = world.copy()
    assert (outcome.result, outcome.size_bytes) == (MediaResult.REPAIRED, 3)
    assert world.destination.bodies() == {f"new/cache/{FOLDER}/a.png": b"png"}


def test_what_is_hidden_is_written_as_private() -> None:
    world = World(replace(LOCAL, is_private=True))
    world.source.keep(f"old/{FOLDER}/a.png")
    world.copy()
    assert world.destination.kept[f"new/{FOLDER}/a.png"].put.acl is Acl.PRIVATE


def test_a_large_object_goes_in_parts() -> None:
    world = World()
    body = bytes(range(256)) * 40  # more than a quarter of the memory
    world.source.keep(f"old/{FOLDER}/a.png", body)
    assert world.copy() == Outcome(MediaResult.COPIED, len(body))
    assert world.destination.bodies() == {f"new/{FOLDER}/a.png": body}
    assert world.destination.verbs("PARTS")
    assert len(world.source.verbs("RANGE")) == 11


class Flipping(MemoryStore):
    """A source of which some readings of a large object have a wrong byte; the first reading has the number 1."""

    def __init__(self, *wrong: int, etag: str = "") -> None:
        super().__init__()
        self.wrong, self.readings, self.etag = wrong, 0, etag

    def get(self, key: str, largest_bytes: int, reserve: Callable[[int], None]) -> StoredObject | ObjectHead | None:
        found = super().get(key, largest_bytes, reserve)
        return replace(found, etag=self.etag or found.etag) if isinstance(found, ObjectHead) else found

    def get_range(self, key: str, start: int, size_bytes: int, head: ObjectHead) -> bytes:
        self.readings += start == 0
        part = self.kept[key].body[start : start + size_bytes]
        return b"!" + part[1:] if start == 0 and self.readings in self.wrong else part


UNCLEAR = "0" * 32 + "-2"


@pytest.mark.parametrize(
    ("source", "result"),
    [
        (Flipping(), MediaResult.COPIED),
        (Flipping(1), MediaResult.COPIED),
        (Flipping(1, 2), MediaResult.FAILED),
        (Flipping(etag=UNCLEAR), MediaResult.COPIED),
        (Flipping(1, etag=UNCLEAR), MediaResult.COPIED),
        (Flipping(1, 3, etag=UNCLEAR), MediaResult.FAILED),
        (Flipping(etag="x"), MediaResult.COPIED),
    ],
)
def test_a_large_object_arrives_as_it_is_or_not_at_all(source: Flipping, result: MediaResult) -> None:
    world = World()
    world.source = source
    body = bytes(range(256)) * 40
    world.source.keep(f"old/{FOLDER}/a.png", body)
    outcome = world.copy()
    assert outcome.result is result
    assert bool(outcome.detail) is (result is MediaResult.FAILED)
    assert world.destination.bodies() == ({f"new/{FOLDER}/a.png": body} if result is MediaResult.COPIED else {})


def test_of_a_large_object_one_part_is_held_at_a_time() -> None:
    world = World()
    held = 0

    class Part(bytes):
        def __del__(self) -> None:
            nonlocal held
            held -= 1

    class Counting(MemoryStore):
        def get_range(self, key: str, start: int, size_bytes: int, head: ObjectHead) -> bytes:
            nonlocal held
            assert held == 0
            held += 1
            return Part(super().get_range(key, start, size_bytes, head))

    class Taking(MemoryStore):
        def put_parts(self, put: Put, size_bytes: int, parts: Iterator[bytes]) -> None:
            for part in parts:
                assert len(part) <= size_bytes
                del part

    world.source, world.destination = Counting(), Taking()
    world.source.keep(f"old/{FOLDER}/a.png", bytes(range(256)) * 40)
    assert world.copy().result is MediaResult.COPIED
    assert len(world.source.verbs("RANGE")) == 11


def test_a_large_object_is_left_in_the_middle_when_the_run_is_stopped() -> None:
    world = World()
    world.source.keep(f"old/{FOLDER}/a.png", bytes(10_000))
    world.stopping.set()
    assert world.copy().result is MediaResult.FAILED
    assert world.destination.kept == {}


def test_inside_one_store_no_bytes_pass_through() -> None:
    world = World()
    world.destination.copies_inside = True
    world.source.keep(f"old/{FOLDER}/a.png", b"png", "image/png")
    assert world.copy() == Outcome(MediaResult.COPIED, 3)
    assert world.source.verbs("GET", "RANGE") == []
    assert world.destination.asked == [("COPY", f"new/{FOLDER}/a.png")]
    assert world.destination.kept[f"new/{FOLDER}/a.png"].put.acl is Acl.PUBLIC_READ


@pytest.mark.parametrize("size_bytes", [3, 10_000])
def test_a_store_that_refuses_to_copy_gets_the_bytes(size_bytes: int) -> None:
    world = World()

    class Refusing(MemoryStore):
        def can_copy_from(self, source: object) -> bool:
            return True

    world.destination = Refusing()
    world.source.keep(f"old/{FOLDER}/a.png", bytes(size_bytes))
    assert world.copy() == Outcome(MediaResult.COPIED, size_bytes)
    assert world.destination.bodies() == {f"new/{FOLDER}/a.png": bytes(size_bytes)}


@pytest.mark.parametrize("error", [StoreUnavailable("503 for the tenth time"), StoreRefused("403"), StoreShut("keys")])
@pytest.mark.parametrize("side", ["source", "destination"])
def test_a_store_in_trouble_is_a_failure_and_never_a_missing_object(
    error: StoreUnavailable | StoreRefused, side: str
) -> None:
    world = World(REMOTE)
    world.source.keep(f"old/{FOLDER}/a.png")
    store, key = (
        (world.source, f"old/cache/{FOLDER}/a.png")
        if side == "source"
        else (world.destination, f"new/cache/{FOLDER}/a.png")
    )
    store.broken[key] = error
    is_shut = isinstance(error, StoreShut)
    assert world.copy() == Outcome(MediaResult.FAILED, detail=str(error), is_shut=is_shut)
    assert world.destination.kept == {}


def test_a_source_in_trouble_is_not_asked_for_other_keys() -> None:
    world = World(REMOTE)
    world.source.broken[f"old/cache/{FOLDER}/a.png"] = StoreUnavailable("slow down")
    world.copy()
    assert world.source.verbs("GET") == [f"old/cache/{FOLDER}/a.png"]


def test_an_object_that_is_nowhere_is_missing() -> None:
    world = World(REMOTE)
    assert world.copy() == Outcome(MediaResult.MISSING)
    assert world.source.verbs("GET") == [f"old/cache/{FOLDER}/a.png", f"old/{FOLDER}/a.png"]


@pytest.mark.parametrize("now", [None, replace(LOCAL, file_name="b.png"), replace(LOCAL, content_type="audio/ogg")])
def test_an_object_whose_row_has_lost_it_is_gone(now: Attachment | None) -> None:
    world = World()
    world.object = objects_of(LOCAL)[1]  # of audio there is no small one
    world.rows.attachment = now
    assert world.copy() == Outcome(MediaResult.GONE)


def test_an_object_that_was_moved_between_two_looks_is_found_at_its_new_key() -> None:
    world = World(replace(REMOTE, storage_schema_version=0))
    world.rows.attachment = REMOTE
    moved = iter([f"old/cache/{FOLDER}/a.png"])

    def move_after_the_second_look(key: str) -> None:
        if len(world.source.verbs("GET")) == 2 and (place := next(moved, None)):
            world.source.keep(place, b"png")

    world.source.before_get = move_after_the_second_look
    assert world.copy().result is MediaResult.COPIED
    assert world.destination.bodies() == {f"new/cache/{FOLDER}/a.png": b"png"}


def test_what_the_destination_alone_has_is_present() -> None:
    world = World()
    world.destination.keep(f"new/{FOLDER}/a.png", b"written after the switch-over")
    assert world.copy().result is MediaResult.PRESENT
    assert world.destination.verbs("PUT") == []


@pytest.mark.parametrize("acl", [Acl.PUBLIC_READ, None])
def test_what_the_destination_alone_has_is_hidden_if_it_should_be(acl: Acl | None) -> None:
    world = World(replace(LOCAL, is_private=True))
    key = f"{FOLDER}/a.png"
    world.destination.put(Put(f"new/{key}", "image/png", "", acl), b"png")
    outcome = world.copy()
    assert (outcome.result, outcome.hidden_key) == (MediaResult.PRESENT, key)
    assert world.destination.kept[f"new/{key}"].put.acl is Acl.PRIVATE


def test_what_the_destination_alone_has_and_will_not_hide_has_failed() -> None:
    world = World(replace(LOCAL, is_private=True))
    world.destination.put(Put(f"new/{FOLDER}/a.png", "image/png", "", Acl.PUBLIC_READ), b"png")
    world.destination.changes_acl = False
    outcome = world.copy()
    assert (outcome.result, outcome.is_wrong, outcome.hidden_key) == (MediaResult.FAILED, False, None)
    assert "who may read it cannot be changed" in outcome.detail


def test_what_the_destination_alone_had_and_lost_with_a_change_of_its_acl_is_wrong() -> None:
    world = World(replace(LOCAL, is_private=True))
    world.destination.put(Put(f"new/{FOLDER}/a.png", "image/png", "", Acl.PUBLIC_READ), b"png")
    world.destination.damages_on_acl = True
    outcome = world.copy()
    assert (outcome.result, outcome.is_wrong) == (MediaResult.FAILED, True)
    assert "lost its bytes" in outcome.detail


def test_a_store_that_tells_and_changes_no_acls_is_believed_to_have_what_is_public() -> None:
    world = World()
    world.destination.keep(f"new/{FOLDER}/a.png", b"written after the switch-over")
    world.destination.changes_acl = False
    assert world.copy().result is MediaResult.PRESENT


def test_a_file_from_where_it_first_came_from_takes_the_place_of_a_missing_one() -> None:
    world = World(REMOTE)
    assert world.copy(Fetching(b"png")) == Outcome(MediaResult.REFETCHED, 3)
    kept = world.destination.kept[f"new/cache/{FOLDER}/a.png"]
    assert (kept.body, kept.put.content_type) == (b"png", "image/png")


def test_why_a_file_could_not_be_fetched_is_told() -> None:
    assert World(REMOTE).copy(Fetching(NotFetched("404"))) == Outcome(MediaResult.MISSING, detail="404")


def test_all_memory_is_given_back() -> None:
    for attachment in (LOCAL, REMOTE):
        world = World(attachment)
        world.source.keep(f"old/{FOLDER}/a.png", bytes(3000))
        world.copy()
        with world.budget.hold() as held:
            held.grow_to(MEMORY_BYTES)
