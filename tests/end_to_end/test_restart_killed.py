"""`deliveries restart` killed at any instant: after the next run all is as a single one would have left it."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import yaml
from psycopg2.extensions import cursor

from exporter.cli.deliveries import RESTART_JOB
from exporter.ledger import JobState, Series, read_ledger
from tests.mastodon_rows import add_unavailable_domain
from tests.postgres import Postgres
from tests.redis_server import RunningRedis

REMEDY = [sys.executable, "-c", "from exporter.cli.remedy import main; main()"]
KILLS = 50 if os.environ.get("SOAK") == "full" else 10
MOST_KILLS_IN_A_ROW = 3
PATIENCE_SECONDS = 60.0
DOMAINS = 30
FAILURES = "exhausted_deliveries:"
RESTARTED = Series("delivery_domains", ("restarted",))


@dataclass(frozen=True)
class Server:
    """A server that has given others up, `untouched.example` among them, which nobody restarts."""

    database: cursor
    redis: Any
    folder: Path

    def give_up(self) -> list[str]:
        """Have each of some domains given up, failing, or both; return them."""
        domains = [f"dead{number}.example" for number in range(DOMAINS)]
        for number, domain in enumerate(domains):
            if number % 3:
                add_unavailable_domain(self.database, domain)
            if number % 3 != 1:
                self.redis.sadd(FAILURES + domain, *(f"2026111{day}" for day in range(7)))
        return domains

    def begin(self, domains: Sequence[str]) -> subprocess.Popen[str]:
        command = [*REMEDY, "-c", str(self.folder / "config.yml"), "deliveries", "restart", *domains, "--yes"]
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def troubled(self) -> set[str]:
        """Return the domains of which anything is left."""
        self.database.execute("SELECT domain FROM unavailable_domains")
        rows = self.database.fetchall()
        return {domain for (domain,) in rows} | {key.removeprefix(FAILURES) for key in self.redis.keys(f"{FAILURES}*")}

    def recorded(self) -> tuple[JobState, int]:
        """Return how the last run ended by the ledger, and how many domains all of them have restarted."""
        record = read_ledger(self.folder / "state")
        assert record is not None
        return record.latest()[RESTART_JOB].state, record.totals[RESTARTED]


@pytest.fixture
def server(postgres: Postgres, redis_server: RunningRedis, tmp_path: Path) -> Iterator[Server]:
    url = postgres.new_database("4.6")
    document = {"state_dir": "state", "instances": [], "database": {"url": url}, "redis": {"url": redis_server.url}}
    (tmp_path / "config.yml").write_text(yaml.safe_dump(document))
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as database:
        connection.autocommit = True
        made = Server(database, redis_server.client(), tmp_path)
        add_unavailable_domain(database, "untouched.example")
        made.redis.sadd(f"{FAILURES}untouched.example", "20261119")
        yield made


@pytest.mark.slow
def test_a_run_after_any_number_of_kills_leaves_no_domain_half_restarted_and_counts_each_once(server: Server) -> None:
    chance = random.Random(f"kill {KILLS}")
    kills = kills_halfway = rounds = 0
    while kills < KILLS:
        domains = server.give_up()
        rounds += 1
        for _ in range(min(chance.randint(1, MOST_KILLS_IN_A_ROW), KILLS - kills)):
            kills += kill_one_run(server, chance, domains)
            kills_halfway += 1 < len(server.troubled()) <= DOMAINS
        process = server.begin(domains)
        output, _ = process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 0, output
        assert server.troubled() == {"untouched.example"}
        assert server.recorded() == (JobState.DONE, rounds * DOMAINS)
    assert kills_halfway  # or it was never killed at its work


def kill_one_run(server: Server, chance: random.Random, domains: Sequence[str]) -> bool:
    """Begin a run and kill it a moment after so many domains are left, or fewer; False if it ended before."""
    left = chance.randint(1, len(server.troubled()))
    process = server.begin(domains)
    give_up = time.monotonic() + PATIENCE_SECONDS
    while process.poll() is None and len(server.troubled()) > left:
        assert time.monotonic() < give_up
    time.sleep(chance.random() * 0.01)  # the instant is what chance makes it
    process.kill()
    process.communicate(timeout=PATIENCE_SECONDS)
    return process.returncode == -signal.SIGKILL
