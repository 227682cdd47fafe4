"""Where objects lie in a store: by its listing, or, where it may not be listed, by asking for each of them."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from exporter.errors import StoreRefused
from exporter.mastodon.attachments import MediaObject
from exporter.media.listing_window import Listing, ListingWindow
from exporter.media.placing import whole_key
from exporter.media.store import ObjectHead

AskEach = Callable[[Callable[[str], ObjectHead | None], Sequence[str]], Iterable[ObjectHead | None]]
"""Calls a function with each of some keys and returns the answers in their order, as `map` does, or side by side."""

_log = logging.getLogger(__name__)


def all_places(media_object: MediaObject) -> tuple[str, ...]:
    """Return every key under which an object may lie, the one that Mastodon asks for first."""
    return (media_object.key, *media_object.other_keys)


def proper_place(media_object: MediaObject) -> tuple[str, ...]:
    """Return the one key that Mastodon asks for."""
    return (media_object.key,)


class Heads(Protocol):
    """A store that tells of an object without its bytes; any thread may ask."""

    def head(self, key: str) -> ObjectHead | None: ...


@dataclass(frozen=True, slots=True)
class Place:
    """Where an object lies. What is told by a listing has no headers."""

    whole_key: str
    head: ObjectHead


@dataclass(frozen=True)
class Searched:
    """A store in which objects are looked for. `listing` is the same store, where it can be listed."""

    store: Heads
    prefix: str = ""
    listing: Listing | None = None


class Whereabouts:
    """Tells where objects lie in one store.

    `ask` may be called by any thread, `find` by one. Both raise as the store does.
    """

    def __init__(
        self,
        searched: Searched,
        places: Callable[[MediaObject], tuple[str, ...]] = all_places,
        ask_each: AskEach = map,
    ) -> None:
        self._store = searched.store
        self._prefix = searched.prefix
        self._window = ListingWindow(searched.listing, searched.prefix) if searched.listing else None
        self._places = places
        self._ask_each = ask_each

    def whole_key(self, media_object: MediaObject) -> str:
        """Return the whole key, prefix included, that Mastodon asks for."""
        return whole_key(self._prefix, media_object.key)

    def ask(self, media_object: MediaObject) -> Place | None:
        """Return where an object lies now: the first of its places that has it."""
        for key in self._places(media_object):
            place = whole_key(self._prefix, key)
            if (head := self._store.head(place)) is not None:
                return Place(place, head)
        return None

    def find(self, objects: Iterable[MediaObject]) -> dict[str, Place]:
        """Return, by the keys that Mastodon asks for, where those objects lie that are there."""
        found: dict[str, Place] = {}
        left = {one.key: self._places(one) for one in objects}
        while wanted := {key: whole_key(self._prefix, places[0]) for key, places in left.items() if places}:
            heads = self._heads(list(wanted.values()))
            found |= {key: Place(place, heads[place]) for key, place in wanted.items() if place in heads}
            left = {key: left[key][1:] for key in wanted if key not in found}
        return found

    def _heads(self, whole_keys: Sequence[str]) -> Mapping[str, ObjectHead]:
        if self._window is not None:
            try:
                listed = self._window.find(whole_keys)
                return {key: ObjectHead(one.size_bytes, one.etag) for key, one in listed.items()}
            except StoreRefused as error:
                _log.warning("a store may not be listed, so it is asked for each object: %s", error)
                self._window = None
        heads = zip(whole_keys, self._ask_each(self._store.head, whole_keys), strict=True)
        return {key: head for key, head in heads if head is not None}
