"""What lies in its place already can be read by those who should, and by nobody else."""

from dataclasses import replace

import pytest

from exporter.mastodon.attachments import Attachment, MediaClass, MediaObject, objects_of
from exporter.media.access import Access, Righted
from exporter.media.placing import Placing
from exporter.media.store import Acl, Put
from tests.media.memory_store import MemoryStore

LOCAL = Attachment(MediaClass.MEDIA_ATTACHMENTS, 7, "file", "a.png", "image/png")
BOTH = Placing("new", Acl.PUBLIC_READ, Acl.PRIVATE)


def kept_with(acl: Acl | None, *, changes_acl: bool = True) -> MemoryStore:
    store = MemoryStore(changes_acl=changes_acl)
    for one in objects_of(LOCAL):
        store.put(Put(BOTH.key(one), "image/png", "", acl), b"12345")
    store.asked.clear()
    return store


def put_right(store: MemoryStore, one: MediaObject, placing: Placing = BOTH) -> Righted:
    return Access(store, placing).put_right(one, store.kept[BOTH.key(one)].head)


@pytest.mark.parametrize("before", [Acl.PRIVATE, Acl.PUBLIC_READ, None])
@pytest.mark.parametrize(("is_private", "after"), [(True, Acl.PRIVATE), (False, Acl.PUBLIC_READ)])
def test_an_acl_that_is_wrong_or_not_told_is_changed_and_the_bytes_stay(
    before: Acl | None, is_private: bool, after: Acl
) -> None:
    store = kept_with(before)
    one = objects_of(replace(LOCAL, is_private=is_private))[0]
    assert put_right(store, one) is Righted.RIGHT
    assert store.kept[BOTH.key(one)].put.acl is after
    assert store.kept[BOTH.key(one)].body == b"12345"
    changed = [] if before is after else ["SET ACL", "HEAD"]
    assert [verb for verb, _ in store.asked] == ["ACL", *changed]


def test_a_store_that_changes_no_acl_by_itself_is_told_so() -> None:
    store = kept_with(Acl.PUBLIC_READ, changes_acl=False)
    assert put_right(store, objects_of(replace(LOCAL, is_private=True))[0]) is Righted.STUCK


def test_where_no_acls_are_sent_nothing_is_asked() -> None:
    store = kept_with(None)
    one = objects_of(replace(LOCAL, is_private=True))[0]
    assert put_right(store, one, Placing("new", None, None)) is Righted.RIGHT
    assert store.asked == []


def test_an_object_that_has_lost_its_bytes_with_the_change_is_damaged() -> None:
    store = kept_with(Acl.PUBLIC_READ)
    store.damages_on_acl = True
    assert put_right(store, objects_of(replace(LOCAL, is_private=True))[0]) is Righted.DAMAGED


def test_other_bytes_of_the_same_size_are_noticed_where_both_tell_an_md5() -> None:
    store, one = kept_with(Acl.PUBLIC_READ), objects_of(replace(LOCAL, is_private=True))[0]
    before = replace(store.kept[BOTH.key(one)].head, etag="0" * 32)
    assert Access(store, BOTH).put_right(one, before) is Righted.DAMAGED
    assert Access(kept_with(None), BOTH).put_right(one, replace(before, etag="0-2")) is Righted.RIGHT
