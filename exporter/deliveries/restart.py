"""Deliver again to servers that were given up: what the admin page's "Restart delivery" does, save its log entry."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from psycopg2.extensions import cursor

from exporter.errors import RedisError
from exporter.mastodon.database import Database
from exporter.mastodon.delivery_failures import (
    FAILURES_PREFIX,
    UNAVAILABLE_INBOXES,
    inbox_host,
    read_failing_hosts,
    read_unavailable_inboxes,
)
from exporter.mastodon.redis_server import Command, Keys, RedisServer
from exporter.mastodon.shape import read_shape

_NEEDS_REDIS = "this server keeps those it has given up in Redis alone (before 3.1.4); configure `redis`"
_ROWS = "SELECT domain, id FROM unavailable_domains WHERE domain = ANY(%s)"
_REMOVE_ROW = "DELETE FROM unavailable_domains WHERE domain = %s"


class RestartResult(StrEnum):
    """What became of a domain."""

    RESTARTED = "restarted"
    PLANNED = "planned"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Standing:
    """What keeps deliveries to a domain from being made: its row, days of failures, inboxes given up (before 3.1.4)."""

    domain: str
    row_id: int | None = None
    failure_keys: tuple[str, ...] = ()
    inboxes: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The same until it is dealt with: a domain that is given up once more has another row.

        Without a row nothing tells one time from another.
        """
        return f"{self.domain} {self.row_id or 'without a row'}"

    @property
    def has_row(self) -> bool:
        """Whether the database has it among those given up."""
        return self.row_id is not None

    @property
    def is_troubled(self) -> bool:
        """Whether there is anything to do."""
        return self.is_given_up or bool(self.failure_keys)

    @property
    def is_given_up(self) -> bool:
        """Whether nothing is sent to it any more."""
        return self.has_row or bool(self.inboxes)

    @property
    def detail(self) -> str:
        """What there is, in words."""
        if not self.is_troubled:
            return "it was not given up, and no failure is remembered"
        parts = ["given up"] if self.is_given_up else []
        return ", ".join([*parts, *(["days of failures remembered"] if self.failure_keys else [])])


@dataclass(frozen=True)
class DeliveryStores:
    """Where it is kept who was given up. Without Redis, days of failures stay as they are."""

    database: Database
    redis: RedisServer | None

    def standings(self, domains: Sequence[str]) -> tuple[Standing, ...]:
        """Return what is kept of each domain, in their order; raises DatabaseError and RedisError."""
        with self.database.reading() as reading:
            has_table = read_shape(reading).has("unavailable_domains")
            rows = _rows(reading, domains) if has_table else {}
        if self.redis is None:
            if not has_table:
                raise RedisError(_NEEDS_REDIS)
            return tuple(Standing(domain, rows.get(domain)) for domain in domains)
        with self.redis.application() as keys:
            if not has_table:
                return _old_standings(keys, domains)
            names = [f"{FAILURES_PREFIX}{domain}" for domain in domains]
            exist = keys.ask([("EXISTS", name) for name in names])
        kept = zip(domains, names, exist, strict=True)
        return tuple(Standing(domain, rows.get(domain), (name,) if known else ()) for domain, name, known in kept)

    def restart(self, standing: Standing, count: Callable[[], object]) -> None:
        """Take away all that is kept of a domain, and count it; raises DatabaseError, RedisError and what `count` does.

        The row goes last: were the days of failures left without it, the next failure would bring it back at once.
        Killed or failed in between, the domain is given up as before, and a second call does the rest. `count` is
        called while something is left that will bring the second call about, so that it may be called by both.
        """
        if not standing.has_row:
            count()
            self._forget_failures(standing)
            return
        with self.database.writing() as writing:
            writing.execute(_REMOVE_ROW, (standing.domain,))  # first, since it may be refused; it counts once committed
            self._forget_failures(standing)
            count()

    def _forget_failures(self, standing: Standing) -> None:
        commands: list[Command] = [("DEL", name) for name in standing.failure_keys]
        commands += [("SREM", UNAVAILABLE_INBOXES, inbox) for inbox in standing.inboxes]
        if self.redis is not None and commands:
            with self.redis.application() as keys:
                keys.ask(commands)


def _rows(reading: cursor, domains: Sequence[str]) -> Mapping[str, int]:
    reading.execute(_ROWS, (list(domains),))
    return dict(reading.fetchall())


def _old_standings(keys: Keys, domains: Sequence[str]) -> tuple[Standing, ...]:
    inboxes = read_unavailable_inboxes(keys)
    failing = {one.host: one.keys for one in read_failing_hosts(keys).hosts}
    return tuple(
        Standing(
            domain,
            failure_keys=failing.get(domain, ()),
            inboxes=tuple(inbox for inbox in inboxes if inbox_host(inbox) == domain),
        )
        for domain in domains
    )
