"""Which domain a failed delivery is counted for: a bounded number of series, whatever senders call themselves.

The domain is what the sender claims in its user agent, so that only domains known beforehand get a series.
"""

from collections import OrderedDict
from collections.abc import Container, Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import NamedTuple

from exporter.config.hosts import host_name
from exporter.errors import InvalidValue

OTHER = "other"
"""The label for every domain that has no series of its own; no domain, since those have a dot."""

LEARNT_LIMIT = 10_000
UNUSED_SECONDS = 30 * 86400.0

_LEARNT_SHARE = 5


class FailingDomain(NamedTuple):
    """A domain with a series: its failed deliveries, and the log's time at the last of them (Unix time)."""

    domain: str
    failures: int
    used_seconds: float
    listed: bool


class LearntDomains:
    """Domains from which a delivery has been answered 2xx; at least the `limit` // 2 seen last, at most `limit`.

    Each is kept with the generation in which it was last seen. Once half the limit have been seen
    in one generation, the next begins, and what was not seen for a whole generation is forgotten.
    """

    def __init__(self, limit: int = LEARNT_LIMIT) -> None:
        self._half = max(limit // 2, 1)
        self._generation = 0
        self._seen = 0
        self._domains: dict[str, int] = {}
        self._changed: set[str] = set()

    def __contains__(self, domain: object) -> bool:
        return domain in self._domains

    def __iter__(self) -> Iterator[tuple[str, int]]:
        """Yield each domain and its generation."""
        return iter(self._domains.items())

    def see(self, domain: str) -> bool:
        """Remember a domain; tell whether a generation began, so that seeing others again has an effect again."""
        if self._domains.get(domain) == self._generation:
            return False
        begins = self._seen == self._half
        if begins:
            self._begin_generation()
        self._domains[domain] = self._generation
        self._seen += 1
        self._changed.add(domain)
        return begins

    def restore(self, domain: str, generation: int) -> None:
        """Put back what iterating gave once, in any order; it is no change."""
        if generation > self._generation:
            self._generation, self._seen = generation, 0
        self._domains[domain] = generation
        self._seen += generation == self._generation

    def changes(self) -> Iterator[tuple[str, int | None]]:
        """Yield the domains that changed since the last `clear_changes`; None instead of a generation: it left."""
        for domain in self._changed:
            yield domain, self._domains.get(domain)

    def clear_changes(self) -> None:
        """Take what has changed so far as written down."""
        self._changed.clear()

    def _begin_generation(self) -> None:
        forgotten = [domain for domain, generation in self._domains.items() if generation < self._generation]
        for domain in forgotten:
            del self._domains[domain]
        self._changed.update(forgotten)
        self._generation += 1
        self._seen = 0


class FailingDomains:
    """The domains that have a series, at most `cap`; learnt ones (those not listed) take at most a fifth of that.

    Iterating gives the learnt ones, then the listed ones, each least recently used first.
    """

    def __init__(self, cap: int) -> None:
        self._cap = cap
        self._listed: OrderedDict[str, FailingDomain] = OrderedDict()
        self._learnt: OrderedDict[str, FailingDomain] = OrderedDict()

    def __iter__(self) -> Iterator[FailingDomain]:
        yield from self._learnt.values()
        yield from self._listed.values()

    def count(self, domain: str, now_seconds: float) -> bool:
        """Count a failure if the domain has a series; tell whether it has."""
        for places in (self._listed, self._learnt):
            before = places.get(domain)
            if before is not None:
                places[domain] = FailingDomain(domain, before.failures + 1, now_seconds, before.listed)
                places.move_to_end(domain)
                return True
        return False

    def begin(self, domain: str, now_seconds: float, *, listed: bool) -> bool:
        """Give a domain that has none a series, with its first failure, if there is room; tell whether there was."""
        room = self._make_room_for_listed(now_seconds) if listed else self._make_room_for_learnt(now_seconds)
        if room:
            self.restore(FailingDomain(domain, 1, now_seconds, listed))
        return room

    def restore(self, place: FailingDomain) -> None:
        """Put back what iterating gave once, as the one used last; where the cap has become smaller, others go."""
        places = self._listed if place.listed else self._learnt
        places[place.domain] = place
        self._fit()

    def relist(self, listed: AbstractSet[str], learnt: Container[str]) -> None:
        """Sort the series anew: those neither listed nor learnt go."""
        places = sorted(self, key=lambda place: place.used_seconds)
        kept_learnt = {domain for domain in self._learnt if domain not in listed}
        self._listed.clear()
        self._learnt.clear()
        for place in places:
            if place.domain in listed or place.domain in kept_learnt or place.domain in learnt:
                self.restore(place._replace(listed=place.domain in listed))

    def _make_room_for_listed(self, now_seconds: float) -> bool:
        if self._make_room(now_seconds):
            return True
        if self._learnt:
            self._learnt.popitem(last=False)
            return True
        return False

    def _make_room_for_learnt(self, now_seconds: float) -> bool:
        if len(self._learnt) >= self._cap // _LEARNT_SHARE:
            return _free_unused(self._learnt, now_seconds)
        return self._make_room(now_seconds)

    def _make_room(self, now_seconds: float) -> bool:
        if len(self._listed) + len(self._learnt) < self._cap:
            return True
        return _free_unused(self._learnt, now_seconds) or _free_unused(self._listed, now_seconds)

    def _fit(self) -> None:
        if len(self._learnt) > self._cap // _LEARNT_SHARE:
            self._learnt.popitem(last=False)
        if len(self._listed) + len(self._learnt) > self._cap:
            (self._learnt or self._listed).popitem(last=False)


class SendingDomains:
    """Counts failed deliveries by sending domain. A domain is known when it is listed, or learnt by a 2xx answer."""

    def __init__(self, learnt: LearntDomains, failing: FailingDomains) -> None:
        self.learnt = learnt
        self.failing = failing
        self._listed: AbstractSet[str] = frozenset()

    def list_known(self, listed: AbstractSet[str]) -> None:
        """Say which domains are known whatever they send; series of domains no longer known go."""
        self._listed = listed
        self.failing.relist(listed, self.learnt)

    def come_through(self, domain: str) -> bool:
        """Learn a domain from a 2xx answer; tell whether answers handled before may have an effect again."""
        return domain not in self._listed and self.learnt.see(domain)

    def fail(self, domain: str, now_seconds: float) -> bool:
        """Count a failed delivery for a domain, if it has a series or gets one; tell whether."""
        if self.failing.count(domain, now_seconds):
            return True
        listed = domain in self._listed
        return (listed or domain in self.learnt) and self.failing.begin(domain, now_seconds, listed=listed)


def read_known_domains(path: Path) -> frozenset[str]:
    """Return the domains of a file, as user agents are read: lower case, A-labels. Lines that name none are skipped.

    One domain a line; empty lines and what follows `#` do not count. Raises OSError if it cannot be read.
    """
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    names = (line.partition("#")[0].strip() for line in lines)
    return frozenset(domain for name in names if name and (domain := _domain(name)))


def _domain(name: str) -> str:
    try:
        return host_name(name.removesuffix("."))
    except InvalidValue:
        return ""


def _free_unused(places: OrderedDict[str, FailingDomain], now_seconds: float) -> bool:
    oldest = next(iter(places.values()), None)
    if oldest is None or now_seconds - oldest.used_seconds <= UNUSED_SECONDS:
        return False
    del places[oldest.domain]
    return True
