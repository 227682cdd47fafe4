"""All the stores of a server together, as /metrics shows them."""

import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg2
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from exporter.collectors import scheduled_jobs
from exporter.collectors.store_collector import DEADLINE_SECONDS, deadline_seconds
from exporter.config import Config, DatabaseSettings, Secret
from exporter.ledger import RESUBSCRIBE, RESUBSCRIBE_ACCOUNTS, Ledger, Series
from exporter.server import Running, Stores
from tests.collectors.test_background_count import eventually
from tests.golden_files import assert_golden, golden_text
from tests.mastodon_rows import add_account, add_followed_account, add_subscription, in_days
from tests.postgres import Postgres, postgres_server
from tests.programs import need_program
from tests.redis_server import RunningRedis
from tests.server.serving import config

UNREACHABLE = DatabaseSettings(url=Secret("postgresql://127.0.0.1:1/none"), instance="qdon")


class Stored:
    """The stores of a configuration that can be changed."""

    def __init__(self, folder: Path, first: Config) -> None:
        self.config = first
        self.running = Running(lambda: self.config)
        self.stores = Stores(self.running, folder)
        self.registry = CollectorRegistry()
        self.registry.register(self.stores.collector)

    def reload(self, new: Config) -> None:
        self.config = new
        assert self.running.reload() == ()

    @property
    def text(self) -> str:
        return generate_latest(self.registry).decode()

    @property
    def success(self) -> dict[str, str]:
        found = re.findall(r'^mastodon_exporter_collector_success\{collector="(\w+)"\} (\d)', self.text, re.MULTILINE)
        return dict(found)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Callable[[Config], Stored]]:
    with ExitStack() as made:

        def make(first: Config) -> Stored:
            stored = Stored(tmp_path, first)
            made.callback(stored.stores.close)
            return stored

        yield make


def test_the_whole_exposition_of_an_old_server_is_the_stored_one(
    postgres: Postgres, redis_server: RunningRedis, store: Callable[[Config], Stored], tmp_path: Path
) -> None:
    url = postgres.new_database("2.9")
    for days in (-1, 0.5, 5):
        add_followed_account(url, subscription_expires_at=in_days(days))
    add_subscription(url, add_account(url))
    redis_server.client().sadd("queues", "default", "push")
    with Ledger.open(tmp_path).start(RESUBSCRIBE) as job:
        job.add(Series(RESUBSCRIBE_ACCOUNTS, ("confirmed",)), 5)
    database = DatabaseSettings(url=Secret(url), instance="qdon")
    stored = store(config(database=database, redis=replace(redis_server.settings, instance="qdon")))
    text = re.sub(r"^(\w+_seconds(?:\{.*\})?) \S+$", r"\1 SECONDS", stored.text, flags=re.MULTILINE)
    assert_golden("stores.prom", text)


def test_promtool_finds_no_fault_in_the_stored_exposition() -> None:
    promtool = need_program("promtool")
    text = golden_text("stores.prom").replace(" SECONDS\n", " 1\n")
    linted = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert linted.stdout + linted.stderr == ""


def test_only_what_is_configured_has_a_collector(
    postgres: Postgres, redis_server: RunningRedis, store: Callable[[Config], Stored]
) -> None:
    stored = store(config())
    assert stored.text == ""
    stored.reload(config(redis=redis_server.settings))
    assert stored.success == {"scheduled_jobs": "1", "sidekiq": "1"}
    stored.reload(config(database=DatabaseSettings(url=Secret(postgres.new_database("4.6")))))
    assert stored.success == {"subscriptions": "1", "deliveries": "1", "scheduled_jobs": "1"}


def test_a_store_that_is_down_leaves_the_others_alone(
    redis_server: RunningRedis, store: Callable[[Config], Stored]
) -> None:
    stored = store(config(database=UNREACHABLE, redis=redis_server.settings))
    success = stored.success
    assert (success["subscriptions"], success["deliveries"], success["sidekiq"]) == ("0", "0", "1")


def test_a_database_that_falls_silent_while_a_slow_question_waits_has_failed_within_a_scrape(
    redis_server: RunningRedis, store: Callable[[Config], Stored], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduled_jobs, "EFFECTS_SECONDS", 0.0)
    redis_server.client().hset(
        "schedules", "vacuum_scheduler", '{"every": "1d", "class": "Scheduler::VacuumScheduler"}'
    )
    with postgres_server() as server:
        url = server.new_database("4.3")
        stored = store(config(database=DatabaseSettings(url=Secret(url)), redis=redis_server.settings))
        assert stored.success["scheduled_jobs"] == "1"
        with locked(url, "media_attachments"):
            eventually(lambda: stored.success["scheduled_jobs"] == "1" and is_waiting(server, url))
            with server.frozen():
                began = time.monotonic()
                deadline_seconds.set(1.0)
                success = stored.success
                assert time.monotonic() - began < 2.0
                assert (success["scheduled_jobs"], success["sidekiq"]) == ("0", "1")
            deadline_seconds.set(DEADLINE_SECONDS)
            eventually(lambda: stored.success["scheduled_jobs"] == "1")
            assert is_waiting(server, url)
        eventually(lambda: not is_waiting(server, url))


@contextmanager
def locked(url: str, table: str) -> Iterator[None]:
    """Have nobody else read a table."""
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield


def is_waiting(server: Postgres, url: str) -> bool:
    """Tell whether a question of the exporter waits for a lock."""
    waiting = (
        "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'mastodon%' AND wait_event_type = 'Lock'"
    )
    return server.run(url, waiting) != [(0,)]


def test_a_reload_that_leaves_a_store_as_it_was_leaves_its_connection_too(
    postgres: Postgres, redis_server: RunningRedis, store: Callable[[Config], Stored]
) -> None:
    url = postgres.new_database("2.9")
    database = DatabaseSettings(url=Secret(url))
    connected = (
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name = 'mastodon-exporter subscriptions'"
    )
    stored = store(config(database=database))
    assert stored.success["subscriptions"] == "1"
    before = postgres.run(url, connected)
    assert len(before) == 1
    stored.reload(config(database=DatabaseSettings(url=Secret(url)), redis=redis_server.settings))
    assert stored.success["subscriptions"] == "1"
    assert postgres.run(url, connected) == before


def test_scrapes_at_once_and_reloads_meanwhile_give_whole_answers(
    postgres: Postgres, store: Callable[[Config], Stored]
) -> None:
    databases = [DatabaseSettings(url=Secret(postgres.new_database("2.9"))) for _ in range(2)]
    stored = store(config(database=databases[0]))
    answers: list[dict[str, str]] = []
    scraping = [threading.Thread(target=lambda: answers.extend(stored.success for _ in range(5))) for _ in range(4)]
    for one in scraping:
        one.start()
    for number in range(10):
        stored.reload(config(database=databases[number % 2]))
    for one in scraping:
        one.join()
    assert len(answers) == 20
    assert all(set(answer) == {"subscriptions", "deliveries", "scheduled_jobs"} for answer in answers)
    assert stored.success["subscriptions"] == "1"
