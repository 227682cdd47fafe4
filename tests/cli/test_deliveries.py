"""`mastodon-remedy deliveries` as somebody types it: what goes where, exit codes, what the ledger tells after."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from exporter.accesslog.position import Progress
from exporter.accesslog.scanner import scanner
from exporter.accesslog.store import Store
from exporter.accesslog.tally import Tally, TallySettings
from exporter.cli.deliveries import RESTART_JOB
from exporter.config import COMBINED
from exporter.deliveries.restart import Standing
from exporter.ledger import Ledger, Series, read_ledger
from tests.database_roles import documented_role
from tests.mastodon_rows import add_followed_account, add_unavailable_domain
from tests.postgres import Postgres
from tests.redis_server import RunningRedis

REMEDY = [sys.executable, "-c", "from exporter.cli.remedy import main; main()"]
KEY = "exhausted_deliveries:dead.example"
RESTARTED = Series("delivery_domains", ("restarted",))


@dataclass
class Server:
    """A server that has given dead.example up, a configuration for it, and what one types."""

    folder: Path
    url: str
    redis: RunningRedis
    postgres: Postgres
    sections: dict[str, object] = field(default_factory=dict)

    def remedy(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        path = self.folder / "config.yml"
        path.write_text(
            yaml.safe_dump({"state_dir": "state", "instances": [{"url": "https://qdon.example"}], **self.sections})
        )
        command = [*REMEDY, "-c", str(path), *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL
        )

    def deliveries(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.remedy("deliveries", *arguments)

    @property
    def rows(self) -> list[str]:
        rows = self.postgres.run(self.url, "SELECT domain FROM unavailable_domains ORDER BY 1")
        return [domain for (domain,) in rows]

    @property
    def days(self) -> int:
        return int(self.redis.client().scard(KEY))


@pytest.fixture
def server(tmp_path: Path, postgres: Postgres, redis_server: RunningRedis) -> Server:
    url = postgres.new_database("4.6")
    add_unavailable_domain(url, "dead.example")
    add_unavailable_domain(url, "gone.example")
    add_followed_account(url, "dead.example")
    redis_server.client().sadd(KEY, *(f"2026111{day}" for day in range(7)))
    redis_server.client().sadd("exhausted_deliveries:weak.example", "20261122")
    sections: dict[str, object] = {"database": {"url": url}, "redis": {"url": redis_server.url}}
    return Server(tmp_path, url, redis_server, postgres, sections)


def objects(result: subprocess.CompletedProcess[str]) -> list[dict[str, object]]:
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert isinstance(found, list)
    return found


def test_json_is_what_the_contract_says(server: Server) -> None:
    result = server.deliveries("list", "--format", "json")
    dead, gone, weak = objects(result)
    assert result.stderr == ""
    assert dead | {"since": ""} == {
        "domain": "dead.example", "state": "unavailable", "since": "", "failing_days": 7, "accounts": 1, "followers": 1,
        "pending": 0, "pending_by_answer": {}, "inbound_failures": 0,
    }  # fmt: skip
    assert (gone["domain"], gone["failing_days"]) == ("gone.example", 0)
    assert (weak["domain"], weak["state"], weak["since"]) == ("weak.example", "failing", "2026-11-22T00:00:00+00:00")


def test_text_is_a_table_and_a_summary(server: Server) -> None:
    result = server.deliveries("list")
    assert (result.returncode, result.stderr) == (0, "")
    heading, first, *_, summary = result.stdout.splitlines()
    assert heading.split() == ["domain", "state", "since", "days", "accounts", "followers", "pending", "what"]
    assert first.startswith("dead.example")
    assert summary == "2 given up, 1 failing, 0 that fail to reach us"


def test_servers_that_our_own_log_shows_failing_are_listed_beside(server: Server) -> None:
    server.sections["access_logs"] = [{"path": "/var/log/nginx/access.log"}]
    count_failures(server.folder / "state", "qdon.example", "deaf.example", "dead.example", "dead.example")
    found = {
        one["domain"]: (one["state"], one["inbound_failures"])
        for one in objects(server.deliveries("list", "--format", "json"))
    }
    assert found["deaf.example"] == ("inbound", 1)
    assert found["dead.example"] == ("unavailable", 2)
    assert "failed to reach us 2 times" in server.deliveries("list").stdout


def count_failures(folder: Path, log: str, *domains: str) -> None:
    """Commit what the exporter would have counted of domains that delivered once, and failed to then."""
    folder.mkdir()
    now = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime())
    agent = "Mastodon/4.6.0 (http.rb/5.2.0; +https://{}/)"
    line = '192.0.2.1 - - [{}] "POST /inbox HTTP/1.1" {} 0 "-" "{}"\n'
    lines = "".join(line.format(now, code, agent.format(domain)) for code in (202, 401) for domain in domains)
    with closing(Store.open(folder)) as store:
        format_scanner = scanner(COMBINED)
        tally = Tally(TallySettings(format_scanner.agent_text), store.load(log)[1])
        tally.apply(format_scanner.scan(lines.encode()))
        store.commit({log: (Progress("/var/log/nginx/access.log"), tally)})


def test_a_domain_is_restarted_and_the_ledger_knows(server: Server) -> None:
    result = server.deliveries("restart", "Dead.Example", "--format", "json")
    assert objects(result) == [
        {"domain": "dead.example", "result": "restarted", "detail": "given up, days of failures remembered"}
    ]
    assert (server.rows, server.days) == (["gone.example"], 0)
    assert "10 minutes" in result.stderr
    assert "admin log" in result.stderr
    (job,) = objects(server.remedy("jobs", "--format", "json"))
    assert (job["job"], job["state"], job["counts"]) == (
        "deliveries_restart", "done", {"delivery_domains": {"restarted": 1}},
    )  # fmt: skip


@pytest.mark.parametrize("is_done", [False, True])
def test_what_a_killed_run_has_counted_is_not_counted_again_and_the_next_time_is(
    server: Server, *, is_done: bool
) -> None:
    failures = "exhausted_deliveries:weak.example"
    (server.folder / "state").mkdir()
    with closing(Ledger.open(server.folder / "state")) as ledger, ledger.start(RESTART_JOB) as job:
        # What a kill leaves before, or after, the days of failures are gone.
        job.count_once(Standing("weak.example").key, RESTARTED)
    if is_done:
        server.redis.client().delete(failures)
    assert restarts_counted_after(server, "weak.example") == 1
    server.redis.client().sadd(failures, "20261123")
    assert restarts_counted_after(server, "weak.example") == 2


def restarts_counted_after(server: Server, domain: str) -> int:
    """Restart a domain, and return how many the ledger has counted since it began."""
    assert server.deliveries("restart", domain).returncode == 0
    record = read_ledger(server.folder / "state")
    assert record is not None
    return record.totals[RESTARTED]


def test_a_dry_run_changes_nothing(server: Server) -> None:
    result = server.deliveries("restart", "dead.example", "fine.example", "--dry-run", "--format", "json")
    assert [(one["domain"], one["result"]) for one in objects(result)] == [
        ("dead.example", "planned"), ("fine.example", "skipped"),
    ]  # fmt: skip
    assert (server.rows, server.days) == (["dead.example", "gone.example"], 7)
    assert objects(server.remedy("jobs", "--format", "json")) == []


@pytest.mark.parametrize("domain", ["weak.example", "fine.example"])
def test_of_a_domain_that_was_not_given_up_nothing_is_said_of_the_cache(server: Server, domain: str) -> None:
    result = server.deliveries("restart", domain)
    assert result.returncode == 0
    assert "10 minutes" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["dead.example", "gone.example"], "--yes"),
        ([], "DOMAIN"),
        (["https://dead.example/inbox"], "host"),
    ],
)
def test_used_wrongly_nothing_is_done(server: Server, arguments: Sequence[str], says: str) -> None:
    result = server.deliveries("restart", *arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert says in result.stderr
    assert (server.rows, server.days) == (["dead.example", "gone.example"], 7)


def test_several_domains_go_with_yes(server: Server) -> None:
    assert server.deliveries("restart", "dead.example", "gone.example", "--yes").returncode == 0
    assert server.rows == []


def test_without_redis_nothing_is_done_unless_the_row_alone_will_do(server: Server) -> None:
    del server.sections["redis"]
    refused = server.deliveries("restart", "dead.example")
    assert refused.returncode == 2
    assert "--row-only" in refused.stderr
    assert server.rows == ["dead.example", "gone.example"]
    assert server.deliveries("restart", "dead.example", "--row-only").returncode == 0
    assert (server.rows, server.days) == (["gone.example"], 7)


def test_without_a_database_nothing_can_be_listed(server: Server) -> None:
    server.sections = {}
    result = server.deliveries("list")
    assert result.returncode == 2
    assert "no database is configured" in result.stderr


def test_a_store_that_is_down_is_one_sentence_without_its_password(server: Server) -> None:
    server.sections["redis"] = {"url": f"redis://:s3cr3t@127.0.0.1:{server.redis.port}/0"}
    result = server.deliveries("list")
    assert (result.returncode, result.stdout) == (1, "")
    assert len(result.stderr.splitlines()) == 1
    assert "s3cr3t" not in result.stderr
    password = urlsplit(server.url).password or ""
    server.sections["database"] = {"url": f"postgresql://nobody:{password}@127.0.0.1:1/none"}
    result = server.deliveries("restart", "dead.example")
    assert (result.returncode, result.stdout) == (1, "")
    assert password not in result.stderr


@pytest.mark.parametrize("command", [["list"], ["restart", "dead.example"]])
def test_the_rights_that_the_documentation_names_are_enough(server: Server, command: Sequence[str]) -> None:
    role = documented_role(server.postgres, server.url, f"deliveries {command[0]}")
    server.sections["database"] = {"url": role}
    result = server.deliveries(*command)
    assert result.returncode == 0, result.stderr
