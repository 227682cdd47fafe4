"""How Sidekiq keeps its jobs: JSON in lists and sorted sets of Redis."""

import json
from collections.abc import Mapping

from exporter.mastodon.redis_server import Keys

RETRY = "retry"
DEAD = "dead"

_LEAST_MILLISECONDS = 100_000_000_000


def moment_seconds(value: object) -> float | None:
    """Return a time of Sidekiq as Unix time: seconds with a fraction up to 7.x, whole milliseconds from 8.0 on."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        return None
    return value / 1000 if value >= _LEAST_MILLISECONDS else float(value)


def read_job(text: object) -> Mapping[str, object]:
    """Return a job as Sidekiq has written it; empty for what is none."""
    if not isinstance(text, str):
        return {}
    try:
        job = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return job if isinstance(job, dict) else {}


def living_processes(keys: Keys, limit: int = 1000) -> int:
    """Return how many processes of Sidekiq live: those named whose hash, which lasts a minute, is there."""
    names = list(keys.members("processes", limit))
    return sum(1 for found in keys.ask([("EXISTS", name) for name in names]) if found) if names else 0
