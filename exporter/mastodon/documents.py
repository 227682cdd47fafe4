"""Reading JSON that a stranger wrote: anything may be missing, or of another type."""

import json
from collections.abc import Mapping


class NotJson:
    """The text is not JSON."""


NOT_JSON = NotJson()


def parse_json(text: str) -> object:
    """Return what a JSON text holds, or NOT_JSON; never raises, however deep or long the text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return NOT_JSON


def lookup(document: object, *path: str) -> object | None:
    """Return the value at a path of keys, or None where any part of it is missing or not a mapping."""
    for key in path:
        if not isinstance(document, Mapping):
            return None
        document = document.get(key)
    return document


def lookup_text(document: object, *path: str) -> str | None:
    """Return the non-empty text at a path of keys, or None."""
    value = lookup(document, *path)
    return value.strip() or None if isinstance(value, str) else None


def lookup_count(document: object, *path: str) -> int | None:
    """Return the whole number of at least zero at a path of keys, or None."""
    value = lookup(document, *path)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        return None
    return value


def is_error(text: str) -> bool:
    """Tell whether a body is Mastodon's error document: an object with a text under `error`."""
    return lookup_text(parse_json(text), "error") is not None
