"""What becomes of the objects of one page, until all of them have been seen to."""

import threading
from collections import Counter
from dataclasses import replace

from exporter.ledger.media_record import RangeResult, Trouble
from exporter.ledger.names import MediaResult
from exporter.media.copying import Outcome
from exporter.media.skipping import Open, PageLook

LONGEST_DETAIL = 500

_TROUBLES = frozenset({MediaResult.MISSING, MediaResult.FAILED})
_NOTHING_NEW = frozenset({MediaResult.PRESENT, MediaResult.GONE})


class PageTally:
    """Collects outcomes from any thread; `begun` and `look` are what is known of the page before the first of them."""

    def __init__(self, begun: RangeResult, look: PageLook) -> None:
        self._begun = begun
        self._left = len(look.open)
        self._look = look
        self._objects: Counter[str] = Counter(begun.objects)
        self._size_bytes = 0
        self._troubles: list[Trouble] = []
        self._healed = list(begun.healed)
        self._hidden: list[str] = []
        self._shown: list[str] = []
        self._lock = threading.Lock()

    def was_in_trouble(self, one: Open) -> bool:
        """Tell whether an object was in trouble before the page was begun."""
        return one.media_object.key in self._look.in_trouble

    def tell(self, one: Open, outcome: Outcome) -> RangeResult | None:
        """Add what became of one object; return what became of the page with the last of them."""
        with self._lock:
            if self._is_news(one, outcome):
                self._objects[outcome.result] += 1
            self._size_bytes += outcome.size_bytes
            self._note(one, outcome)
            self._left -= 1
            return None if self._left else self._result()

    def _is_news(self, one: Open, outcome: Outcome) -> bool:
        """Tell whether a result counts; what is still in its place has been counted before, but not as that."""
        was_there = one.is_counted and not self.was_in_trouble(one)
        return not (was_there and outcome.result in _NOTHING_NEW)

    def _note(self, one: Open, outcome: Outcome) -> None:
        key = one.media_object.key
        if outcome.result in _TROUBLES:
            self._troubles.append(_trouble(one, outcome))
            return
        if self.was_in_trouble(one):
            self._healed.append(key)
        if outcome.hidden_key is not None:
            self._hidden.append(outcome.hidden_key)
        elif key in self._look.hidden:
            self._shown.append(key)

    def _result(self) -> RangeResult:
        return replace(
            self._begun,
            objects=dict(self._objects),
            size_bytes=self._size_bytes,
            troubles=tuple(self._troubles),
            healed=tuple(self._healed),
            hidden=tuple(self._hidden),
            shown=tuple(self._shown),
        )


def _trouble(one: Open, outcome: Outcome) -> Trouble:
    attachment = one.media_object.attachment
    return Trouble(
        attachment.media_class,
        attachment.record_id,
        one.media_object.key,
        outcome.result,
        attachment.domain,
        outcome.detail[:LONGEST_DETAIL],
        one.is_wrong or outcome.is_wrong,
    )
