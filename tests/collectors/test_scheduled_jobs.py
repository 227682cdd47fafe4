"""Scheduled jobs as a real Redis and a real PostgreSQL tell of them."""

import json
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psycopg2
import pytest

from exporter.collectors.deliveries import DeliveryFamilies
from exporter.collectors.job_memory import FILE_NAME
from exporter.collectors.scheduled_jobs import EFFECTS_SECONDS, JobDatabase, ScheduledJobFamilies
from exporter.collectors.sidekiq import SidekiqFamilies
from exporter.config import DatabaseSettings, RedisSettings, Secret
from exporter.deliveries.pending import read_pending
from exporter.errors import DatabaseError, RedisError
from exporter.mastodon.database import Database
from exporter.mastodon.delivery_failures import read_failing_hosts, read_unavailable_inboxes
from exporter.mastodon.redis_server import RedisServer
from tests.collectors.test_background_count import eventually
from tests.collectors.test_sidekiq import Samples, samples
from tests.database_roles import documented_role
from tests.mastodon_rows import add_account, add_followed_account, add_row, add_subscription, add_user, in_days
from tests.postgres import Postgres
from tests.redis_server import RunningRedis

LAST_RUN = "mastodon_scheduled_job_last_run_timestamp_seconds"
INTERVAL = "mastodon_scheduled_job_interval_seconds"
FIRST_SEEN = "mastodon_scheduled_job_first_seen_timestamp_seconds"
FAILED = "mastodon_scheduled_job_failed"

NOW = datetime(2026, 11, 23, 15, 4, 30, tzinfo=UTC).timestamp()
HOUR = 3600.0
DAY = 24 * HOUR
VACUUM = "Scheduler::VacuumScheduler"


@pytest.fixture
def redis(redis_server: RunningRedis) -> Iterator[RedisServer]:
    with closing(RedisServer(redis_server.settings)) as server:
        yield server


@pytest.fixture
def families(redis: RedisServer, tmp_path: Path) -> ScheduledJobFamilies:
    """Jobs of a server whose Redis alone is known."""
    return ScheduledJobFamilies(None, redis, tmp_path, clock=lambda: NOW)


def look(families: ScheduledJobFamilies) -> Samples:
    return samples(families.families())


def schedule(server: RunningRedis, **entries: dict[str, str]) -> None:
    server.client().hset("schedules", mapping={name: json.dumps(entry) for name, entry in entries.items()})


def trigger(server: RunningRedis, name: str, moment: float, form: str = "%Y-%m-%d %H:%M:%S +0000") -> None:
    text = datetime.fromtimestamp(moment, UTC).strftime(form)
    server.client().hset("sidekiq-scheduler:last_times", name, text)


@pytest.fixture
def vacuum(redis_server: RunningRedis) -> RunningRedis:
    """A Redis of a server with one job, once a day."""
    schedule(redis_server, vacuum_scheduler={"cron": "17 4 * * *", "class": VACUUM})
    return redis_server


def test_a_job_that_never_ran_is_0_and_known_since_it_was_first_seen(
    vacuum: RunningRedis, redis: RedisServer, tmp_path: Path
) -> None:
    first = look(ScheduledJobFamilies(None, redis, tmp_path, clock=lambda: NOW))
    assert first == {
        (LAST_RUN, "vacuum_scheduler"): 0,
        (INTERVAL, "vacuum_scheduler"): DAY,
        (FIRST_SEEN, "vacuum_scheduler"): NOW,
        (FAILED, "vacuum_scheduler"): 0,
    }
    later = look(ScheduledJobFamilies(None, redis, tmp_path, clock=lambda: NOW + 5 * DAY))
    assert later[FIRST_SEEN, "vacuum_scheduler"] == NOW


@pytest.mark.parametrize("form", ["%Y-%m-%d %H:%M:%S +0000", "%Y-%m-%d %H:%M:%S Z", "%Y-%m-%d %H:%M:%S UTC"])
def test_before_sidekiq_7_a_job_ran_when_it_was_triggered(
    vacuum: RunningRedis, families: ScheduledJobFamilies, form: str
) -> None:
    trigger(vacuum, "vacuum_scheduler", NOW - HOUR, form)
    assert look(families)[LAST_RUN, "vacuum_scheduler"] == NOW - HOUR


def test_a_server_in_another_time_zone_changes_nothing(vacuum: RunningRedis, families: ScheduledJobFamilies) -> None:
    vacuum.client().hset("sidekiq-scheduler:last_times", "vacuum_scheduler", "2026-11-23 23:04:30 +0900")
    assert look(families)[LAST_RUN, "vacuum_scheduler"] == NOW - HOUR


@pytest.mark.parametrize("key", ["j|20261123|14:4", "j|261123|14:04", "j|261123|14:0"])
def test_an_execution_that_was_counted_is_a_run(vacuum: RunningRedis, families: ScheduledJobFamilies, key: str) -> None:
    trigger(vacuum, "vacuum_scheduler", NOW - HOUR)
    vacuum.client().hset(key, mapping={f"{VACUUM}|p": 1, f"{VACUUM}|ms": 1200, "Other|p": 7})
    found = look(families)
    assert found[LAST_RUN, "vacuum_scheduler"] == NOW - HOUR
    assert found[FAILED, "vacuum_scheduler"] == 0


def test_a_job_that_is_triggered_and_never_executed_has_not_run(
    vacuum: RunningRedis, families: ScheduledJobFamilies
) -> None:
    trigger(vacuum, "vacuum_scheduler", NOW - HOUR)
    client = vacuum.client()
    client.hset("j|261123|13:00", mapping={"ActivityPub::DeliveryWorker|p": 40})
    client.hset("j|261123|15:03", mapping={"ActivityPub::DeliveryWorker|p": 40})
    assert look(families)[LAST_RUN, "vacuum_scheduler"] == 0


def test_a_daily_run_is_remembered_when_its_counters_have_expired_and_it_is_triggered_again(
    vacuum: RunningRedis, redis: RedisServer, tmp_path: Path
) -> None:
    trigger(vacuum, "vacuum_scheduler", NOW - HOUR)
    vacuum.client().hset("j|20261123|14:4", f"{VACUUM}|p", 1)
    look(ScheduledJobFamilies(None, redis, tmp_path, clock=lambda: NOW))

    tomorrow = NOW + DAY
    vacuum.client().delete("j|20261123|14:4")
    trigger(vacuum, "vacuum_scheduler", tomorrow - 5)
    vacuum.client().hset("j|20261124|14:4", "Other|p", 1)
    found = look(ScheduledJobFamilies(None, redis, tmp_path, clock=lambda: tomorrow))
    assert found[LAST_RUN, "vacuum_scheduler"] == NOW - HOUR


def test_an_execution_that_failed_is_a_failed_run(vacuum: RunningRedis, families: ScheduledJobFamilies) -> None:
    trigger(vacuum, "vacuum_scheduler", NOW - HOUR)
    vacuum.client().hset("j|261123|14:04", mapping={f"{VACUUM}|p": 1, f"{VACUUM}|f": 1})
    found = look(families)
    assert (found[LAST_RUN, "vacuum_scheduler"], found[FAILED, "vacuum_scheduler"]) == (NOW - HOUR, 1)


@pytest.mark.parametrize("unit", [1, 1000])
def test_a_job_that_lies_among_the_dead_has_failed(
    vacuum: RunningRedis, families: ScheduledJobFamilies, unit: int
) -> None:
    trigger(vacuum, "vacuum_scheduler", NOW - HOUR)
    die(vacuum, "dead", (NOW - HOUR + 3) * unit)
    assert look(families)[FAILED, "vacuum_scheduler"] == 1


@pytest.mark.parametrize(("version", "failed"), [("1.6", 1), ("4.6", 0)])
def test_a_job_that_will_be_tried_again_has_failed_where_scheduled_jobs_are_tried_again(
    vacuum: RunningRedis, database: JobDatabase, redis: RedisServer, tmp_path: Path, failed: int
) -> None:
    trigger(vacuum, "vacuum_scheduler", NOW - HOUR)
    die(vacuum, "retry", NOW - HOUR + 3)
    found = look(ScheduledJobFamilies(database, redis, tmp_path, clock=lambda: NOW))
    assert found[FAILED, "vacuum_scheduler"] == failed


def die(server: RunningRedis, key: str, failed_at: float) -> None:
    job: dict[str, object] = {"class": VACUUM, "failed_at": failed_at if failed_at < 1e11 else int(failed_at)}
    server.client().zadd(key, {json.dumps(job): NOW})


def test_a_later_run_makes_good_for_a_job_that_died(vacuum: RunningRedis, families: ScheduledJobFamilies) -> None:
    trigger(vacuum, "vacuum_scheduler", NOW - HOUR)
    job = {"class": VACUUM, "failed_at": NOW - DAY, "args": ["Scheduler::"]}
    vacuum.client().zadd("dead", {json.dumps(job): NOW})
    assert look(families)[FAILED, "vacuum_scheduler"] == 0


def test_garbage_in_redis_leaves_the_rest_counted(vacuum: RunningRedis, families: ScheduledJobFamilies) -> None:
    client = vacuum.client()
    client.hset("schedules", mapping={"broken": "{", "odd\nname": "{}", "list": "[]"})
    client.hset("sidekiq-scheduler:last_times", "broken", "yesterday")
    trigger(vacuum, "vacuum_scheduler", NOW - HOUR)
    for garbage in ('{"Scheduler::', "Scheduler::", '["Scheduler::"]', '{"class": ["Scheduler::"], "failed_at": 1}'):
        client.zadd("dead", {garbage: 1})
    client.set("retry", "a text")
    client.set("j|261123|15:04", "a text")
    client.hset("j|261123|15:03", mapping={f"{VACUUM}|p": "many", f"{VACUUM}|f": "none"})
    client.hset("j|261123|14:04", mapping={f"{VACUUM}|p": "1"})
    assert look(families)[LAST_RUN, "vacuum_scheduler"] == NOW - HOUR


def test_keys_of_another_type_are_as_if_they_were_not_there(
    redis_server: RunningRedis, families: ScheduledJobFamilies
) -> None:
    for key in ("schedules", "sidekiq-scheduler:last_times", "dead"):
        redis_server.client().set(key, "a text")
    assert look(families) == {}


def test_what_is_remembered_is_begun_anew_where_it_is_damaged(
    vacuum: RunningRedis, families: ScheduledJobFamilies, tmp_path: Path
) -> None:
    for garbage in ("", "{", "[]", '{"jobs": [1]}', '{"jobs": {"a": {"first_seen": "x"}}}', "\xff"):
        (tmp_path / FILE_NAME).write_text(garbage, encoding="latin-1")
        assert look(ScheduledJobFamilies(None, families._redis, tmp_path, lambda: NOW))[FIRST_SEEN, "vacuum_scheduler"]


def test_the_state_folder_is_written_once_and_not_at_every_scrape(
    vacuum: RunningRedis, families: ScheduledJobFamilies, tmp_path: Path
) -> None:
    schedule(vacuum, indexing_scheduler={"interval": "1 minute", "class": "Scheduler::IndexingScheduler"})
    trigger(vacuum, "indexing_scheduler", NOW - 30)
    look(families)
    before = (tmp_path / FILE_NAME).stat()
    trigger(vacuum, "indexing_scheduler", NOW)
    look(families)
    assert (tmp_path / FILE_NAME).stat().st_ino == before.st_ino


def test_a_redis_that_is_down_is_an_error(redis_server: RunningRedis, tmp_path: Path) -> None:
    with redis_server.frozen(), closing(RedisServer(redis_server.settings, 0.2)) as redis, pytest.raises(RedisError):
        look(ScheduledJobFamilies(None, redis, tmp_path))


@pytest.fixture(params=["1.3", "1.6", "2.9", "3.5", "4.3", "4.6"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def url(postgres: Postgres, version: str) -> str:
    return postgres.new_database(version)


@pytest.fixture
def database(url: str) -> Iterator[JobDatabase]:
    with job_database(url) as database:
        yield database


@contextmanager
def job_database(url: str) -> Iterator[JobDatabase]:
    settings = DatabaseSettings(url=Secret(url))
    with closing(Database(settings, "tests")) as asked, closing(Database(settings, "counting tests")) as counting:
        yield JobDatabase(asked, counting)


def by_database(database: JobDatabase, folder: Path) -> Samples:
    """Return what the database alone tells, at this moment."""
    return look(ScheduledJobFamilies(database, None, folder))


def test_without_redis_a_database_with_nothing_undone_tells_nothing(database: JobDatabase, tmp_path: Path) -> None:
    assert by_database(database, tmp_path) == {}


CLEANERS_OF_USERS = {"1.3": "mastodon:users:clear"}
CLEANERS_OF_MEDIA = {
    "1.3": "mastodon:media:clear", "4.3": "vacuum_scheduler", "4.6": "vacuum_scheduler",
}  # fmt: skip


def test_without_redis_work_that_is_undone_tells_since_when(
    url: str, database: JobDatabase, version: str, tmp_path: Path
) -> None:
    add_user(url, add_account(url), confirmed_at=None, confirmation_sent_at=in_days(-27))
    add_row(url, "media_attachments", account_id=None, created_at=in_days(-11), updated_at=in_days(-11))
    found = by_database(database, tmp_path)
    users = CLEANERS_OF_USERS.get(version, "user_cleanup_scheduler")
    media = CLEANERS_OF_MEDIA.get(version, "media_cleanup_scheduler")
    assert found[LAST_RUN, users] == pytest.approx(in_days(-20).replace(tzinfo=UTC).timestamp(), abs=60)
    assert found[LAST_RUN, media] == pytest.approx(in_days(-10).replace(tzinfo=UTC).timestamp(), abs=60)
    assert (FAILED, users) not in found
    assert set(found) == {(name, job) for name in (LAST_RUN, INTERVAL, FIRST_SEEN) for job in (users, media)}


@pytest.mark.parametrize("version", ["1.3", "1.6", "2.9"])
def test_subscriptions_are_not_refreshed_where_half_of_them_have_ended(
    url: str, database: JobDatabase, version: str, tmp_path: Path
) -> None:
    for days in (-3, -2, 5):
        add_followed_account(url, subscription_expires_at=in_days(days))
    job = "mastodon:push:refresh" if version == "1.3" else "subscriptions_scheduler"
    found = by_database(database, tmp_path)
    assert found[LAST_RUN, job] == pytest.approx(in_days(-3).replace(tzinfo=UTC).timestamp(), abs=60)


@pytest.mark.parametrize("version", ["1.3", "2.9"])
def test_a_hub_that_has_died_does_not_make_it_seem_that_the_refresh_does_not_run(
    url: str, database: JobDatabase, version: str, tmp_path: Path
) -> None:
    add_followed_account(url, subscription_expires_at=in_days(-90))
    for days in (3, 4):
        add_followed_account(url, subscription_expires_at=in_days(days))
    assert by_database(database, tmp_path) == {}


@pytest.mark.parametrize("version", ["2.9", "3.5", "4.3", "4.6"])
def test_pghero_writes_down_when_it_ran(url: str, database: JobDatabase, tmp_path: Path) -> None:
    for days in (-3, -2):
        add_row(url, "pghero_space_stats", database="primary", captured_at=in_days(days))
    found = by_database(database, tmp_path)
    assert found[LAST_RUN, "pghero_scheduler"] == pytest.approx(in_days(-2).replace(tzinfo=UTC).timestamp(), abs=60)


@pytest.mark.parametrize("version", ["2.9", "4.6"])
def test_a_post_that_should_have_been_published_tells_since_when(
    url: str, database: JobDatabase, tmp_path: Path
) -> None:
    author = add_account(url)
    for days in (-1, 1):
        add_row(url, "scheduled_statuses", account_id=author, scheduled_at=in_days(days))
    found = by_database(database, tmp_path)
    assert found[LAST_RUN, "scheduled_statuses_scheduler"] == pytest.approx(
        in_days(-1).replace(tzinfo=UTC).timestamp(), abs=60
    )


@pytest.mark.parametrize("version", ["4.6"])
def test_a_server_whose_sidekiq_has_never_started_has_its_jobs_by_the_databases_shape(
    database: JobDatabase, redis: RedisServer, tmp_path: Path
) -> None:
    found = look(ScheduledJobFamilies(database, redis, tmp_path))
    assert found[LAST_RUN, "vacuum_scheduler"] == 0
    assert found[INTERVAL, "scheduled_statuses_scheduler"] == 300


@pytest.mark.parametrize("version", ["4.3"])
def test_jobs_that_are_triggered_and_leave_their_work_undone_have_not_run(
    url: str, database: JobDatabase, redis: RedisServer, redis_server: RunningRedis, tmp_path: Path
) -> None:
    add_row(url, "media_attachments", account_id=None, created_at=in_days(-11), updated_at=in_days(-11))
    schedule(redis_server, vacuum_scheduler={"cron": "17 4 * * *", "class": VACUUM})
    now = in_days(0).replace(tzinfo=UTC).timestamp()
    trigger(redis_server, "vacuum_scheduler", now - HOUR)
    found = look(ScheduledJobFamilies(database, redis, tmp_path))
    assert found[LAST_RUN, "vacuum_scheduler"] == pytest.approx(now - 10 * DAY, abs=60)


@pytest.mark.parametrize("version", ["4.3"])
def test_slow_questions_are_not_asked_at_every_scrape_nor_waited_for(
    url: str, database: JobDatabase, tmp_path: Path
) -> None:
    moments = [NOW]
    families = ScheduledJobFamilies(database, None, tmp_path, clock=lambda: moments[-1])
    assert look(families) == {}
    add_row(url, "media_attachments", account_id=None, created_at=in_days(-11), updated_at=in_days(-11))
    assert look(families) == {}
    moments.append(NOW + EFFECTS_SECONDS)
    with closing(psycopg2.connect(url)) as writer, writer.cursor() as writing:
        writing.execute("LOCK TABLE media_attachments IN ACCESS EXCLUSIVE MODE")
        assert look(families) == {}
        assert look(families) == {}
        writer.commit()
    eventually(lambda: (LAST_RUN, "vacuum_scheduler") in look(families))


@pytest.mark.parametrize("version", ["4.3"])
def test_slow_questions_leave_no_connection_behind(
    url: str, postgres: Postgres, database: JobDatabase, tmp_path: Path
) -> None:
    add_row(url, "media_attachments", account_id=None, created_at=in_days(-11), updated_at=in_days(-11))
    assert (LAST_RUN, "vacuum_scheduler") in by_database(database, tmp_path)
    connected = (
        "SELECT application_name FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name LIKE '%tests'"
    )
    eventually(lambda: postgres.run(url, connected) == [("tests",)])


@pytest.mark.parametrize("version", ["4.3"])
def test_questions_that_failed_are_asked_again_no_sooner(postgres: Postgres, url: str, tmp_path: Path) -> None:
    add_row(url, "media_attachments", account_id=None, created_at=in_days(-11), updated_at=in_days(-11))
    postgres.run(url, "CREATE ROLE told_late LOGIN PASSWORD 'x'")
    moments = [NOW]
    with job_database(postgres.url_as(url, "told_late", "x")) as limited:
        families = ScheduledJobFamilies(limited, None, tmp_path, clock=lambda: moments[-1])
        with pytest.raises(DatabaseError, match="may not do this"):
            look(families)
        postgres.run(url, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO told_late")
        moments.append(NOW + EFFECTS_SECONDS - 1)
        with pytest.raises(DatabaseError, match="may not do this"):
            look(families)
        moments.append(NOW + EFFECTS_SECONDS)
        assert (LAST_RUN, "vacuum_scheduler") in look(families)


@pytest.mark.parametrize("version", ["4.3"])
def test_a_right_that_is_missing_costs_the_jobs_that_need_it_and_no_other(
    postgres: Postgres, url: str, redis: RedisServer, vacuum: RunningRedis, tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    add_row(url, "media_attachments", account_id=None, created_at=in_days(-11), updated_at=in_days(-11))
    postgres.run(url, "CREATE ROLE sees_no_users LOGIN PASSWORD 'x'")
    postgres.run(url, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO sees_no_users")
    postgres.run(url, "REVOKE SELECT ON users FROM sees_no_users")
    schedule(vacuum, user_cleanup_scheduler={"cron": "1 4 * * *", "class": "Scheduler::UserCleanupScheduler"})
    now = in_days(0).replace(tzinfo=UTC).timestamp()
    trigger(vacuum, "user_cleanup_scheduler", now - HOUR)
    with job_database(postgres.url_as(url, "sees_no_users", "x")) as limited:
        families = ScheduledJobFamilies(limited, redis, tmp_path)
        found = [look(families), look(families)][-1]
    assert found[LAST_RUN, "user_cleanup_scheduler"] == pytest.approx(now - HOUR, abs=60)
    assert found[LAST_RUN, "vacuum_scheduler"] == pytest.approx(now - 10 * DAY, abs=60)
    (record,) = caplog.records
    assert "user_cleanup_scheduler" in vars(record)["errors"]
    assert "docs/database.md" in vars(record)["errors"]


@pytest.mark.parametrize("version", ["2.9"])
def test_a_redis_that_goes_away_leaves_what_the_database_tells(
    url: str, database: JobDatabase, redis_server: RunningRedis, vacuum: RunningRedis, tmp_path: Path
) -> None:
    for days in (-3, -2, 5):
        add_followed_account(url, subscription_expires_at=in_days(days))
    schedule(vacuum, subscriptions_scheduler={"every": "1d", "class": "Scheduler::SubscriptionsScheduler"})
    with closing(RedisServer(redis_server.settings, 0.2)) as redis:
        families = ScheduledJobFamilies(database, redis, tmp_path)
        assert look(families)[FAILED, "subscriptions_scheduler"] == 0
        with redis_server.frozen():
            found = look(families)
        assert look(families)[FAILED, "subscriptions_scheduler"] == 0
    assert found[LAST_RUN, "subscriptions_scheduler"] == pytest.approx(days_ago(3), abs=60)
    assert (FAILED, "subscriptions_scheduler") not in found


@pytest.mark.parametrize("version", ["2.9"])
def test_without_the_package_of_redis_the_database_still_tells(
    url: str, database: JobDatabase, redis: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_followed_account(url, subscription_expires_at=in_days(-3))
    monkeypatch.setitem(sys.modules, "redis", None)
    found = look(ScheduledJobFamilies(database, redis, tmp_path))
    assert found[LAST_RUN, "subscriptions_scheduler"] == pytest.approx(days_ago(4), abs=60)
    with pytest.raises(RedisError, match="not installed"):
        samples(SidekiqFamilies(redis).families())


@pytest.mark.parametrize("version", ["2.9"])
def test_a_soft_deleted_subscription_does_not_make_it_seem_that_the_cleanup_does_not_run(
    url: str, postgres: Postgres, database: JobDatabase, tmp_path: Path
) -> None:
    postgres.run(url, "ALTER TABLE subscriptions ADD COLUMN deleted_at timestamp without time zone")
    account = add_account(url)
    add_subscription(url, account, expires_at=in_days(-400), deleted_at=in_days(-401))
    assert by_database(database, tmp_path) == {}
    add_subscription(url, account, expires_at=in_days(-9))
    found = by_database(database, tmp_path)
    assert found[LAST_RUN, "subscriptions_cleanup_scheduler"] == pytest.approx(days_ago(9), abs=60)


def days_ago(days: float) -> float:
    return in_days(-days).replace(tzinfo=UTC).timestamp()


def test_a_database_that_is_down_is_an_error(tmp_path: Path) -> None:
    with job_database("postgresql://nobody@127.0.0.1:1/none") as database, pytest.raises(DatabaseError):
        by_database(database, tmp_path)


def test_without_the_namespace_nothing_of_the_server_is_seen(vacuum: RunningRedis, tmp_path: Path) -> None:
    settings = RedisSettings(url=Secret(vacuum.url), namespace="mstdn")
    with closing(RedisServer(settings)) as redis:
        assert look(ScheduledJobFamilies(None, redis, tmp_path)) == {}


def test_the_rights_that_the_documentation_names_are_enough(
    redis_server: RunningRedis, redis: RedisServer, tmp_path: Path
) -> None:
    documentation = (Path(__file__).parents[2] / "docs" / "deliveries.md").read_text()
    (line,) = (line for line in documentation.splitlines() if "ACL SETUSER" in line)
    client = redis_server.client()
    client.execute_command(*line.replace(">PASSWORD", ">looker").split())
    schedule(redis_server, vacuum_scheduler={"cron": "17 4 * * *", "class": VACUUM})
    client.zadd("retry", {"{}": 1})
    client.sadd("queues", "push")
    client.sadd("processes", "a")
    client.sadd("exhausted_deliveries:dead.example", "20261121")
    trigger(redis_server, "vacuum_scheduler", NOW - HOUR)
    client.hset("j|261123|14:04", f"{VACUUM}|p", 1)
    url = redis_server.url.replace("redis://", "redis://mastodon_exporter:looker@")
    with closing(RedisServer(RedisSettings(url=Secret(url)))) as limited:
        assert look(ScheduledJobFamilies(None, limited, tmp_path, lambda: NOW))[LAST_RUN, "vacuum_scheduler"]
        assert samples(SidekiqFamilies(limited).families())["mastodon_sidekiq_processes",] == 0
        with limited.sidekiq() as keys:
            assert read_pending(keys).complete
        with limited.application() as keys:
            assert len(read_failing_hosts(keys).hosts) == 1
            assert read_unavailable_inboxes(keys) == ()
        with pytest.raises(RedisError, match="refuses"), limited.application() as keys:
            keys.ask([("DEL", "a")])
    client.execute_command("ACL", "DELUSER", "mastodon_exporter")


def test_the_rights_in_the_database_that_the_documentation_names_are_enough(
    postgres: Postgres, url: str, tmp_path: Path
) -> None:
    role = documented_role(postgres, url, "mastodon-exporter")
    with job_database(role) as limited:
        assert by_database(limited, tmp_path) == {}
        assert samples(DeliveryFamilies(limited.asked).families()) in ({}, {("mastodon_unavailable_domains",): 0})
