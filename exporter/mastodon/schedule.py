"""Which jobs a server runs by schedule, and how often: as its Redis tells, else by the shape of its database.

The entries are those of config/sidekiq.yml of Mastodon 1.4 to 4.6. Up to 1.3 rake tasks ran from the
administrator's crontab; they are named as there.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from exporter.mastodon.shape import Shape

MINUTE_SECONDS = 60
HOUR_SECONDS = 60 * MINUTE_SECONDS
DAY_SECONDS = 24 * HOUR_SECONDS
WEEK_SECONDS = 7 * DAY_SECONDS
MONTH_SECONDS = 31 * DAY_SECONDS

MOST_JOBS = 100
"""More entries than any Mastodon has; those beyond are left out."""

_NAME = re.compile(r"[A-Za-z0-9_:.-]{1,100}")
_EVERY = re.compile(r"\s*(\d{1,6})\s*([smhdw])", re.IGNORECASE)
_UNITS = {"s": 1, "m": MINUTE_SECONDS, "h": HOUR_SECONDS, "d": DAY_SECONDS, "w": WEEK_SECONDS}
_STEP = re.compile(r"\*/(\d{1,2})")
_CRON_FIELDS = 5


@dataclass(frozen=True)
class ScheduledJob:
    """An entry of the schedule: its name, the class that Sidekiq runs ("" for a rake task), and how often."""

    name: str
    worker: str
    interval_seconds: int


@dataclass(frozen=True)
class _Entry:
    """A job, there once all tables of `since` are, until the version that brought the table `until`."""

    job: ScheduledJob
    since: tuple[str, ...] = ()
    until: str = ""

    def is_in(self, shape: Shape) -> bool:
        return all(map(shape.has, self.since)) and not (self.until and shape.has(self.until))


def _task(name: str, until: str) -> _Entry:
    return _Entry(ScheduledJob(name, "", DAY_SECONDS), until=until)


def _entry(name: str, interval_seconds: int, since: str, until: str = "") -> _Entry:
    return _Entry(ScheduledJob(name, _worker(name), interval_seconds), tuple(since.split()), until)


def _worker(name: str) -> str:
    first, *rest = (part.capitalize() for part in name.split("_"))
    room = "::" if first in ("Trends", "Fasp") else ""
    return f"Scheduler::{first}{room}{''.join(rest)}"


_1_4, _1_5, _1_6, _2_0, _2_3 = "conversations", "session_activations", "status_pins", "custom_emojis", "backups"
_3_1, _3_4, _3_5 = "unavailable_domains", "account_summaries", "account_statuses_cleanup_policies"
_4_0, _4_2, _4_3 = "status_trends", "software_updates", "notification_policies"
_4_5, _4_6 = "fasp_follow_recommendations", "collection_items"

_ENTRIES = (
    _task("mastodon:push:refresh", until=_1_4),
    _task("mastodon:media:clear", until=_1_4),
    _task("mastodon:feeds:clear", until=_1_4),
    _task("mastodon:users:clear", until=_1_5),
    _entry("subscriptions_scheduler", DAY_SECONDS, f"{_1_4} subscriptions"),
    _entry("media_cleanup_scheduler", DAY_SECONDS, _1_4, _4_0),
    _entry("feed_cleanup_scheduler", DAY_SECONDS, _1_4, _4_0),
    _entry("doorkeeper_cleanup_scheduler", WEEK_SECONDS, _1_5, _4_0),
    _entry("user_cleanup_scheduler", DAY_SECONDS, _1_5),
    _entry("subscriptions_cleanup_scheduler", WEEK_SECONDS, f"{_1_6} subscriptions"),
    _entry("ip_cleanup_scheduler", DAY_SECONDS, _2_0),
    _entry("email_scheduler", WEEK_SECONDS, _2_3, _4_0),
    _entry("backup_cleanup_scheduler", DAY_SECONDS, _2_3, _4_0),
    _entry("pghero_scheduler", DAY_SECONDS, "pghero_space_stats"),
    _entry("scheduled_statuses_scheduler", 5 * MINUTE_SECONDS, "scheduled_statuses"),
    _entry("trending_tags_scheduler", 5 * MINUTE_SECONDS, _3_1, _3_5),
    _entry("instance_refresh_scheduler", HOUR_SECONDS, "instances"),
    _entry("follow_recommendations_scheduler", DAY_SECONDS, _3_4),
    _entry("trends_refresh_scheduler", 5 * MINUTE_SECONDS, _3_5),
    _entry("trends_review_notifications_scheduler", 6 * HOUR_SECONDS, _3_5),
    _entry("accounts_statuses_cleanup_scheduler", MINUTE_SECONDS, _3_5),
    _entry("indexing_scheduler", 5 * MINUTE_SECONDS, _4_0, _4_2),
    _entry("indexing_scheduler", MINUTE_SECONDS, _4_2),
    _entry("vacuum_scheduler", DAY_SECONDS, _4_0),
    _entry("suspended_user_cleanup_scheduler", MINUTE_SECONDS, _4_0),
    _entry("software_update_check_scheduler", HOUR_SECONDS // 2, _4_2),
    _entry("auto_close_registrations_scheduler", HOUR_SECONDS, _4_3),
    _entry("fasp_follow_recommendation_cleanup_scheduler", DAY_SECONDS, _4_5),
    _entry("collection_item_cleanup_scheduler", HOUR_SECONDS, _4_6),
)


def jobs_by_shape(shape: Shape) -> tuple[ScheduledJob, ...]:
    """Return the jobs that a server with such a database schedules; of a patch release's own entries it knows none."""
    return tuple(entry.job for entry in _ENTRIES if entry.is_in(shape))


def jobs_by_schedule(schedules: Mapping[str, str]) -> tuple[ScheduledJob, ...]:
    """Return the jobs of sidekiq-scheduler's hash `schedules`: JSON by name. What is no entry is left out."""
    found = (_job(name, text) for name, text in sorted(schedules.items()) if _NAME.fullmatch(name))
    return tuple(job for job in found if job)[:MOST_JOBS]


def cron_interval_seconds(cron: str) -> int | None:
    """Return about how long a crontab's line waits at most, from minutes to months; None for no such line."""
    fields = cron.split()[:_CRON_FIELDS]
    if len(fields) < _CRON_FIELDS:
        return None
    minute, hour, day, month, weekday = fields
    if month != "*":
        return 12 * MONTH_SECONDS
    if day != "*":
        return MONTH_SECONDS
    if weekday != "*":
        return WEEK_SECONDS
    if hour != "*":
        return _step(hour, HOUR_SECONDS) or DAY_SECONDS
    return MINUTE_SECONDS if minute == "*" else _step(minute, MINUTE_SECONDS) or HOUR_SECONDS


def _job(name: str, text: str) -> ScheduledJob | None:
    try:
        entry = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, dict):
        return None
    interval_seconds = _interval_seconds(entry)
    if interval_seconds is None:
        return None
    return ScheduledJob(name, str(entry.get("class", name)), interval_seconds)


def _interval_seconds(entry: Mapping[str, object]) -> int | None:
    if "cron" in entry:
        return cron_interval_seconds(_first_text(entry["cron"]))
    match = _EVERY.match(_first_text(entry.get("every", entry.get("interval"))))
    return (int(match[1]) * _UNITS[match[2].lower()] or None) if match else None


def _first_text(value: object) -> str:
    # rufus takes ["5m", {"first_in": "4m"}] too.
    texts: Iterable[object] = value if isinstance(value, list) else [value]
    return next((text for text in texts if isinstance(text, str)), "")


def _step(field: str, unit_seconds: int) -> int | None:
    match = _STEP.fullmatch(field)
    return (int(match[1]) * unit_seconds or None) if match else None
