"""What the stores say on /metrics: a collector for each that is configured, made anew when its settings change."""

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

from exporter.collectors.deliveries import DeliveryFamilies
from exporter.collectors.ledger import LedgerFamilies
from exporter.collectors.scheduled_jobs import JobDatabase, ScheduledJobFamilies
from exporter.collectors.sidekiq import SidekiqFamilies
from exporter.collectors.store_collector import StoreCollector, StoreFamilies, StoreReading
from exporter.collectors.subscriptions import SubscriptionFamilies
from exporter.config import Config, DatabaseSettings, RedisSettings
from exporter.ledger.schema import LEDGER_NAME
from exporter.mastodon.database import Database
from exporter.mastodon.redis_server import RedisServer
from exporter.server.reload import Running

QUERY_SECONDS = 5.0
COUNTING_SECONDS = 60.0
"""What PostgreSQL may take for one answer: while a client waits, and in the background."""

CONNECT_SECONDS = 2
REDIS_SECONDS = 2.0
"""What PostgreSQL may take for a connection, and Redis for that and for an answer.

A collector that asks both has time left to tell what one says while the other is silent.
"""

CLOSING_SECONDS = 1.0


class _Connection(Protocol):
    def close(self) -> None: ...


@dataclass(frozen=True)
class _Store:
    """A collector, and the connections to close once nobody asks it any more."""

    families: StoreFamilies
    connections: tuple[_Connection, ...] = ()


@dataclass(frozen=True)
class _Wanted:
    """A collector that the configuration asks for; another is made when `settings` change."""

    settings: tuple[object, ...]
    make: Callable[[], _Store] = field(compare=False)


@dataclass(frozen=True)
class _Made:
    wanted: _Wanted
    reading: StoreReading
    connections: tuple[_Connection, ...]


class Stores:
    """Keeps a collector for each store of the configuration in force. Thread-safe; `close` once."""

    def __init__(self, running: Running, folder: Path) -> None:
        """`folder` is where state is kept, the ledger among it."""
        self._running = running
        self._folder = folder
        self._lock = threading.Lock()
        self._made: dict[str, _Made] = {}
        self.collector = StoreCollector(self._readings)

    def close(self) -> None:
        """Close every connection, without waiting long for a store that hangs."""
        with self._lock:
            made, self._made = self._made, {}
        _close(made.values())

    def _readings(self) -> tuple[StoreReading, ...]:
        with self._lock:
            wanted = dict(_wanted(self._running.config, self._folder))
            gone = [one for name, one in self._made.items() if wanted.get(name) != one.wanted]
            kept = {name: one for name, one in self._made.items() if one not in gone}
            self._made = {name: kept.get(name) or _made(one) for name, one in wanted.items()}
            readings = tuple(one.reading for one in self._made.values())
        _close(gone)
        return readings


def _wanted(config: Config, folder: Path) -> Iterator[tuple[str, _Wanted]]:
    """Yield the collectors by name, in the order in which they are shown."""
    database, redis = config.database, config.redis
    if database is not None:
        yield "subscriptions", _Wanted((database,), partial(_subscriptions, database))
        yield "deliveries", _Wanted((database, redis), partial(_deliveries, database, redis))
    if database is not None or redis is not None:
        yield "scheduled_jobs", _Wanted((database, redis, folder), partial(_scheduled_jobs, database, redis, folder))
    if redis is not None:
        yield "sidekiq", _Wanted((redis,), partial(_sidekiq, redis))
    if (folder / LEDGER_NAME).exists():
        yield "ledger", _Wanted((folder,), lambda: _Store(LedgerFamilies(folder)))


# Each collector has connections of its own: one that is slow must not keep another waiting.


def _subscriptions(settings: DatabaseSettings) -> _Store:
    database = _database(settings, "subscriptions")
    counting = _database(settings, "counting", COUNTING_SECONDS)
    return _Store(SubscriptionFamilies(database, counting), (database, counting))


def _deliveries(settings: DatabaseSettings, redis_settings: RedisSettings | None) -> _Store:
    database = _database(settings, "deliveries")
    redis = _redis(redis_settings) if redis_settings is not None else None
    return _Store(DeliveryFamilies(database, redis), _connections(database, redis))


def _scheduled_jobs(settings: DatabaseSettings | None, redis_settings: RedisSettings | None, folder: Path) -> _Store:
    database = _job_database(settings) if settings is not None else None
    redis = _redis(redis_settings) if redis_settings is not None else None
    databases = (database.asked, database.counting) if database is not None else ()
    return _Store(ScheduledJobFamilies(database, redis, folder), _connections(*databases, redis))


def _job_database(settings: DatabaseSettings) -> JobDatabase:
    counting = _database(settings, "counting scheduled jobs", COUNTING_SECONDS)
    return JobDatabase(_database(settings, "scheduled jobs"), counting)


def _sidekiq(settings: RedisSettings) -> _Store:
    redis = _redis(settings)
    return _Store(SidekiqFamilies(redis), (redis,))


def _database(settings: DatabaseSettings, what: str, seconds: float = QUERY_SECONDS) -> Database:
    return Database(settings, f"mastodon-exporter {what}", seconds, CONNECT_SECONDS)


def _redis(settings: RedisSettings) -> RedisServer:
    return RedisServer(settings, REDIS_SECONDS)


def _connections(*there: _Connection | None) -> tuple[_Connection, ...]:
    return tuple(connection for connection in there if connection is not None)


def _made(wanted: _Wanted) -> _Made:
    store = wanted.make()
    return _Made(wanted, StoreReading(store.families), store.connections)


def _close(made: Iterable[_Made]) -> None:
    connections = [connection for one in made for connection in one.connections]
    if connections:
        # A connection in use is closed once its answer has come, and one that hangs has none.
        closing = threading.Thread(target=_close_all, args=(connections,), name="closing stores", daemon=True)
        closing.start()
        closing.join(CLOSING_SECONDS)


def _close_all(connections: Iterable[_Connection]) -> None:
    for connection in connections:
        connection.close()
