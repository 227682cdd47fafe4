"""Reading JSON that a stranger wrote: anything may be missing, or of another type."""

import json
from collections.abc import Mapping

MAX_TEXT_LENGTH = 2048
"""Longer than any name or URL that is worth following; what is longer was made to be slow to work on."""


_MAX_CONTAINERS = 20_000  # an instance API has some hundreds; a text of nothing else takes the parser very long


class NotJson:
    """The text is not JSON."""


NOT_JSON = NotJson()


def parse_json(text: str) -> object:
    """Return what a JSON text holds, or NOT_JSON; never raises, nor takes long, however deep or long the text."""
    if text.count("[") + text.count("{") > _MAX_CONTAINERS:
        return NOT_JSON
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
    """Return the text at a path of keys; None where there is none, or an empty or an enormous one."""
    value = lookup(document, *path)
    if not isinstance(value, str) or len(value) > MAX_TEXT_LENGTH or not _is_text(value):
        return None
    return value.strip() or None


def _is_text(value: str) -> bool:
    """JSON may hold halves of characters (lone surrogates), which no URL, file or page can."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def lookup_count(document: object, *path: str) -> int | None:
    """Return the whole number of at least zero at a path of keys, or None."""
    value = lookup(document, *path)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        return None
    return value


def is_error(text: str) -> bool:
    """Tell whether a body is Mastodon's error document: an object with a text under `error`."""
    return lookup_text(parse_json(text), "error") is not None
