"""One look at a configured Redis: does it answer?"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass

from exporter.config import RedisSettings
from exporter.errors import MastodonExporterError
from exporter.mastodon.redis_server import Keys, RedisServer


@dataclass(frozen=True)
class RedisFindings:
    """What there is of Redis, in one line of words, and what somebody should do about it."""

    summary: str
    warnings: tuple[str, ...] = ()


def look_over_redis(settings: RedisSettings) -> RedisFindings:
    """Return what Redis looks like now; one that cannot be used is a warning."""
    with closing(RedisServer(settings)) as server:
        warnings = tuple(dict.fromkeys((*_trouble(server.application), *_trouble(server.sidekiq))))
        if warnings:
            return RedisFindings("redis: cannot be used", warnings)
        try:
            with server.sidekiq() as keys:
                queues = len(list(keys.members("queues", 1000)))
        except MastodonExporterError as error:
            return RedisFindings("redis: answers", (f"redis: {error}",))
    return _of_queues(queues)


def _of_queues(count: int) -> RedisFindings:
    if not count:
        unknown = "no queue of Sidekiq; is it another database, or does Mastodon use a namespace?"
        return RedisFindings("redis: answers", (f"redis: {unknown}",))
    return RedisFindings(f"redis: answers, {count} queue{'' if count == 1 else 's'} of Sidekiq")


def _trouble(opened: Callable[[], AbstractContextManager[Keys]]) -> Iterator[str]:
    try:
        with opened() as keys:
            keys.ask([("PING",)])
    except MastodonExporterError as error:
        yield f"redis: {error}"
