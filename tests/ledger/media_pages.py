"""Pages of media as tests write them: rows of one class, two objects a row."""

from collections.abc import Mapping

from exporter.ledger import IdRange, MediaResult, RangeResult, Scope, Series, Trouble
from exporter.ledger.names import MEDIA_SYNC_BYTES, MEDIA_SYNC_OBJECTS
from tests.ledger.worlds import NOON

HERE = "here"
ELSEWHERE = "elsewhere"
ACCOUNTS = Scope(HERE, "accounts", "all")
EMOJIS = Scope(HERE, "custom_emojis", "all")
OBJECT_BYTES = 100


def ids(after: int, last: int, read: float = NOON) -> IdRange:
    return IdRange(after, last, read)


def page(after: int, last: int, scope: Scope = ACCOUNTS, read: float = NOON) -> RangeResult:
    """Return a page of which every object was copied."""
    objects = 2 * (last - after)
    seen = ids(after, last, read)
    return RangeResult(scope, last - after, {"copied": objects}, objects * OBJECT_BYTES, page=seen, finished=seen)


def trouble(record_id: int, result: str = MediaResult.MISSING, scope: Scope = ACCOUNTS) -> Trouble:
    return Trouble(scope.media_class, record_id, f"{scope.media_class}/{record_id}/original", result, "qdon.example")


def counted(scope: Scope = ACCOUNTS, **objects: int) -> Mapping[Series, int]:
    """Return what the ledger counts of a class; bytes as `size_bytes`."""
    size_bytes = objects.pop("size_bytes", 0)
    counts = {Series(MEDIA_SYNC_OBJECTS, (scope.media_class, result)): count for result, count in objects.items()}
    return {**counts, Series(MEDIA_SYNC_BYTES, (scope.media_class,)): size_bytes} if size_bytes else counts
