"""What the database tells of scheduled jobs: the traces of their work, or work that they have left undone.

Undone work gives the moment after which a job has not done it: a bound, for nobody wrote down when it ran. Work that
is done proves nothing, since there may have been none to do.
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field

from exporter.errors import DatabaseError
from exporter.mastodon.database import Database
from exporter.mastodon.shape import Shape
from exporter.mastodon.subscription_rules import NOW, is_expected

# The row with the highest id is the newest: an index finds it, which captured_at alone has not.
_SPACE_STATS = "SELECT captured_at FROM pghero_space_stats ORDER BY id DESC LIMIT 1"
_SCHEDULED = "SELECT min(scheduled_at) FROM scheduled_statuses"
_IP_BLOCKS = "SELECT min(expires_at) FROM ip_blocks"
_EXPIRED = "SELECT min(expires_at) FROM subscriptions"
# The scheduler's own query leaves out those that were softly deleted, so that they stay for ever.
_NOT_DELETED = " WHERE deleted_at IS NULL"
# 2 days up to 4.x, 7 days by now: with the longer one nobody is accused who has only read the newer rule.
_UNCONFIRMED = "SELECT min(confirmation_sent_at) + interval '7 days' FROM users WHERE confirmed_at IS NULL"
_UNATTACHED = "SELECT min(created_at) + interval '1 day' FROM media_attachments WHERE status_id IS NULL"
# A hub that has died leaves its accounts overdue for ever, so that half of them must be: then it is not the hubs.
_HALF_ENDED = (
    "SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY subscription_expires_at) - interval '1 day' FROM accounts"
    " WHERE subscription_expires_at IS NOT NULL AND "
)
_SECONDS = "SELECT extract(epoch FROM found.at)"


@dataclass(frozen=True)
class Effect:
    """When a job did its work, or, where `is_bound`, the moment after which it has not."""

    timestamp_seconds: float
    is_bound: bool


@dataclass(frozen=True)
class Effects:
    """What the database tells, by job, none of those that it tells nothing of; and the questions that failed."""

    by_job: Mapping[str, Effect] = field(default_factory=dict)
    errors: Mapping[str, DatabaseError] = field(default_factory=dict)


def read_effects(database: Database, shape: Shape, jobs: Container[str]) -> Effects:
    """Return what the database tells of the jobs named; raises DatabaseError where every question fails.

    Each question has a transaction of its own, so that one that is refused, or takes too long, costs its job alone.
    """
    queries = {name: query for name, query in _queries(shape).items() if name in jobs}
    effects: dict[str, Effect] = {}
    errors: dict[str, DatabaseError] = {}
    for name, query in queries.items():
        try:
            effect = _read_effect(database, query)
        except DatabaseError as error:
            errors[name] = error
        else:
            effects |= {name: effect} if effect else {}
    if queries and len(errors) == len(queries):
        raise next(iter(errors.values()))
    return Effects(effects, errors)


def _read_effect(database: Database, query: str) -> Effect | None:
    with database.reading() as reading:
        reading.execute(f"{_SECONDS} FROM ({query}) AS found(at) WHERE found.at < {NOW}")
        row = reading.fetchone()
    return Effect(float(row[0]), is_bound=query is not _SPACE_STATS) if row else None


def _queries(shape: Shape) -> dict[str, str]:
    queries: dict[str, str] = {}
    if shape.speaks_pubsubhubbub:
        half_ended = _HALF_ENDED + is_expected(shape)
        queries |= {"mastodon:push:refresh": half_ended, "subscriptions_scheduler": half_ended}
    if shape.has("subscriptions", "expires_at"):
        living = _NOT_DELETED if shape.soft_deletes_subscriptions else ""
        queries["subscriptions_cleanup_scheduler"] = _EXPIRED + living
    if shape.has("users", "confirmed_at", "confirmation_sent_at"):
        queries |= {"mastodon:users:clear": _UNCONFIRMED, "user_cleanup_scheduler": _UNCONFIRMED}
    if shape.has("media_attachments", "status_id", "created_at"):
        unattached = _UNATTACHED
        if shape.has("media_attachments", "scheduled_status_id"):
            unattached += " AND scheduled_status_id IS NULL"
        names = ("mastodon:media:clear", "media_cleanup_scheduler", "vacuum_scheduler")
        queries |= dict.fromkeys(names, unattached)
    for name, table, query in (
        ("scheduled_statuses_scheduler", "scheduled_statuses", _SCHEDULED),
        ("ip_cleanup_scheduler", "ip_blocks", _IP_BLOCKS),
        ("pghero_scheduler", "pghero_space_stats", _SPACE_STATS),
    ):
        if shape.has(table):
            queries[name] = query
    return queries
