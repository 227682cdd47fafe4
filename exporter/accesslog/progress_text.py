"""How far a log has been read, as text: what is written down of it."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from exporter.accesslog.position import Following, Mark, Position, Progress
from exporter.errors import StateError


def progress_text(progress: Progress) -> str:
    """Return the pattern and the followings of a progress as JSON, in ASCII; digests in hexadecimal digits."""
    followings = [asdict(following) for following in progress.followings]
    return json.dumps({"pattern": progress.pattern, "followings": followings}, default=bytes.hex)


def read_progress_text(text: str) -> Progress:
    """Return what `progress_text` was given, without lag and troubles. Raises StateError if the text is damaged."""
    try:
        document = json.loads(text)
        return Progress(document["pattern"], tuple(map(_following, document["followings"])))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise StateError("what was written down of a log's position is damaged; move the store away") from error


def _following(document: Mapping[str, Any]) -> Following:
    positions = tuple(_position(one) for one in document["positions"])
    return Following(**{**document, "positions": positions})


def _position(document: Mapping[str, Any]) -> Position:
    return Position(**{**document, "mark": _mark(document["mark"])})


def _mark(document: Mapping[str, Any]) -> Mark:
    digests = {name: bytes.fromhex(document[name]) for name in ("head", "tail")}
    return Mark(**{**document, **digests})
