"""The keys of all objects that a plan names, for programs that copy by a list of keys."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from exporter.mastodon.attachments import MediaObject, objects_of
from exporter.media.placing import whole_key
from exporter.media.plan import Page
from exporter.media.whereabouts import Place

Find = Callable[[Sequence[MediaObject]], Mapping[str, Place]]
"""Tells where some objects lie, by the keys that Mastodon asks for."""


def keys_asked_for(pages: Iterable[Page], prefix: str) -> Iterator[str]:
    """Yield the keys that Mastodon will ask for, with the prefix of a store before each; no store is asked."""
    for page in pages:
        for attachment in page.attachments:
            yield from (whole_key(prefix, one.key) for one in objects_of(attachment))


def keys_at_source(pages: Iterable[Page], find: Find) -> Iterator[str]:
    """Yield the keys under which objects lie at their source; what is not there is left out. Raises as `find` does."""
    for page in pages:
        objects = [one for attachment in page.attachments for one in objects_of(attachment)]
        yield from dict.fromkeys(place.whole_key for place in find(objects).values())
