"""PubSubHubbub subscriptions as the database has them: ours at other servers, and those of others at ours.

No index of Mastodon's helps to count them, so that they are counted in the background, every few minutes.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial

from prometheus_client.core import GaugeMetricFamily, Metric
from psycopg2.extensions import cursor

from exporter.collectors.background_count import BackgroundCount
from exporter.mastodon.database import Database
from exporter.mastodon.shape import Shape, read_shape
from exporter.mastodon.subscription_rules import NOW, is_expected, is_expiring, is_overdue

RECOUNT_SECONDS = 300.0
HUB_STATES = ("active", "expired", "unconfirmed", "deleted")


@dataclass(frozen=True)
class SubscriptionCounts:
    """What was counted, and when that began (Unix time). `hub` has each of HUB_STATES."""

    expected: int
    overdue: int
    expiring: int
    hub: Mapping[str, int]
    counted_timestamp_seconds: float


def count_subscriptions(reading: cursor, shape: Shape, clock: Callable[[], float] = time.time) -> SubscriptionCounts:
    """Return what a database that speaks PubSubHubbub has of subscriptions; it reads through `accounts` once."""
    began = clock()
    reading.execute(expected_query(shape))
    ((expected, overdue, expiring),) = reading.fetchall()
    reading.execute(hub_query(shape))
    (hub,) = reading.fetchall()
    return SubscriptionCounts(expected, overdue, expiring, dict(zip(HUB_STATES, hub, strict=True)), began)


def expected_query(shape: Shape) -> str:
    """Return the query for expected, overdue and expiring subscriptions, one row."""
    return (
        f"SELECT count(*), count(*) FILTER (WHERE {is_overdue(shape)}), count(*) FILTER (WHERE {is_expiring()})"  # noqa: S608  # our own words
        f" FROM accounts WHERE {is_expected(shape)}"
    )


def hub_query(shape: Shape) -> str:
    """Return the query for other servers' subscriptions by HUB_STATES, one row; each is in one state only."""
    deleted = "deleted_at IS NOT NULL" if shape.soft_deletes_subscriptions else "FALSE"
    states = (
        f"confirmed AND expires_at > {NOW}",
        f"confirmed AND expires_at > {NOW} IS NOT TRUE",
        "confirmed IS NOT TRUE",
    )
    living = ", ".join(f"count(*) FILTER (WHERE NOT ({deleted}) AND {state})" for state in states)
    return f"SELECT {living}, count(*) FILTER (WHERE {deleted}) FROM subscriptions"  # noqa: S608  # our own words


class SubscriptionFamilies:
    """The collector `subscriptions`; nothing where the database speaks no PubSubHubbub.

    At each scrape it asks for the database's shape only, which shows whether it can be reached. `counting` is
    for the counting alone, with a longer time limit. Thread-safe.
    """

    name = "subscriptions"

    def __init__(self, database: Database, counting: Database, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._counting = counting
        self._counts: BackgroundCount[SubscriptionCounts] = BackgroundCount(self.name, RECOUNT_SECONDS, monotonic)

    def families(self) -> Iterator[Metric]:
        """Yield what was counted last; the first time it waits for that. Raises DatabaseError."""
        with self._database.reading() as reading:
            shape = read_shape(reading)
        if shape.speaks_pubsubhubbub:
            yield from subscription_families(self._counts.latest(partial(self._count, shape), about=shape))
        else:
            self._counts.forget()

    def close(self) -> None:
        """Close the connections."""
        self._database.close()
        self._counting.close()

    def _count(self, shape: Shape) -> SubscriptionCounts:
        # Nothing of this connection is needed until the next time.
        with closing(self._counting), self._counting.reading() as reading:
            return count_subscriptions(reading, shape)


def subscription_families(counts: SubscriptionCounts) -> Iterator[Metric]:
    """Yield the families in a fixed order."""
    yield GaugeMetricFamily(
        "mastodon_subscriptions_expected",
        "Accounts of other servers that this one should be subscribed to, by the rule of its version.",
        counts.expected,
    )
    yield GaugeMetricFamily(
        "mastodon_subscriptions_overdue", "Expected subscriptions that have ended or never began.", counts.overdue
    )
    yield GaugeMetricFamily(
        "mastodon_subscriptions_expiring", "Expected subscriptions that end within a day.", counts.expiring
    )
    yield GaugeMetricFamily(
        "mastodon_subscriptions_counted_timestamp_seconds",
        "When the subscriptions were counted, as Unix time: every 5 minutes, in the background.",
        counts.counted_timestamp_seconds,
    )
    hub = GaugeMetricFamily(
        "mastodon_hub_subscriptions", "Subscriptions of other servers to accounts of this one.", labels=["state"]
    )
    for state in HUB_STATES:
        hub.add_metric([state], counts.hub[state])
    yield hub
