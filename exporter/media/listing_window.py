"""Which of some objects a store holds, told by its listing, of which only the pieces around them are read."""

import re
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from exporter.media.placing import whole_key
from exporter.media.store import Listed

LISTED_AT_ONCE = 1000
"""How many keys a store tells in one answer."""

_MOST_FAMILIES = 16
_PARTITIONED = re.compile(r"((?:cache/)?[^/]+/[^/]+/)((?:[0-9]{3}/){2,6})")

Family = tuple[str, int]


class Listing(Protocol):
    """A store that can be listed."""

    def list_from(self, prefix: str, after: str = "") -> Iterator[Listed]:
        """Yield what lies under a prefix in the order of keys (as UTF-8 bytes), from behind a key on."""
        ...


class ListingWindow:
    """Looks keys up in a store's listing; belongs to one thread.

    Made for keys that come in the order of ids, page by page. Those with the same beginning and as many groups of
    digits are a family: in the order of ids its keys are in the order of the listing too, so that each family is read
    along once, 1,000 keys a request, and stretches in which nothing is looked for are leapt over. Keys in any other
    order are found as well, by more requests. What is remembered is one answer of the store for each of at most 16
    families, so an answer may be as old as the page before.
    """

    def __init__(self, listing: Listing, prefix: str = "") -> None:
        self._listing = listing
        self._prefix = whole_key(prefix, "")
        self._cursors: OrderedDict[Family, _Cursor] = OrderedDict()

    def find(self, keys: Iterable[str]) -> dict[str, Listed]:
        """Return those of the keys (whole, with the prefix of the store) that are listed; raises as the store does."""
        families: defaultdict[Family, set[str]] = defaultdict(set)
        for key in keys:
            families[self._family(key)].add(key)
        found = (self._cursor(family).find(sorted(wanted)) for family, wanted in families.items())
        return {listed.key: listed for some in found for listed in some}

    def _family(self, key: str) -> Family:
        parts = _PARTITIONED.match(key, len(self._prefix)) if key.startswith(self._prefix) else None
        if parts is None:
            return key[: key.rfind("/") + 1], 0
        return self._prefix + parts[1], len(parts[2])

    def _cursor(self, family: Family) -> "_Cursor":
        cursor = self._cursors.setdefault(family, _Cursor(self._listing, family[0]))
        self._cursors.move_to_end(family)
        if len(self._cursors) > _MOST_FAMILIES:
            self._cursors.popitem(last=False)
        return cursor


class _Cursor:
    """A place in the listing of a prefix: nothing is listed behind `_passed` and before `_next`."""

    def __init__(self, listing: Listing, prefix: str) -> None:
        self._listing = listing
        self._prefix = prefix
        self._listed: Iterator[Listed] = iter(())
        self._passed: str | None = None
        self._next: Listed | None = None
        self._read = 0
        self._read_in_vain = 0

    def find(self, wanted: Sequence[str]) -> Iterator[Listed]:
        """Yield those of some keys, in their order, that are listed."""
        for key in wanted:
            self._go_to(key)
            if self._next is not None and self._next.key == key:
                self._read_in_vain = 0
                yield self._next

    def _go_to(self, key: str) -> None:
        may_leap = True
        if self._passed is None or key <= self._passed:
            self._leap_before(key)
        while self._next is not None and self._next.key < key:
            if may_leap and self._is_far_off():
                self._leap_before(key)
                may_leap = False
            else:
                self._step_over(self._next.key)

    def _is_far_off(self) -> bool:
        return self._read % LISTED_AT_ONCE == 0 and self._read_in_vain >= LISTED_AT_ONCE // 2

    def _leap_before(self, key: str) -> None:
        # Only what begins as the key does can stand between the key and itself without its last character.
        self._passed = key[:-1]
        self._listed = self._listing.list_from(self._prefix, self._passed)
        self._next = next(self._listed, None)
        self._read = 1
        self._read_in_vain = 1

    def _step_over(self, key: str) -> None:
        self._passed = key
        self._next = next(self._listed, None)
        self._read += 1
        self._read_in_vain += 1
