from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import chain

import pytest

from exporter.errors import MediaStoreError, StoreRefused, StoreUnavailable
from exporter.ledger.media_record import IdRange
from exporter.mastodon.attachments import Attachment, MediaClass, MediaObject, objects_of
from exporter.media.byte_budget import ByteBudget
from exporter.media.contents import Contents
from exporter.media.findings import Finding, What
from exporter.media.placing import Placing
from exporter.media.plan import Page, Part
from exporter.media.store import Acl
from exporter.media.verify import PATIENCE_OBJECTS, DeepLook, PageVerdict, Verdict, Verification
from exporter.media.whereabouts import Searched, Whereabouts, proper_place
from tests.media.kept_objects import KeptObjects

MEMORY_BYTES = 1000
LARGE = bytes(range(250)) * 20


@dataclass
class World:
    """A source, a destination with another prefix, and the rows that name what should be there."""

    rows: dict[int, Attachment] = field(default_factory=dict)
    source: KeptObjects = field(default_factory=KeptObjects)
    destination: KeptObjects = field(default_factory=KeptObjects)
    placing: Placing = field(default_factory=lambda: Placing("new"))
    contents: Contents = field(init=False)

    def __post_init__(self) -> None:
        self.contents = Contents(self.source, self.destination, ByteBudget(MEMORY_BYTES), MEMORY_BYTES)

    def add(self, row_id: int, body: bytes = b"bytes", **told: object) -> MediaObject:
        """Add a row whose only object is at both places."""
        attachment = Attachment(MediaClass.ACCOUNTS, row_id, "avatar", f"{row_id}.png", "image/png", **told)  # type: ignore[arg-type]  # whatever a test tells of it
        self.rows[row_id] = attachment
        (media_object,) = objects_of(attachment)
        self.source.put(here(media_object), body)
        self.destination.put(there(media_object), body, acl=self.placing.put(media_object, None).acl)
        return media_object

    def reread(self, attachment: Attachment) -> Attachment | None:
        return self.rows.get(attachment.record_id)

    def pages(self, size: int = 2) -> list[Page]:
        rows = list(self.rows.values())
        pages = [rows[start : start + size] for start in range(0, len(rows), size)]
        ids = IdRange(0, 1, 0.0)
        return [Page(MediaClass.ACCOUNTS, Part.ALL, ids, len(some), tuple(some), None) for some in pages]

    def verify(self, pages: list[Page] | None = None, *, deep: bool = False) -> list[PageVerdict]:
        return list(self.verified(self.pages() if pages is None else pages, deep=deep))

    def verified(self, pages: list[Page], *, deep: bool = False) -> Iterator[PageVerdict]:
        with ThreadPoolExecutor(1) as workers, ThreadPoolExecutor(2) as both_sides:
            destination = Searched(self.destination, "new", self.destination)
            yield from Verification(
                destination=Whereabouts(destination, proper_place, workers.map),
                source=Whereabouts(Searched(self.source, "old", self.source), ask_each=workers.map),
                contents=self.contents,
                rows=self,
                workers=workers,
                both_sides=both_sides,
                deep=DeepLook(self.placing, self.destination.acl_of) if deep else None,
            ).verify(pages)

    def verdicts(self, *, deep: bool = False) -> list[Verdict]:
        return list(chain.from_iterable(page.verdicts for page in self.verify(deep=deep)))

    def found(self, *, deep: bool = False) -> list[tuple[str, What | None]]:
        findings = chain.from_iterable(verdict.findings for verdict in self.verdicts(deep=deep))
        return [(finding.media_object.key, finding.what) for finding in findings]


def here(media_object: MediaObject) -> str:
    return f"old/{media_object.key}"


def there(media_object: MediaObject) -> str:
    return f"new/{media_object.key}"


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize("deep", [False, True])
def test_nothing_is_said_of_what_is_right(world: World, deep: bool) -> None:
    for row_id in range(1, 6):
        world.add(row_id)
    assert [(page.rows, page.objects, page.verdicts) for page in world.verify(deep=deep)] == [
        (2, 2, ()),
        (2, 2, ()),
        (1, 1, ()),
    ]


def test_what_is_right_takes_one_listing_a_side_and_nothing_else(world: World) -> None:
    for row_id in range(1, 50):
        world.add(row_id)
    world.verify()
    assert world.source.asked == world.destination.asked == {"list": 1}


@pytest.mark.parametrize("deep", [False, True])
def test_what_the_source_has_and_the_destination_has_not_is_missing(world: World, deep: bool) -> None:
    lost = world.add(1)
    world.add(2)
    del world.destination.objects[there(lost)]
    (verdict,) = world.verdicts(deep=deep)
    assert verdict == Verdict((Finding(lost, there(lost)),))


@pytest.mark.parametrize("deep", [False, True])
def test_what_neither_has_is_missing_at_the_source(world: World, deep: bool) -> None:
    lost = world.add(1)
    del world.destination.objects[there(lost)], world.source.objects[here(lost)]
    assert world.verdicts(deep=deep) == [Verdict(is_missing_at_source=True)]


@pytest.mark.parametrize("deep", [False, True])
def test_what_the_source_has_no_more_is_right_where_it_is_there(world: World, deep: bool) -> None:
    del world.source.objects[here(world.add(1))]
    assert world.found(deep=deep) == []


@pytest.mark.parametrize("deep", [False, True])
def test_what_lies_elsewhere_at_the_source_is_compared_all_the_same(world: World, deep: bool) -> None:
    moved = world.add(1, is_remote=True, storage_schema_version=1)
    spoilt = world.add(2, is_remote=True, storage_schema_version=1)
    for one in (moved, spoilt):
        world.source.objects[f"old/{one.other_keys[0]}"] = world.source.objects.pop(here(one))
    world.destination.put(there(spoilt), b"other")
    assert world.found(deep=deep) == [(spoilt.key, What.MD5)]


@pytest.mark.parametrize("deep", [False, True])
def test_an_object_of_another_size_differs(world: World, deep: bool) -> None:
    cut = world.add(1)
    world.destination.put(there(cut), b"byte")
    assert world.found(deep=deep) == [(cut.key, What.SIZE)]


@pytest.mark.parametrize("deep", [False, True])
def test_other_bytes_of_the_same_size_differ(world: World, deep: bool) -> None:
    flipped = world.add(1)
    world.destination.put(there(flipped), b"bytez")
    assert world.found(deep=deep) == [(flipped.key, What.MD5)]


def test_only_a_deep_look_reads_what_has_no_sum(world: World) -> None:
    large = world.add(1, LARGE)
    world.source.put(here(large), LARGE, etag="0123456789abcdef0123456789abcdef-3")
    world.destination.put(there(large), LARGE[::-1], etag="0123456789abcdef0123456789abcdef-2")
    assert world.found() == []
    assert world.found(deep=True) == [(large.key, What.MD5)]


def test_only_a_deep_look_finds_bytes_that_have_rotten_under_their_etag(world: World) -> None:
    rotten, alone, _sound = world.add(1), world.add(2), world.add(3)
    for one in (rotten, alone):
        world.destination.objects[there(one)].body = b"bytez"
    del world.source.objects[here(alone)]
    assert world.found() == []
    assert world.found(deep=True) == [(rotten.key, What.MD5), (alone.key, What.MD5)]


def test_a_deep_look_reads_the_destination_once_and_the_source_only_where_its_etag_does_not_tell(world: World) -> None:
    world.add(1)
    by_parts = world.add(2)
    world.source.put(here(by_parts), etag="0123456789abcdef0123456789abcdef-3")
    assert world.found(deep=True) == []
    assert (world.source.asked["get"], world.destination.asked["get"]) == (1, 2)


def test_large_objects_are_read_in_parts_out_of_the_memory_of_all(world: World) -> None:
    for row_id in range(1, 9):
        world.source.put(here(world.add(row_id, LARGE)), LARGE, etag="no sum")
    assert world.found(deep=True) == []
    assert world.destination.largest_read_bytes == world.source.largest_read_bytes == MEMORY_BYTES // 4
    assert world.destination.asked["get"] == 8 * len(LARGE) / (MEMORY_BYTES // 4)


def test_an_empty_object_is_no_trouble(world: World) -> None:
    world.add(1, b"")
    assert world.found(deep=True) == []


@pytest.mark.parametrize(
    ("told", "what"),
    [
        ({"content_type": "image/jpeg"}, What.CONTENT_TYPE),
        ({"content_type": None}, What.CONTENT_TYPE),
        ({"cache_control": "no-cache"}, What.CACHE_CONTROL),
        ({"cache_control": None}, What.CACHE_CONTROL),
        ({"acl": Acl.PRIVATE}, What.ACL),
    ],
)
def test_a_deep_look_finds_headers_and_access_that_are_not_as_they_should_be(
    world: World, told: dict[str, object], what: What
) -> None:
    wrong = world.add(1)
    world.destination.put(there(wrong), b"bytes", **told)
    assert world.found() == []
    assert world.found(deep=True) == [(wrong.key, what)]


def test_everything_that_differs_is_told(world: World) -> None:
    wrong = world.add(1)
    world.destination.put(there(wrong), b"bytez", content_type="a/b", cache_control="no", acl=Acl.PRIVATE)
    (verdict,) = world.verdicts(deep=True)
    whats = [What.MD5, What.CONTENT_TYPE, What.CACHE_CONTROL, What.ACL]
    assert verdict.findings == tuple(Finding(wrong, there(wrong), what) for what in whats)


def test_what_should_be_private_and_is_public_differs(world: World) -> None:
    private = world.add(1, is_private=True)
    assert world.found(deep=True) == []
    world.destination.put(there(private), acl=Acl.PUBLIC_READ)
    assert world.found(deep=True) == [(private.key, What.ACL)]


def test_a_store_that_does_not_tell_who_may_read_is_not_blamed(world: World) -> None:
    world.destination.put(there(world.add(1)), acl=None)
    assert world.found(deep=True) == []


def test_where_no_acl_is_set_none_is_asked_for(world: World) -> None:
    world.placing = Placing("new", None, None)
    world.destination.put(there(world.add(1)), acl=Acl.PRIVATE)
    assert world.found(deep=True) == []
    assert world.destination.asked["acl"] == 0


def test_headers_are_those_of_the_source_however_they_are_written(world: World) -> None:
    one = world.add(1)
    world.source.put(here(one), content_type="text/CSV; charset=utf-8", cache_control="no-cache")
    world.destination.put(there(one), content_type="text/csv;charset=UTF-8", cache_control="no-cache")
    assert world.found(deep=True) == []


def test_a_source_without_headers_leaves_those_of_mastodon(world: World) -> None:
    world.source.put(here(world.add(1)), content_type=None, cache_control=None)
    assert world.found(deep=True) == []


def _forget(world: World, one: MediaObject) -> None:
    del world.rows[one.attachment.record_id]


def _rename(world: World, one: MediaObject) -> None:
    world.rows[one.attachment.record_id] = replace(one.attachment, file_name="other.png")


def _hide(world: World, one: MediaObject) -> None:
    world.rows[one.attachment.record_id] = replace(one.attachment, is_private=True)


@pytest.mark.parametrize("change", [_forget, _rename, _hide])
def test_an_object_whose_row_has_changed_meanwhile_is_not_judged(world: World, change: object) -> None:
    lost, spoilt, nowhere = world.add(1), world.add(2), world.add(3)
    pages = world.pages()
    del world.destination.objects[there(lost)]
    world.destination.put(there(spoilt), b"other")
    del world.destination.objects[there(nowhere)], world.source.objects[here(nowhere)]
    for one in (lost, spoilt, nowhere):
        change(world, one)  # type: ignore[operator]  # each of the functions above
    assert [page.verdicts for page in world.verify(pages)] == [(), ()]


def test_what_a_listing_has_left_out_is_asked_for_before_it_is_called_missing(world: World) -> None:
    one = world.add(1)
    world.destination.not_listed.add(there(one))
    world.source.not_listed.add(here(one))
    assert world.found() == []
    assert world.destination.asked["head"] == 1


def test_sums_that_are_none_cost_a_look_and_no_false_alarm(world: World) -> None:
    for row_id in range(1, 8):
        one = world.add(row_id)
        world.destination.put(there(one), etag=f"{row_id:032x}", is_etag_opaque=True)
    assert world.found() == []
    assert world.destination.asked["get"] == 0
    assert world.destination.asked["head"] <= 2


def test_sums_that_are_none_and_do_not_say_so_cost_one_reading(world: World) -> None:
    for row_id in range(1, 8):
        world.destination.put(there(world.add(row_id)), etag=f"{row_id:032x}")
    pages = world.pages(size=1)
    assert [page.verdicts for page in world.verify(pages)] == [()] * 7
    assert world.destination.asked["get"] == 1


def test_one_rotten_object_does_not_shake_the_trust_in_all_sums(world: World) -> None:
    rotten, flipped = world.add(1), world.add(2)
    world.source.objects[here(rotten)].body = b"other"
    world.destination.put(there(rotten), b"wrong")
    world.destination.put(there(flipped), b"bytez")
    assert world.found() == [(rotten.key, What.MD5), (flipped.key, What.MD5)]


def test_without_the_right_to_list_every_object_is_asked_for(world: World) -> None:
    lost = world.add(1)
    world.add(2)
    del world.destination.objects[there(lost)]
    world.destination.listing_failure = world.source.listing_failure = StoreRefused("403")
    assert world.found() == [(lost.key, None)]
    assert world.source.asked["list"] == world.destination.asked["list"] == 1


def test_a_listing_that_fails_ends_it(world: World) -> None:
    world.add(1)
    world.source.listing_failure = StoreUnavailable("503")
    with pytest.raises(StoreUnavailable):
        world.verify()


@pytest.mark.parametrize("error", [StoreUnavailable("503"), StoreRefused("403")])
def test_what_is_not_at_the_destination_is_missing_even_if_the_source_cannot_be_asked(
    world: World, error: MediaStoreError
) -> None:
    lost = world.add(1)
    del world.destination.objects[there(lost)]
    world.source.failing[here(lost)] = error
    assert world.found() == [(lost.key, None)]


def test_an_object_that_a_store_does_not_tell_of_is_neither_right_nor_missing(world: World) -> None:
    silent, lost = world.add(1), world.add(2)
    for one in (silent, lost):
        del world.destination.objects[there(one)]
    world.destination.failing[there(silent)] = StoreUnavailable("it answered 503")
    assert world.verdicts() == [
        Verdict(unread=f"{silent.key}: it answered 503"),
        Verdict((Finding(lost, there(lost)),)),
    ]


def test_a_store_that_is_away_is_not_asked_for_everything(world: World) -> None:
    for row_id in range(1, 3 * PATIENCE_OBJECTS):
        world.destination.failing[there(world.add(row_id))] = StoreUnavailable("it takes no connection")
    told = world.verified(world.pages(size=50), deep=True)
    with pytest.raises(StoreUnavailable, match=r"200 objects in a row could not be looked at; .*takes no connection"):
        list(told)
    assert world.destination.asked["head"] == PATIENCE_OBJECTS


def test_a_few_that_cannot_be_read_among_many_end_nothing(world: World) -> None:
    for row_id in range(1, 3 * PATIENCE_OBJECTS):
        one = world.add(row_id)
        if row_id % 2:
            world.destination.failing[there(one)] = StoreUnavailable("reset")
    assert len(world.verdicts(deep=True)) == 3 * PATIENCE_OBJECTS // 2
