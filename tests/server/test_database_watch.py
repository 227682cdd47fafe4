"""What the database tells of the logs, without ever keeping them waiting."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from exporter.accesslog.accounts import Verdict
from exporter.accesslog.known_domains import KNOWN_DOMAINS_NAME
from exporter.config import AccessLog, Config, DatabaseSettings, Secret, Subscriptions
from exporter.mastodon.instance import Announcement
from exporter.probes.memory import Memory
from exporter.server import AccessLogs, Running, database_watch
from exporter.server.database_watch import DatabaseWatch
from tests.mastodon_rows import add_remote_account
from tests.postgres import Postgres
from tests.probes.sample_reports import QDON
from tests.server.fake_prober import FakeProber
from tests.server.serving import config

LOG = AccessLog("qdon", "/var/log/nginx/access.log", instance="qdon")


def database(url: str, instance: str | None = "qdon") -> DatabaseSettings:
    return DatabaseSettings(url=Secret(url), instance=instance)


class Watched:
    """A watch, and the configuration that it goes by."""

    def __init__(self, folder: Path, settings: DatabaseSettings | None) -> None:
        self.config = config(database=settings, access_logs=(LOG,))
        self.running = Running(lambda: self.config)
        self.file = folder / KNOWN_DOMAINS_NAME
        self.watch = DatabaseWatch(self.running, folder)
        self.watch.start()

    def reload(self, new: Config) -> None:
        self.config = new
        assert self.running.reload() == ()

    def verdict(self, *ids: int) -> Verdict:
        give_up = time.monotonic() + 10
        while (verdict := self.watch.vet(ids)) is None:
            assert time.monotonic() < give_up, "waited in vain"
            time.sleep(0.01)
        return verdict


@pytest.fixture
def watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Watched]]:
    monkeypatch.setattr(database_watch, "PAUSE_SECONDS", 0.05)
    with ExitStack() as watches:

        def begin(settings: DatabaseSettings | None) -> Watched:
            watched = Watched(tmp_path, settings)
            watches.callback(watched.watch.stop)
            return watched

        yield begin


def eventually(condition: Callable[[], object]) -> None:
    give_up = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < give_up, "waited in vain"
        time.sleep(0.01)


@pytest.mark.parametrize(("version", "speaks"), [("1.3", True), ("2.9", True), ("3.5", False), ("4.6", False)])
def test_the_shape_is_known_at_once_where_the_database_answers(
    postgres: Postgres, watch: Callable[..., Watched], version: str, speaks: bool
) -> None:
    shape = watch(database(postgres.new_database(version))).watch.shape()
    assert shape is not None
    assert shape.speaks_pubsubhubbub is speaks


def test_a_database_that_does_not_answer_is_waited_for_a_second_once(watch: Callable[..., Watched]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        watched = watch(database(f"postgresql://127.0.0.1:{silent.getsockname()[1]}/none"))
        began = time.monotonic()
        assert watched.watch.shape() is None
        assert 0.5 < time.monotonic() - began < 1.5
        began = time.monotonic()
        assert (watched.watch.shape(), watched.watch.vet([1])) == (None, None)
        assert time.monotonic() - began < 0.1


def test_the_domains_that_the_database_knows_are_written_down(
    postgres: Postgres, watch: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_watch, "LOOK_SECONDS", 0.1)
    url = postgres.new_database("2.9")
    add_remote_account(url, "b.example")
    add_remote_account(url, "a.example")
    watched = watch(database(url))
    eventually(watched.file.exists)
    assert watched.file.read_text() == "a.example\nb.example\n"
    modified = watched.file.stat().st_mtime_ns
    add_remote_account(url, "a.example")
    add_remote_account(url, "c.example")
    eventually(lambda: watched.file.stat().st_mtime_ns != modified)
    assert watched.file.read_text() == "a.example\nb.example\nc.example\n"


def test_accounts_are_told_from_made_up_ids(postgres: Postgres, watch: Callable[..., Watched]) -> None:
    url = postgres.new_database("2.9")
    there = add_remote_account(url)
    watched = watch(database(url))
    assert watched.verdict(there, there + 1000) == Verdict((there, there + 1000), frozenset({there}))
    assert watched.watch.vet([]) is None


def test_a_database_that_is_none_of_mastodon_says_nothing_of_accounts(
    postgres: Postgres, watch: Callable[..., Watched], caplog: pytest.LogCaptureFixture
) -> None:
    postgres.run(postgres.url("postgres"), "CREATE DATABASE stranger")
    url = postgres.url("stranger")
    postgres.run(url, "CREATE TABLE accounts (id bigint)")
    watched = watch(database(url))
    eventually(lambda: "tells nothing of the access logs" in caplog.text)
    for _ in range(20):
        assert watched.watch.vet([1]) is None
        time.sleep(0.01)  # the follower's pace
    assert watched.watch.shape() is None
    assert caplog.text.count("tells nothing of the access logs") == 1


def test_another_database_takes_its_place_after_a_reload(postgres: Postgres, watch: Callable[..., Watched]) -> None:
    old, today = postgres.new_database("2.9"), postgres.new_database("4.6")
    add_remote_account(old, "old.example")
    add_remote_account(today, "today.example")
    watched = watch(database(old))
    eventually(lambda: watched.file.exists() and "old.example" in watched.file.read_text())
    watched.reload(config(database=database(today), access_logs=(LOG,)))
    eventually(lambda: "today.example" in watched.file.read_text())
    shape = watched.watch.shape()
    assert shape is not None
    assert not shape.speaks_pubsubhubbub
    watched.reload(config(access_logs=(LOG,)))
    assert (watched.watch.known_domains, watched.watch.shape(), watched.watch.covers(LOG)) == (None, None, False)


def test_another_database_is_seen_at_once_and_the_old_connection_closed(
    postgres: Postgres, watch: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_watch, "PAUSE_SECONDS", 60.0)
    old, new = postgres.new_database("2.9"), postgres.new_database("2.9")
    watched = watch(database(old))
    assert watched.watch.shape() is not None
    watched.reload(config(database=database(new), access_logs=(LOG,)))
    eventually(lambda: connections(postgres, new) and not connections(postgres, old))
    watched.reload(config(access_logs=(LOG,)))
    eventually(lambda: not connections(postgres, new))


def connections(postgres: Postgres, url: str) -> int:
    """Return how many are connected to a database."""
    connected = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s"
    ((count,),) = postgres.run(postgres.url("postgres"), connected, [url.rpartition("/")[2]])
    return int(count)


def judged(folder: Path, settings: DatabaseSettings | None, log: AccessLog, version: str) -> frozenset[str]:
    """Return which logs are judged beside a server that announces `version`."""
    memory = Memory(folder)
    memory.learn(QDON, Announcement(version=version))
    running = Running(lambda: config(database=settings, access_logs=(log,)))
    logs = AccessLogs(running, memory, folder)
    logs._database.start()
    logs._prober = FakeProber()
    try:
        return logs._assignment().judged
    finally:
        logs._database.stop()


@pytest.mark.parametrize(("shape", "announced", "wanted"), [("2.9", "4.6.0", {"qdon"}), ("4.6", "2.9.4", set())])
def test_the_shape_of_the_database_decides_against_what_the_server_announces(
    postgres: Postgres, tmp_path: Path, shape: str, announced: str, wanted: set[str]
) -> None:
    assert judged(tmp_path, database(postgres.new_database(shape)), LOG, announced) == wanted


def test_a_database_of_another_instance_decides_nothing(postgres: Postgres, tmp_path: Path) -> None:
    settings = database(postgres.new_database("4.6"), instance="other")
    assert judged(tmp_path, settings, LOG, "2.9.4") == {"qdon"}


def test_a_database_that_cannot_be_reached_leaves_it_to_the_announced_version(tmp_path: Path) -> None:
    settings = database("postgresql://127.0.0.1:1/none")
    assert judged(tmp_path, settings, LOG, "2.9.4") == {"qdon"}
    assert judged(tmp_path, settings, LOG, "4.6.0") == set()


def test_on_and_off_hold_whatever_the_database_is(postgres: Postgres, tmp_path: Path) -> None:
    settings = database(postgres.new_database("4.6"))
    log = AccessLog("qdon", "/a", instance="qdon", subscriptions=Subscriptions.ON)
    assert judged(tmp_path, settings, log, "4.6.0") == {"qdon"}
