import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import StoreUnavailable
from exporter.media.listing_window import ListingWindow
from exporter.media.store import Listed
from tests.media.listed_keys import ListedKeys

PAGE_ROWS = 200


def _key(row_id: int, style: str = "original", *, head: str = "media_attachments/files") -> str:
    digits = f"{row_id:09d}" if row_id < 10**9 else str(row_id)
    groups = "/".join(digits[start : start + 3] for start in range(0, len(digits), 3))
    return f"{head}/{groups}/{style}/{row_id:x}.png"


def _pages(keys: list[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(keys), size):
        yield keys[start : start + size]


def _both(row_ids: range) -> list[str]:
    return [_key(row_id, style) for row_id in row_ids for style in ("original", "small")]


def test_tells_which_keys_are_there_and_how_large_they_are() -> None:
    window = ListingWindow(ListedKeys({_key(1): 17, _key(3): 0}))
    assert window.find([_key(3), _key(2), _key(1)]) == {
        _key(1): Listed(_key(1), 17),
        _key(3): Listed(_key(3), 0),
    }


def test_a_store_that_holds_nothing_holds_none_of_the_keys() -> None:
    assert ListingWindow(ListedKeys(())).find([_key(1), "x", "x/"]) == {}


def test_asking_for_nothing_asks_the_store_for_nothing() -> None:
    listing = ListedKeys([_key(1)])
    assert ListingWindow(listing).find([]) == {}
    assert listing.requests == 0


def test_pages_in_the_order_of_ids_read_the_listing_once() -> None:
    keys = _both(range(1, 10_001))
    listing = ListedKeys(keys)
    window = ListingWindow(listing)
    for page in _pages(keys, 2 * PAGE_ROWS):
        assert set(window.find(page)) == set(page)
    assert (listing.listings, listing.requests) == (1, len(keys) / 1000)


def test_old_and_new_ids_of_one_page_are_two_places_in_the_listing() -> None:
    old = _both(range(104_530_000, 104_531_000))
    new = _both(range(104_530_971_904_218_116, 104_530_971_904_219_116))
    listing = ListedKeys(old + new)
    window = ListingWindow(listing)
    for some_old, some_new in zip(_pages(old, PAGE_ROWS), _pages(new, PAGE_ROWS), strict=True):
        assert set(window.find(some_new + some_old)) == {*some_new, *some_old}
    assert listing.requests <= 2 * (len(old) + len(new)) / 1000 + 2


def test_a_long_stretch_of_other_objects_is_leapt_over() -> None:
    wanted = [_key(row_id) for row_id in range(1, 300_000, 20_000)]
    listing = ListedKeys(_key(row_id) for row_id in range(1, 300_000))
    assert set(ListingWindow(listing).find(wanted)) == set(wanted)
    assert listing.requests <= len(wanted) + 1


def test_objects_that_are_not_there_cost_no_request_each() -> None:
    listing = ListedKeys(_key(row_id) for row_id in range(1, 2_001, 2))
    window = ListingWindow(listing)
    for page in _pages([_key(row_id) for row_id in range(1, 2_001)], PAGE_ROWS):
        assert len(window.find(page)) == len(page) / 2
    assert listing.requests <= 3


def test_an_empty_prefix_is_asked_for_once() -> None:
    listing = ListedKeys(["accounts/avatars/000/000/001/original/a.png"])
    window = ListingWindow(listing)
    for page in _pages(_both(range(1, 2_001)), PAGE_ROWS):
        assert window.find(page) == {}
    assert listing.requests == 1


def test_the_prefix_of_a_store_may_look_like_ids() -> None:
    prefix = "a/b/000/000/000"
    keys = [f"{prefix}/{key}" for key in _both(range(1, 1_001))]
    listing = ListedKeys(keys)
    window = ListingWindow(listing, prefix)
    for page in _pages(keys, PAGE_ROWS):
        assert set(window.find(page)) == set(page)
    assert listing.requests == 2


def test_pages_that_come_again_or_out_of_order_are_found_as_well() -> None:
    keys = _both(range(1, 2_001))
    window = ListingWindow(ListedKeys(keys))
    pages = list(_pages(keys, PAGE_ROWS))
    for page in [*reversed(pages), pages[3], pages[3]]:
        assert set(window.find(page)) == set(page)


def test_a_store_that_lists_in_no_order_ends_all_the_same() -> None:
    class Shuffled:
        def list_from(self, prefix: str, after: str = "") -> Iterator[Listed]:
            keys = [_key(row_id) for row_id in range(1, 5_000)]
            return (Listed(key, 0) for key in reversed(keys) if key.startswith(prefix) and after is not None)

    assert set(ListingWindow(Shuffled()).find([_key(7), _key(4_000)])) <= {_key(7), _key(4_000)}


def test_a_store_that_starts_from_the_beginning_each_time_ends_all_the_same() -> None:
    class Forgetful:
        def list_from(self, prefix: str, after: str = "") -> Iterator[Listed]:
            return ListedKeys(_key(row_id) for row_id in range(1, 5_000)).list_from(prefix) if after else iter(())

    assert set(ListingWindow(Forgetful()).find([_key(4_000)])) == {_key(4_000)}


def test_what_the_store_raises_comes_out() -> None:
    class Away:
        def list_from(self, prefix: str, after: str = "") -> Iterator[Listed]:
            raise StoreUnavailable(prefix + after)

    with pytest.raises(StoreUnavailable):
        ListingWindow(Away()).find([_key(1)])


def test_memory_does_not_grow_with_what_is_listed() -> None:
    class Endless:
        def list_from(self, prefix: str, after: str = "") -> Iterator[Listed]:
            first = int(after.split("/", 2)[2].replace("/", "")[:9])
            return (Listed(f"{prefix}{_key(row_id)[len(prefix) :]}", 0) for row_id in range(first, 10**9))

    window = ListingWindow(Endless())
    tracemalloc.start()
    for start in range(1, 50_000, PAGE_ROWS):
        assert len(window.find(_key(row_id) for row_id in range(start, start + PAGE_ROWS))) == PAGE_ROWS
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 1_000_000


def test_memory_does_not_grow_with_the_folders_that_were_looked_at() -> None:
    class Heavy:
        def list_from(self, prefix: str, after: str = "") -> Iterator[Listed]:
            held = bytes(10_000)
            yield Listed(f"{prefix}b", len(held + after.encode()))
            yield Listed(f"{prefix}c", len(held))

    window = ListingWindow(Heavy())
    tracemalloc.start()
    for number in range(1000):
        assert window.find([f"folder{number}/b"])
    held_bytes = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert held_bytes < 1_000_000


_SEGMENT = st.one_of(
    st.sampled_from(["cache", "accounts", "avatars", "000", "001", "999", "original", "static", "", ".", ".."]),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/"), max_size=4),
)
_KEYS = st.lists(st.lists(_SEGMENT, min_size=1, max_size=9).map("/".join).filter(bool), max_size=30)


@given(there=_KEYS, pages=st.lists(_KEYS, max_size=4), prefix=st.sampled_from(["", "cache", "accounts/"]))
def test_finds_just_what_is_there_whatever_the_keys(there: list[str], pages: list[list[str]], prefix: str) -> None:
    window = ListingWindow(ListedKeys(there), prefix)
    for page in [*pages, there, there[:10]]:
        assert set(window.find(page)) == set(page) & set(there)
