"""Whether the source may be the wrong one: then it has next to nothing of what the database names."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from exporter.ledger.media_record import RangeResult
from exporter.ledger.names import MediaResult

JUDGED_OBJECTS = 1000
"""So many objects, or all where there are fewer, tell what is to be said of the source."""
SUSPICIOUS_SHARE = 0.9


class MissingShare:
    """Follows what becomes of the objects of a run, and says once if too many of them are missing.

    `passed_on` is called with all that `recorded` is. `before` are the results that a run which is carried on had when
    it was cut short.
    """

    def __init__(
        self,
        say: Callable[[str], None],
        passed_on: Callable[[Sequence[RangeResult]], None] = lambda _results: None,
        before: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        self._say = say
        self._passed_on = passed_on
        self._objects: Counter[str] = Counter(before)
        self._is_judged = False

    def recorded(self, results: Sequence[RangeResult]) -> None:
        """Take in what became of some pages."""
        self._passed_on(results)
        for result in results:
            self._objects.update(result.objects)
        if self._objects.total() >= JUDGED_OBJECTS:
            self.judge()

    def judge(self) -> None:
        """Say it now, if it is to be said and nothing was said before."""
        if self._is_judged:
            return
        self._is_judged = True
        missing, seen = self._objects[MediaResult.MISSING], self._objects.total()
        if missing > SUSPICIOUS_SHARE * seen:
            self._say(f"{missing} of the first {seen} objects are nowhere: are `source.bucket` and its `prefix` right?")
