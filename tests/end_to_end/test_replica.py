"""A real read-only replica in the configuration: what only reads works there, and the rest says what to do."""

import json
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from exporter.ledger import read_ledger
from exporter.subscriptions.secrets_file import SECRETS_NAME
from tests.end_to_end.programs_under_test import exporter, run
from tests.mastodon_rows import add_account, add_subscription, add_unavailable_domain, now
from tests.postgres import Postgres, postgres_server
from tests.redis_server import running_redis
from tests.standby import standby_of, wait_until_replayed
from tests.subscriptions.hub_database import SOFT_DELETION
from tests.subscriptions.resubscribe_world import REMEDY, World, world

PATIENCE_SECONDS = 60
FAILURES = "exhausted_deliveries:dead.example"
SAYS = "mastodon-remedy: the database cannot be written to; if it is a replica, configure the primary: "

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Server:
    """A server of each age, whose configurations name a replica: `world` is of the old one, `today` a database's URL.

    Of the old one's three subscriptions to us, one is in `backup` alone, one is soft-deleted, and one lives.
    """

    primary: Postgres
    replica: Postgres
    world: World
    today: str
    redis: Any
    redis_url: str

    @property
    def backup(self) -> str:
        return str(self.world.folder / "subscriptions.gz")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of `mastodon-remedy` against the replica of the database that it is for."""
        config = self.config(self.today if arguments[0] == "deliveries" else self.world.database)
        return remedy(config, *arguments)

    def config(self, url: str) -> str:
        """Write a configuration with the replica of a database, and return its name."""
        replica = self.replica.url(url.rpartition("/")[2])
        return self.world.config(database={"url": replica}, redis={"url": self.redis_url})

    def everything(self) -> list[object]:
        """Return all rows of the primary's databases, and the keys of Redis."""
        return [
            *self.primary.run(self.world.database, "SELECT accounts::text FROM accounts ORDER BY id"),
            *self.primary.run(self.world.database, "SELECT subscriptions::text FROM subscriptions ORDER BY id"),
            *self.primary.run(self.today, "SELECT unavailable_domains::text FROM unavailable_domains ORDER BY id"),
            *self.redis.keys(),
        ]


def remedy(config: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*REMEDY, "-c", config, *arguments]
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with postgres_server() as primary, standby_of(primary) as replica, running_redis() as store:
        old, today = primary.new_database("2.9"), primary.new_database("4.6")
        primary.run(old, SOFT_DELETION)
        with world(old, tmp_path_factory.mktemp("replica")) as made, closing(store.client()) as client:
            server = Server(primary, replica, made, today, client, store.url)
            fill(server)
            wait_until_replayed(primary, replica)
            yield server


def fill(server: Server) -> None:
    for number in range(3):
        server.world.add("prompt", f"prompt{number}.localhost")
    followed = add_account(server.world.database)
    lost, deleted, _ = (add_subscription(server.world.database, followed) for _ in range(3))
    config = server.world.config(state_dir=str(server.world.folder / "state of the backup"))
    assert remedy(config, "subscriptions", "backup", server.backup).returncode == 0
    server.primary.run(server.world.database, "DELETE FROM subscriptions WHERE id = %s", [lost])
    statement = "UPDATE subscriptions SET deleted_at = %s WHERE id = %s"
    server.primary.run(server.world.database, statement, [now(), deleted])
    add_unavailable_domain(server.today, "dead.example")
    server.redis.sadd(FAILURES, "20261119")


@pytest.mark.parametrize(
    "arguments",
    [
        ["subscriptions", "resubscribe", "--all", "--yes"],
        ["subscriptions", "restore", "BACKUP", "--yes"],
        ["subscriptions", "restore", "BACKUP", "--dry-run"],
        ["subscriptions", "undelete", "--yes"],
        ["subscriptions", "undelete", "--dry-run"],
        ["deliveries", "restart", "dead.example"],
    ],
    ids=" ".join,
)
def test_what_must_write_says_that_it_needs_the_primary_and_does_nothing(
    server: Server, arguments: Sequence[str]
) -> None:
    before = server.everything()
    ended = server.run(*[server.backup if one == "BACKUP" else one for one in arguments])
    assert (ended.returncode, ended.stdout) == (1, "")
    *_, said = ended.stderr.splitlines()
    assert said.startswith(SAYS)
    assert "Traceback" not in ended.stderr
    assert server.world.hub.asked == []
    assert server.everything() == before
    assert not (server.world.state / SECRETS_NAME).exists()
    record = read_ledger(server.world.state)
    assert record is None or record.totals == {}


def test_a_dry_run_of_resubscribe_tells_whom_it_would_ask(server: Server) -> None:
    ended = server.run("subscriptions", "resubscribe", "--all", "--dry-run", "--format", "json")
    assert ended.returncode == 0, ended.stderr
    assert {one["account_id"]: one["result"] for one in json.loads(ended.stdout)} == dict.fromkeys(
        server.world.old_secrets, "planned"
    )
    assert server.world.hub.asked == []


def test_a_backup_holds_what_is_left_and_restores_on_the_primary(server: Server, tmp_path: Path) -> None:
    ended = server.run("subscriptions", "backup", str(tmp_path / "s.gz"), "--format", "json")
    assert (ended.returncode, json.loads(ended.stdout)["rows"]) == (0, 2)
    planned = remedy(
        server.world.config(), "subscriptions", "restore", str(tmp_path / "s.gz"), "--dry-run", "--format", "json"
    )
    assert [one["result"] for one in json.loads(planned.stdout)] == ["skipped", "skipped"]


def test_deliveries_are_listed_and_their_restart_is_planned(server: Server) -> None:
    listed = server.run("deliveries", "list", "--format", "json")
    assert [(one["domain"], one["state"], one["failing_days"]) for one in json.loads(listed.stdout)] == [
        ("dead.example", "unavailable", 1)
    ]
    planned = server.run("deliveries", "restart", "dead.example", "--dry-run", "--format", "json")
    assert [one["result"] for one in json.loads(planned.stdout)] == ["planned"]


@pytest.mark.parametrize("is_old", [True, False], ids=["old", "today"])
def test_every_collector_of_the_exporter_reads_there(server: Server, tmp_path: Path, *, is_old: bool) -> None:
    config = server.config(server.world.database if is_old else server.today)
    told = "mastodon_subscriptions_expected 3.0" if is_old else "mastodon_unavailable_domains 1.0"
    with exporter(Path(config), tmp_path) as running:
        metrics = running.get("/metrics").text
    successes = dict(
        re.findall(r'^mastodon_exporter_collector_success\{collector="(\w+)"\} (.*)$', metrics, re.MULTILINE)
    )
    assert {"subscriptions", "deliveries", "scheduled_jobs"} <= set(successes)
    assert set(successes.values()) == {"1.0"}, metrics
    assert told in metrics.splitlines()


def test_check_config_tells_that_it_is_a_replica(server: Server) -> None:
    checked = run("check-config", "-c", server.config(server.today))
    assert checked.returncode == 0
    assert "a read-only replica" in checked.stdout
