import logging

import pytest

from exporter.errors import StoreRefused, StoreUnavailable
from exporter.mastodon.attachments import Attachment, MediaClass, MediaObject, objects_of
from exporter.media.whereabouts import Place, Searched, Whereabouts, proper_place
from tests.media.kept_objects import KeptObjects


@pytest.fixture
def store() -> KeptObjects:
    return KeptObjects()


def _objects(row_id: int = 7) -> tuple[MediaObject, ...]:
    """Two objects, the second of which may lie at four places."""
    picture = Attachment(
        MediaClass.MEDIA_ATTACHMENTS, row_id, "file", "a.avif", "image/avif", is_remote=True, storage_schema_version=1
    )
    return objects_of(picture)


@pytest.mark.parametrize("can_list", [True, False])
def test_finds_what_lies_under_any_of_its_keys_the_proper_one_first(store: KeptObjects, can_list: bool) -> None:
    original, small = _objects()
    assert len(small.other_keys) == 3
    for key in (small.key, *small.other_keys, *original.other_keys):
        store.put(f"old/{key}")
    whereabouts = Whereabouts(Searched(store, "old", store if can_list else None))
    found = whereabouts.find([original, small])
    assert {key: place.whole_key for key, place in found.items()} == {
        original.key: f"old/{original.other_keys[0]}",
        small.key: f"old/{small.key}",
    }
    store.objects.pop(f"old/{small.key}")
    for place in small.other_keys:
        assert Whereabouts(Searched(store, "old", store)).find([small])[small.key].whole_key == f"old/{place}"
        store.objects.pop(f"old/{place}")
    assert whereabouts.find([]) == {}


def test_asking_gives_the_headers_too(store: KeptObjects) -> None:
    original, small = _objects()
    store.put(original.other_keys[0], b"12345", content_type="image/avif")
    place = Whereabouts(Searched(store)).ask(original)
    assert place == Place(original.other_keys[0], store.objects[original.other_keys[0]].head)
    assert Whereabouts(Searched(store)).ask(small) is None


@pytest.mark.parametrize("can_list", [True, False])
def test_only_the_proper_place_counts_where_mastodon_will_look(store: KeptObjects, can_list: bool) -> None:
    original, _small = _objects()
    store.put(original.other_keys[0])
    whereabouts = Whereabouts(Searched(store, "", store if can_list else None), proper_place)
    assert whereabouts.find([original]) == {}
    assert whereabouts.ask(original) is None
    assert whereabouts.whole_key(original) == original.key


def test_a_store_that_may_not_be_listed_is_asked_for_each_and_that_is_said_once(
    store: KeptObjects, caplog: pytest.LogCaptureFixture
) -> None:
    original, _small = _objects()
    store.put(original.key)
    store.listing_failure = StoreRefused("it answered 403")
    whereabouts = Whereabouts(Searched(store, "", store))
    with caplog.at_level(logging.WARNING):
        assert list(whereabouts.find([original])) == list(whereabouts.find([original])) == [original.key]
    assert store.asked["list"] == 1
    assert [record.getMessage() for record in caplog.records] == [
        "a store may not be listed, so it is asked for each object: it answered 403"
    ]


def test_a_store_that_cannot_be_listed_now_is_no_reason_to_ask_for_each(store: KeptObjects) -> None:
    store.listing_failure = StoreUnavailable("it answered 503")
    with pytest.raises(StoreUnavailable):
        Whereabouts(Searched(store, "", store)).find(_objects())
    assert store.asked["head"] == 0
