"""The stores on /metrics as users meet them: real `serve`, a real PostgreSQL and Redis that come and go."""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
import yaml

from exporter.collectors.store_collector import DEADLINE_SECONDS
from exporter.ledger import RESUBSCRIBE, RESUBSCRIBE_ACCOUNTS, Ledger, Series
from tests.end_to_end.programs_under_test import Running, exporter, run
from tests.end_to_end.troubled_stores import Trouble, dripping, dropping, silent
from tests.mastodon_rows import (
    add_account,
    add_followed_account,
    add_remote_account,
    add_row,
    add_subscription,
    in_days,
)
from tests.postgres import PASSWORD, Postgres, postgres_server

PATIENCE_SECONDS = 30.0
COLLECTORS = ("subscriptions", "deliveries", "scheduled_jobs", "sidekiq")
LINE = '192.0.2.1 - - [23/Nov/2026:02:44:02 +0000] "POST {} HTTP/1.1" {} 0 "-" "{}"\n'


@dataclass(frozen=True)
class Setting:
    """A folder with a configuration of one instance."""

    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "config.yml"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def log(self) -> Path:
        return self.folder / "access.log"

    def configure(self, **settings: object) -> None:
        instances = [{"name": "qdon", "url": "https://qdon.example"}]
        document = {"state_dir": str(self.state), "instances": instances, **settings}
        self.config.write_text(yaml.safe_dump(document))

    def configure_log(self, url: str) -> None:
        log = {"path": str(self.log), "start_at": "beginning"}
        self.configure(database={"url": url}, access_logs=[log])


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    (tmp_path / "state").mkdir()
    return Setting(tmp_path)


@pytest.fixture
def server() -> Iterator[Postgres]:
    """A PostgreSQL that a test may stop."""
    with postgres_server() as running:
        yield running


def metrics(running: Running) -> dict[str, float]:
    return values(running.get("/metrics").text)


def values(exposition: str) -> dict[str, float]:
    lines = [line for line in exposition.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def success(shown: dict[str, float]) -> dict[str, float]:
    pattern = re.compile(r'mastodon_exporter_collector_success\{collector="(\w+)"\}')
    return {match[1]: value for name, value in shown.items() if (match := pattern.fullmatch(name))}


def eventually(condition: Callable[[], object]) -> None:
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < give_up, "waited in vain"
        time.sleep(0.05)


def subscribed(url: str) -> None:
    """Put something to count of every kind into a database."""
    for days in (-1, 0.5, 5):
        add_followed_account(url, subscription_expires_at=in_days(days))
    add_subscription(url, add_account(url))


def test_without_a_store_no_collector_is_shown(setting: Setting) -> None:
    setting.configure()
    with exporter(setting.config, setting.folder) as running:
        assert not [name for name in metrics(running) if "collector" in name or "subscriptions" in name]


def test_what_the_database_says_is_shown(setting: Setting, postgres: Postgres) -> None:
    url = postgres.new_database("2.9")
    subscribed(url)
    setting.configure(database={"url": url})
    with exporter(setting.config, setting.folder) as running:
        shown = metrics(running)
    assert shown["mastodon_subscriptions_expected"] == 3
    assert (shown["mastodon_subscriptions_overdue"], shown["mastodon_subscriptions_expiring"]) == (1, 1)
    assert shown['mastodon_hub_subscriptions{state="active"}'] == 1
    assert abs(shown["mastodon_subscriptions_counted_timestamp_seconds"] - time.time()) < 60
    assert success(shown)["subscriptions"] == 1
    assert shown['mastodon_exporter_source_info{name="database",source="database",target="qdon"}'] == 1


@pytest.mark.parametrize("version", ["3.5", "4.6"])
def test_todays_servers_have_no_series_of_subscriptions(setting: Setting, postgres: Postgres, version: str) -> None:
    setting.configure(database={"url": postgres.new_database(version)})
    with exporter(setting.config, setting.folder) as running:
        shown = metrics(running)
    assert not [name for name in shown if "subscriptions_" in name]
    assert success(shown)["subscriptions"] == 1


def test_a_database_that_goes_and_comes_back_takes_only_its_own_series_with_it(
    setting: Setting, server: Postgres
) -> None:
    url = server.new_database("2.9")
    subscribed(url)
    setting.configure(database={"url": url})
    with exporter(setting.config, setting.folder) as running:
        assert metrics(running)["mastodon_subscriptions_expected"] == 3
        server.stop()
        began = time.monotonic()
        shown = metrics(running)
        assert time.monotonic() - began < 2
        assert not [name for name in shown if "subscriptions" in name and "collector" not in name]
        assert success(shown)["subscriptions"] == 0
        assert "mastodon_exporter_config_last_reload_successful" in shown
        for _ in range(5):
            metrics(running)
        told = running.log.read_text()
        assert told.count("a store cannot be read") == told.count('"collector": "') <= len(success(shown))
        assert PASSWORD not in told
        server.start()
        eventually(lambda: metrics(running).get("mastodon_subscriptions_expected") == 3)
        assert success(metrics(running))["subscriptions"] == 1


def test_a_database_that_hangs_leaves_the_rest_of_metrics_within_the_scrapes_time(
    setting: Setting, server: Postgres
) -> None:
    setting.configure(database={"url": server.new_database("2.9")})
    with exporter(setting.config, setting.folder) as running:
        metrics(running)
        with server.frozen():
            began = time.monotonic()
            answer = scrape(running, 2.0)
            assert time.monotonic() - began < 2.0
            assert 'collector_success{collector="subscriptions"} 0.0' in answer
            threads = threads_of(running)
            began = time.monotonic()
            for _ in range(20):
                assert "mastodon_exporter_build_info" in scrape(running, 2.0)
            assert time.monotonic() - began < 2.0
            assert threads_of(running) <= threads + 1
        eventually(lambda: success(metrics(running))["subscriptions"] == 1)


@pytest.mark.parametrize("timeout_seconds", [None, 2.0], ids=["no time told", "2 s"])
@pytest.mark.parametrize("trouble", [silent, dropping, dripping], ids=lambda trouble: trouble.__name__)
def test_stores_that_all_say_nothing_leave_the_rest_of_metrics_within_the_scrapes_time(
    setting: Setting, trouble: Trouble, timeout_seconds: float | None
) -> None:
    with trouble() as database, trouble() as application, trouble() as sidekiq:
        urls = {"url": f"redis://127.0.0.1:{application}/0", "sidekiq_url": f"redis://127.0.0.1:{sidekiq}/0"}
        setting.configure(database={"url": f"postgresql://mastodon@127.0.0.1:{database}/mastodon"}, redis=urls)
        with exporter(setting.config, setting.folder) as running:
            limit_seconds = DEADLINE_SECONDS if timeout_seconds is None else timeout_seconds / 2
            for _ in range(2):
                began = time.monotonic()
                shown = values(scrape(running, timeout_seconds))
                assert time.monotonic() - began < limit_seconds + 0.5
                assert set(success(shown).items()) == {(name, 0) for name in COLLECTORS}
                assert "mastodon_exporter_config_last_reload_successful" in shown


def test_a_network_that_is_down_too_leaves_the_rest_of_metrics_within_the_scrapes_time(setting: Setting) -> None:
    with silent() as redis, dropping() as outside:
        setting.configure(redis={"url": f"redis://127.0.0.1:{redis}/0"}, control=[f"http://127.0.0.1:{outside}"])
        with exporter(setting.config, setting.folder) as running:
            began = time.monotonic()
            shown = values(scrape(running, 2.0))
            assert time.monotonic() - began < 2.0
    assert shown["mastodon_exporter_network_up"] == 0
    assert success(shown) == {"scheduled_jobs": 0, "sidekiq": 0}


@pytest.mark.parametrize("trouble", [silent, dropping], ids=lambda trouble: trouble.__name__)
def test_a_redis_that_says_nothing_leaves_what_the_database_tells(
    setting: Setting, postgres: Postgres, trouble: Trouble
) -> None:
    url = postgres.new_database("4.3")
    add_row(url, "media_attachments", account_id=None, created_at=in_days(-11), updated_at=in_days(-11))
    with trouble() as port:
        setting.configure(database={"url": url}, redis={"url": f"redis://127.0.0.1:{port}/0"})
        with exporter(setting.config, setting.folder) as running:
            shown = metrics(running)
    assert success(shown) == {"subscriptions": 1, "deliveries": 1, "scheduled_jobs": 1, "sidekiq": 0}
    assert shown['mastodon_scheduled_job_last_run_timestamp_seconds{job="vacuum_scheduler"}'] > 0


def scrape(running: Running, timeout_seconds: float | None) -> str:
    headers = {} if timeout_seconds is None else {"X-Prometheus-Scrape-Timeout-Seconds": str(timeout_seconds)}
    return requests.get(f"{running.url}/metrics", headers=headers, timeout=20).text


def threads_of(running: Running) -> int:
    return len(list(Path(f"/proc/{running.process.pid}/task").iterdir()))


def test_a_reload_brings_another_database_and_takes_it_away(setting: Setting, postgres: Postgres) -> None:
    first, second = postgres.new_database("2.9"), postgres.new_database("2.9")
    subscribed(second)
    setting.configure(database={"url": first})
    connected = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND application_name LIKE 'mastodon-exporter%%'"
    )
    with exporter(setting.config, setting.folder) as running:
        assert metrics(running)["mastodon_subscriptions_expected"] == 0
        setting.configure(database={"url": second})
        running.hang_up()
        eventually(lambda: metrics(running).get("mastodon_subscriptions_expected") == 3)
        name = first.rpartition("/")[2]
        eventually(lambda: postgres.run(second, connected, [name]) == [(0,)])
        setting.configure()
        running.hang_up()
        eventually(lambda: success(metrics(running)) == {})
        eventually(lambda: postgres.run(first, connected, [second.rpartition("/")[2]]) == [(0,)])


def test_it_ends_at_once_while_a_database_hangs(setting: Setting, server: Postgres) -> None:
    setting.configure(database={"url": server.new_database("2.9")})
    with exporter(setting.config, setting.folder) as running:
        metrics(running)
        with server.frozen():
            scrape(running, 1.0)
            running.process.terminate()
            assert running.process.wait(5) == 0


def test_the_ledger_is_shown_once_there_is_one(setting: Setting) -> None:
    setting.configure()
    with exporter(setting.config, setting.folder) as running:
        assert success(metrics(running)) == {}
        ledger = Ledger.open(setting.state)
        with ledger.start(RESUBSCRIBE) as job:
            job.add(Series(RESUBSCRIBE_ACCOUNTS, ("confirmed",)), 5)
        shown = metrics(running)
        ledger.close()
    assert success(shown) == {"ledger": 1}
    assert shown['mastodon_resubscribe_accounts_total{result="confirmed"}'] == 5


def test_made_up_accounts_are_left_out_and_known_domains_have_a_series(setting: Setting, postgres: Postgres) -> None:
    url = postgres.new_database("2.9")
    there = add_remote_account(url, "a.example")
    agent = "http.rb/2.2.2 (Mastodon/2.9.3; +https://{}/)"
    setting.log.write_text(
        "".join(LINE.format(f"/api/subscriptions/{number}", 404, "x") for number in (there, there + 1, 10**15))
    )
    setting.configure_log(url)
    with exporter(setting.config, setting.folder) as running:
        eventually(lambda: metrics(running).get('mastodon_subscription_broken_accounts{log="qdon"}') == 1)
        assert metrics(running)['mastodon_subscription_callbacks_broken_total{log="qdon"}'] == 3
        eventually((setting.state / "known-domains.txt").exists)
        failing = 'mastodon_inbox_failures_total{{domain="{}",log="qdon"}}'

        def fail() -> dict[str, float]:
            with setting.log.open("a") as log:
                log.writelines(LINE.format("/inbox", 500, agent.format(name)) for name in ("a.example", "b.example"))
            return metrics(running)

        eventually(lambda: fail().get(failing.format("a.example")))
        assert failing.format("b.example") not in metrics(running)


def test_the_databases_shape_says_that_404_to_callbacks_is_no_harm(setting: Setting, postgres: Postgres) -> None:
    setting.log.write_text(LINE.format("/api/subscriptions/7", 404, "x"))
    setting.configure_log(postgres.new_database("4.6"))
    with exporter(setting.config, setting.folder) as running:
        eventually(lambda: metrics(running).get('mastodon_accesslog_lines_total{log="qdon"}') == 1)
        shown = metrics(running)
    assert shown['mastodon_subscription_broken_accounts{log="qdon"}'] == 0
    assert shown['mastodon_subscription_callbacks_broken_total{log="qdon"}'] == 0


def test_logs_are_followed_though_the_database_cannot_be_reached(setting: Setting) -> None:
    setting.log.write_text(LINE.format("/api/subscriptions/7", 404, "x"))
    setting.configure_log("postgresql://127.0.0.1:1/none")
    with exporter(setting.config, setting.folder) as running:
        eventually(lambda: metrics(running).get('mastodon_subscription_broken_accounts{log="qdon"}') == 1)


def test_check_config_tells_of_a_good_database_and_warns_of_what_is_wrong(setting: Setting, postgres: Postgres) -> None:
    url = postgres.new_database("2.9")
    postgres.run(url, "CREATE ROLE check_config_reads LOGIN PASSWORD 'x'")
    postgres.run(url, "GRANT SELECT ON accounts, follows, subscriptions TO check_config_reads")
    setting.configure(database={"url": postgres.url_as(url, "check_config_reads", "x")})
    result = run("check-config", "-c", str(setting.config))
    assert (result.returncode, result.stderr) == (0, "")
    assert "database: speaks PubSubHubbub (Mastodon 1.6 to 2.9)" in result.stdout
    setting.configure(database={"url": url}, redis={"url": "redis://:hunter2@127.0.0.1:1/0"})
    result = run("check-config", "-c", str(setting.config))
    assert result.returncode == 0
    assert "warning: database: the role `mastodon` is a superuser" in result.stderr
    assert "warning: redis: " in result.stderr
    assert "redis: cannot be used" in result.stdout
    assert "hunter2" not in result.stdout + result.stderr
