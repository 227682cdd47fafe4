"""Servers that ours has given up delivering to, on /metrics."""

from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily, Metric

from exporter.mastodon.database import Database
from exporter.mastodon.delivery_failures import inbox_host, read_unavailable_inboxes
from exporter.mastodon.redis_server import RedisServer
from exporter.mastodon.shape import read_shape

# 3.1.4 and later; of a table that anybody may grow (each sender's host is one row) no more is counted than this.
_COUNT = "SELECT count(*) FROM (SELECT FROM unavailable_domains LIMIT 1000000) AS given_up"


@dataclass(frozen=True)
class DeliveryFamilies:
    """How many servers were given up. Before 3.1.4 Redis alone tells."""

    database: Database
    redis: RedisServer | None = None
    name: str = "deliveries"

    def families(self) -> Iterator[Metric]:
        """Yield the family, or nothing where nothing tells; raises DatabaseError and RedisError."""
        given_up = self._given_up()
        if given_up is not None:
            what = "Servers that are no longer delivered to, because deliveries failed on 7 days."
            yield GaugeMetricFamily("mastodon_unavailable_domains", what, value=given_up)

    def _given_up(self) -> int | None:
        with self.database.reading() as reading:
            if read_shape(reading).has("unavailable_domains"):
                reading.execute(_COUNT)
                ((count,),) = reading.fetchall()
                return int(count)
        if self.redis is None:
            return None
        with self.redis.application() as keys:
            return len({inbox_host(inbox) for inbox in read_unavailable_inboxes(keys)})
