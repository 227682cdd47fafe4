"""A listing that needs no server, for tests that ask a great many of them."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping

from exporter.media.store import Listed

ANSWER_KEYS = 1000


class ListedKeys:
    """Lists some keys as a store does, and counts the listings that were begun, and the requests they took."""

    def __init__(self, sizes: Mapping[str, int] | Iterable[str]) -> None:
        self._sizes = dict(sizes) if isinstance(sizes, Mapping) else dict.fromkeys(sizes, 0)
        self._keys = sorted(self._sizes, key=lambda key: key.encode())
        self.listings = 0
        self.requests = 0

    def list_from(self, prefix: str, after: str = "") -> Iterator[Listed]:
        """Yield what lies under a prefix in the order of keys, from behind a key on."""
        self.listings += 1
        encoded = max(after.encode(), prefix.encode()[:-1])
        first = bisect_right(self._keys, encoded, key=lambda key: key.encode())
        under = [key for key in self._keys[first:] if key.startswith(prefix)]
        for number, key in enumerate(under):
            self.requests += number % ANSWER_KEYS == 0
            yield Listed(key, self._sizes[key])
        self.requests += not under
