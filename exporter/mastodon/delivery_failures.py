"""What Mastodon remembers of inboxes that it could not deliver to.

From 3.1.4 on a host that was given up is a row of `unavailable_domains`; before, its inboxes were in the Redis set
`unavailable_inboxes`. The days of failures of a host, before 3.1.4 of an inbox, are a Redis set of its own
(app/lib/delivery_failure_tracker.rb).
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime
from urllib.parse import urlsplit

from exporter.mastodon.redis_server import BATCH, Keys

UNAVAILABLE_INBOXES = "unavailable_inboxes"
FAILURES_PREFIX = "exhausted_deliveries:"
MOST_HOSTS = 100_000

_DAY_LENGTH = len("20170420")
_MOST_DAYS = 1000


@dataclass(frozen=True)
class FailingHost:
    """A host that deliveries failed at since the last that came through; `days` is not empty, and sorted."""

    host: str
    days: tuple[date, ...]
    keys: tuple[str, ...]

    @property
    def since(self) -> datetime:
        """The beginning of the first day, which is one of UTC."""
        return datetime.combine(self.days[0], datetime.min.time(), UTC)


@dataclass(frozen=True)
class FailingHosts:
    """The hosts that deliveries fail at; `complete` is False where there are more keys than were looked at."""

    hosts: tuple[FailingHost, ...]
    complete: bool


def inbox_host(text: str) -> str:
    """Return the host of an inbox, or of what is a host already: lower case, no port. Empty where there is none."""
    try:
        host = urlsplit(text).hostname if "://" in text else text.lower()
    except ValueError:
        return ""
    return host or ""


def read_failing_hosts(keys: Keys, limit: int = MOST_HOSTS) -> FailingHosts:
    """Return the hosts with days of failures. Providers of FASP, whose failures are told in minutes, are none."""
    scan = keys.names(f"{FAILURES_PREFIX}*", limit)
    names = list(dict.fromkeys(scan))
    by_host: defaultdict[str, list[tuple[str, list[date]]]] = defaultdict(list)
    for start in range(0, len(names), BATCH):
        batch = names[start : start + BATCH]
        for name, members in zip(batch, keys.ask([("SMEMBERS", name) for name in batch]), strict=True):
            days = _days(members or ())
            if days:
                by_host[inbox_host(name.removeprefix(FAILURES_PREFIX))].append((name, days))
    return FailingHosts(tuple(_host(host, found) for host, found in sorted(by_host.items()) if host), scan.complete)


def read_unavailable_inboxes(keys: Keys, limit: int = MOST_HOSTS) -> tuple[str, ...]:
    """Return the inboxes that were given up, of a server before 3.1.4."""
    return tuple(sorted(set(keys.members(UNAVAILABLE_INBOXES, limit))))


def _host(host: str, found: list[tuple[str, list[date]]]) -> FailingHost:
    days = sorted({day for _, of_key in found for day in of_key})
    return FailingHost(host, tuple(days), tuple(sorted(name for name, _ in found)))


def _days(members: Collection[str]) -> list[date]:
    found = (_day(member) for member in list(members)[:_MOST_DAYS])
    return [day for day in found if day]


def _day(member: str) -> date | None:
    if len(member) != _DAY_LENGTH or not (member.isascii() and member.isdecimal()):
        return None
    try:
        return date(int(member[:4]), int(member[4:6]), int(member[6:]))
    except ValueError:
        return None
