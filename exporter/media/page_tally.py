"""What becomes of the objects of one page, until all of them have been seen to."""

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from exporter.ledger.media_record import RangeResult, Trouble
from exporter.ledger.names import MediaResult
from exporter.mastodon.attachments import MediaObject
from exporter.media.copying import Outcome

LONGEST_DETAIL = 500

_TROUBLES = frozenset({MediaResult.MISSING, MediaResult.FAILED})


class PageTally:
    """Collects outcomes from any thread; `begun` is what is known of the page before the first of them."""

    def __init__(self, begun: RangeResult, open_objects: int, in_trouble: Mapping[str, Trouble]) -> None:
        self._begun = begun
        self._left = open_objects
        self._in_trouble = in_trouble
        self._objects: Counter[str] = Counter(begun.objects)
        self._size_bytes = 0
        self._troubles: list[Trouble] = []
        self._healed = list(begun.healed)
        self._lock = threading.Lock()

    def tell(self, media_object: MediaObject, outcome: Outcome) -> RangeResult | None:
        """Add what became of one object; return what became of the page with the last of them."""
        with self._lock:
            self._objects[outcome.result] += 1
            self._size_bytes += outcome.size_bytes
            if outcome.result in _TROUBLES:
                self._troubles.append(_trouble(media_object, outcome))
            elif media_object.key in self._in_trouble:
                self._healed.append(media_object.key)
            self._left -= 1
            return None if self._left else self._result()

    def _result(self) -> RangeResult:
        return replace(
            self._begun,
            objects=dict(self._objects),
            size_bytes=self._size_bytes,
            troubles=tuple(self._troubles),
            healed=tuple(self._healed),
        )


def _trouble(media_object: MediaObject, outcome: Outcome) -> Trouble:
    attachment = media_object.attachment
    return Trouble(
        attachment.media_class,
        attachment.record_id,
        media_object.key,
        outcome.result,
        attachment.domain,
        outcome.detail[:LONGEST_DETAIL],
    )
