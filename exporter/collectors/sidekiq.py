"""Sidekiq's queues and processes, on /metrics."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily, Metric

from exporter.mastodon.redis_server import Command, Keys, RedisServer
from exporter.mastodon.sidekiq import living_processes, moment_seconds, read_job

MOST_QUEUES = 100


@dataclass(frozen=True)
class SidekiqFamilies:
    """What Sidekiq has to do, and how many processes do it."""

    redis: RedisServer
    clock: Callable[[], float] = time.time
    name: str = "sidekiq"

    def families(self) -> Iterator[Metric]:
        """Yield the families; raises RedisError."""
        with self.redis.sidekiq() as keys:
            queues = sorted(set(keys.members("queues", MOST_QUEUES)))[:MOST_QUEUES]
            processes = living_processes(keys)
            sizes, latencies = self._queues(keys, queues)
        yield sizes
        yield latencies
        yield GaugeMetricFamily("mastodon_sidekiq_processes", "Processes of Sidekiq that live.", value=processes)

    def _queues(self, keys: Keys, queues: list[str]) -> tuple[Metric, Metric]:
        sizes = GaugeMetricFamily("mastodon_sidekiq_queue_size", "Jobs that wait in the queue.", labels=("queue",))
        latencies = GaugeMetricFamily(
            "mastodon_sidekiq_queue_latency_seconds",
            "How long the job that waits longest has waited in the queue; 0 where none waits.",
            labels=("queue",),
        )
        asked: list[Command] = []
        for queue in queues:
            asked += [("LLEN", f"queue:{queue}"), ("LINDEX", f"queue:{queue}", -1)]
        answers = keys.ask(asked) if asked else []
        now = self.clock()
        for queue, size, oldest in zip(queues, answers[::2], answers[1::2], strict=True):
            sizes.add_metric((queue,), size or 0)
            latencies.add_metric((queue,), _waited_seconds(oldest, now))
        return sizes, latencies


def _waited_seconds(oldest: object, now: float) -> float:
    enqueued = moment_seconds(read_job(oldest).get("enqueued_at"))
    return 0.0 if enqueued is None else max(now - enqueued, 0.0)
