"""Which servers deliveries fail at: those given up, those failing now, and those that fail to reach us."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from psycopg2.extensions import cursor

from exporter.deliveries.audience import Audience, read_audiences
from exporter.deliveries.pending import NONE_PENDING, PendingDeliveries, read_pending
from exporter.errors import RedisError
from exporter.mastodon.database import Database
from exporter.mastodon.delivery_failures import (
    MOST_HOSTS,
    FailingHost,
    FailingHosts,
    inbox_host,
    read_failing_hosts,
    read_unavailable_inboxes,
)
from exporter.mastodon.redis_server import RedisServer
from exporter.mastodon.shape import Shape, read_shape

_GIVEN_UP = "SELECT domain, created_at FROM unavailable_domains ORDER BY id LIMIT %s"
_NO_REDIS = "without Redis only the servers given up are known; configure `redis` for those failing now"
_NEEDS_REDIS = (
    "this server keeps the list of those it has given up in Redis (before 3.1.4 there is no table of them); "
    "configure `redis`"
)
_MORE_KEYS = f"there are more failing servers than the {MOST_HOSTS} that were looked at"
_MORE_RETRIES = "there are more retries than were looked at, so that `pending` is too low"


class DeliveryState(StrEnum):
    """Given up; tried, and failing; or failing to reach us, while we reach them."""

    UNAVAILABLE = "unavailable"
    FAILING = "failing"
    INBOUND = "inbound"


@dataclass(frozen=True)
class TroubledDomain:
    """A server that deliveries fail at: a host of inboxes, which may be another than its accounts' domain.

    `since` is when it was given up, or the first day of failures; None where nobody wrote that down.
    `pending` counts deliveries to be tried again by what the last attempt came to.
    """

    domain: str
    state: DeliveryState
    since: datetime | None = None
    failing_days: int = 0
    audience: Audience = Audience()
    pending: Mapping[str, int] = field(default_factory=dict)
    inbound_failures: int = 0


@dataclass(frozen=True)
class TroubledDomains:
    """Those given up first, then those failing, in each state those with the most followers first."""

    domains: tuple[TroubledDomain, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Remembered:
    """What Redis tells."""

    inboxes: Sequence[str] = ()
    failing: FailingHosts = FailingHosts((), complete=True)
    pending: PendingDeliveries = NONE_PENDING


def find_troubled(database: Database, redis: RedisServer | None, inbound: Mapping[str, int]) -> TroubledDomains:
    """Return the servers that deliveries fail at; `inbound`: failed deliveries to us by domain, from our own logs.

    Raises DatabaseError and RedisError.
    """
    remembered = _remembered(redis) if redis else _Remembered()
    with database.reading() as reading:
        shape = read_shape(reading)
        given_up = _given_up(reading, shape, remembered, has_redis=redis is not None)
        failing = {one.host: one for one in remembered.failing.hosts}
        hosts = {*given_up, *failing, *remembered.pending.by_host, *inbound}
        audiences = read_audiences(reading, shape, hosts)
    found = (
        TroubledDomain(
            host,
            _state(host, given_up, {*failing, *remembered.pending.by_host}),
            _since(given_up.get(host), failing.get(host)),
            len(failing[host].days) if host in failing else 0,
            audiences.get(host, Audience()),
            remembered.pending.by_host.get(host, {}),
            inbound.get(host, 0),
        )
        for host in hosts
    )
    return TroubledDomains(tuple(sorted(found, key=_place)), tuple(_notes(remembered, has_redis=redis is not None)))


def _remembered(redis: RedisServer) -> _Remembered:
    with redis.application() as keys:
        inboxes = read_unavailable_inboxes(keys)
        failing = read_failing_hosts(keys)
    with redis.sidekiq() as keys:
        return _Remembered(inboxes, failing, read_pending(keys))


def _given_up(reading: cursor, shape: Shape, remembered: _Remembered, *, has_redis: bool) -> dict[str, datetime | None]:
    if shape.has("unavailable_domains"):
        reading.execute(_GIVEN_UP, (MOST_HOSTS,))
        return {domain: created.replace(tzinfo=UTC) for domain, created in reading.fetchall()}
    if not has_redis:
        raise RedisError(_NEEDS_REDIS)
    return {host: None for inbox in remembered.inboxes if (host := inbox_host(inbox))}


def _state(host: str, given_up: Iterable[str], failing: Iterable[str]) -> DeliveryState:
    if host in given_up:
        return DeliveryState.UNAVAILABLE
    return DeliveryState.FAILING if host in failing else DeliveryState.INBOUND


def _since(given_up: datetime | None, failing: FailingHost | None) -> datetime | None:
    return given_up or (failing.since if failing else None)


def _place(one: TroubledDomain) -> tuple[int, int, str]:
    return list(DeliveryState).index(one.state), -one.audience.followers, one.domain


def _notes(remembered: _Remembered, *, has_redis: bool) -> Iterable[str]:
    if not has_redis:
        yield _NO_REDIS
    if not remembered.failing.complete:
        yield _MORE_KEYS
    if not remembered.pending.complete:
        yield _MORE_RETRIES
