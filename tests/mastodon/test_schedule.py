"""Which jobs a server schedules, and how often: by its database's shape, and by what its Redis says."""

import pytest

from exporter.mastodon.schedule import (
    DAY_SECONDS,
    HOUR_SECONDS,
    MINUTE_SECONDS,
    MONTH_SECONDS,
    MOST_JOBS,
    WEEK_SECONDS,
    ScheduledJob,
    cron_interval_seconds,
    jobs_by_schedule,
    jobs_by_shape,
)
from exporter.mastodon.shape import Shape

TABLES_1_3 = "accounts follows subscriptions users statuses media_attachments"
TABLES_1_4 = f"{TABLES_1_3} conversations"
TABLES_1_6 = f"{TABLES_1_4} session_activations status_pins"
TABLES_2_9 = f"{TABLES_1_6} custom_emojis backups pghero_space_stats scheduled_statuses account_stats"
TABLES_3_5 = (
    f"{TABLES_2_9.replace('subscriptions ', '')} unavailable_domains ip_blocks instances account_summaries "
    "account_statuses_cleanup_policies"
)
TABLES_4_3 = f"{TABLES_3_5} status_trends software_updates notification_policies"
TABLES_4_6 = f"{TABLES_4_3} fasp_follow_recommendations collection_items"


def intervals(tables: str) -> dict[str, int]:
    shape = Shape({table: frozenset() for table in tables.split()})
    jobs = jobs_by_shape(shape)
    assert len({job.name for job in jobs}) == len(jobs)
    return {job.name: job.interval_seconds for job in jobs}


def test_up_to_1_3_the_crontab_runs_rake_tasks_once_a_day() -> None:
    tasks = ("push:refresh", "media:clear", "feeds:clear", "users:clear")
    assert intervals(TABLES_1_3) == {f"mastodon:{task}": DAY_SECONDS for task in tasks}


def test_from_1_4_on_sidekiq_runs_them_save_one() -> None:
    assert set(intervals(TABLES_1_4)) == {
        "subscriptions_scheduler", "media_cleanup_scheduler", "feed_cleanup_scheduler", "mastodon:users:clear",
    }  # fmt: skip


def test_1_6_cleans_up_subscriptions_once_a_week() -> None:
    found = intervals(TABLES_1_6)
    assert found["subscriptions_cleanup_scheduler"] == WEEK_SECONDS
    assert found["doorkeeper_cleanup_scheduler"] == WEEK_SECONDS
    assert found["user_cleanup_scheduler"] == DAY_SECONDS
    assert "mastodon:users:clear" not in found


def test_2_9_is_the_last_that_refreshes_subscriptions() -> None:
    found = intervals(TABLES_2_9)
    assert found["subscriptions_scheduler"] == DAY_SECONDS
    assert found["scheduled_statuses_scheduler"] == 5 * MINUTE_SECONDS
    assert found["email_scheduler"] == WEEK_SECONDS
    assert len(found) == 11


def test_3_5_has_none_of_them() -> None:
    found = intervals(TABLES_3_5)
    assert not [name for name in found if "subscription" in name]
    assert found["instance_refresh_scheduler"] == HOUR_SECONDS
    assert found["accounts_statuses_cleanup_scheduler"] == MINUTE_SECONDS
    assert "trending_tags_scheduler" not in found


def test_4_3_cleans_up_with_one_job() -> None:
    found = intervals(TABLES_4_3)
    assert found["vacuum_scheduler"] == DAY_SECONDS
    assert found["indexing_scheduler"] == MINUTE_SECONDS
    assert not {"media_cleanup_scheduler", "backup_cleanup_scheduler", "email_scheduler"} & set(found)


def test_4_6_has_its_collections_cleaned_up() -> None:
    found = intervals(TABLES_4_6)
    assert found["collection_item_cleanup_scheduler"] == HOUR_SECONDS
    assert found["fasp_follow_recommendation_cleanup_scheduler"] == DAY_SECONDS
    assert len(found) == 16


def test_the_class_of_a_job_is_the_one_sidekiq_runs() -> None:
    shape = Shape({table: frozenset() for table in TABLES_4_6.split()})
    workers = {job.name: job.worker for job in jobs_by_shape(shape)}
    assert workers["vacuum_scheduler"] == "Scheduler::VacuumScheduler"
    assert workers["trends_refresh_scheduler"] == "Scheduler::Trends::RefreshScheduler"
    assert workers["fasp_follow_recommendation_cleanup_scheduler"] == (
        "Scheduler::Fasp::FollowRecommendationCleanupScheduler"
    )


@pytest.mark.parametrize(
    ("entry", "seconds"),
    [
        ('{"every": "5m", "class": "A"}', 5 * MINUTE_SECONDS),
        ('{"every": ["5m", {"first_in": "4m"}], "class": "A"}', 5 * MINUTE_SECONDS),
        ('{"interval": "30 minutes", "class": "A"}', 30 * MINUTE_SECONDS),
        ('{"interval": "1 day", "class": "A"}', DAY_SECONDS),
        ('{"every": "24h", "class": "A"}', DAY_SECONDS),
        ('{"cron": "17 4 * * *", "class": "A"}', DAY_SECONDS),
    ],
)
def test_what_redis_says_of_a_job_is_believed(entry: str, seconds: int) -> None:
    assert jobs_by_schedule({"a_scheduler": entry}) == (ScheduledJob("a_scheduler", "A", seconds),)


@pytest.mark.parametrize(
    ("cron", "seconds"),
    [
        ("0 0 * * *", DAY_SECONDS),
        ("0 * * * *", HOUR_SECONDS),
        ("* * * * *", MINUTE_SECONDS),
        ("*/5 * * * *", 5 * MINUTE_SECONDS),
        ("0 */6 * * *", 6 * HOUR_SECONDS),
        ("12 1 * * 0", WEEK_SECONDS),
        ("0 10 * * 2 Asia/Seoul", WEEK_SECONDS),
        ("0 0 1 * *", MONTH_SECONDS),
        ("0 0 1 1 *", 12 * MONTH_SECONDS),
        ("0 0", None),
        ("", None),
    ],
)
def test_how_often_a_line_of_a_crontab_runs(cron: str, seconds: int | None) -> None:
    assert cron_interval_seconds(cron) == seconds


@pytest.mark.parametrize(
    "entry", ["", "{", "[]", "null", "{}", '{"every": 5}', '{"cron": []}', '{"every": "0m"}', "[" * 9999]
)
def test_what_is_no_entry_is_left_out(entry: str) -> None:
    good = '{"every": "5m", "class": "A"}'
    assert [job.name for job in jobs_by_schedule({"bad": entry, "good": good})] == ["good"]


def test_a_name_that_is_no_label_is_left_out() -> None:
    good = '{"every": "5m", "class": "A"}'
    assert jobs_by_schedule({"a\nb": good, "x" * 101: good, "": good}) == ()


def test_more_entries_than_any_mastodon_has_are_left_out() -> None:
    good = '{"every": "5m", "class": "A"}'
    assert len(jobs_by_schedule({f"job{number}": good for number in range(1000)})) == MOST_JOBS
