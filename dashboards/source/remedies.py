"""Remedies: how far is the repair, when will it be done, and what went wrong?"""

from collections.abc import Iterator

from dashboards.source import links, look, variables
from dashboards.source.look import BAD, GOOD, WARNING, levels
from dashboards.source.page import Page, Panel, Section
from dashboards.source.queries import OWN, SERVER_OR_NONE, Query, of_ledger
from dashboards.source.tables import Column, Order, table_of
from dashboards.source.words import Words

_PACE_WINDOW = "15m"
"""What is left, at the pace of so long; long enough that one large video does not double it."""


def _media(expression: str) -> str:
    return of_ledger(expression, "media")


def _database(expression: str) -> str:
    return of_ledger(expression, "database")


_ROWS = _media(f"mastodon_media_sync_rows{{{OWN}}}")
_ROWS_DONE = _media(f"mastodon_media_sync_rows_done{{{OWN}}}")
_ROWS_PER_SECOND = _media(f"deriv(mastodon_media_sync_rows_done{{{OWN}}}[{_PACE_WINDOW}])")
_SECONDS_LEFT = f"(sum({_ROWS}) - sum({_ROWS_DONE})) / (sum({_ROWS_PER_SECOND}) > 0)"
_SHARE_DONE = f"sum({_ROWS_DONE}) / (sum({_ROWS}) > 0)"
_FAILED = f'mastodon_media_sync_objects_total{{result="failed", {OWN}}}'


def page() -> Page:
    """Return the dashboard."""
    return Page(
        uid=links.REMEDIES,
        title="Mastodon / Remedies",
        description="How far is the repair, when will it be done, and what went wrong?",
        choices=variables.usual(),
        strip=list(_strip()),
        sections=[
            Section("Jobs", [_jobs(), _jobs_over_time()]),
            Section("Moving media", list(_moving_media())),
            Section("Subscribing again", list(_resubscribing())),
        ],
    )


def _strip() -> Iterator[Panel]:
    yield look.number(
        Words("Repairs that run", "Jobs of `mastodon-remedy` that are under way."),
        "none",
        Query(f"sum({_database(f'mastodon_remedy_running{{{OWN}}}')})"),
    )
    yield look.number(
        Words("Media seen to", "Of the rows with files that the latest media sync has to see to."),
        "percentunit",
        Query(_SHARE_DONE),
    )
    yield look.number(
        Words(
            "Time left",
            f"Until the latest media sync is done, at the pace of the last {_PACE_WINDOW}; absent while it stands.",
        ),
        "s",
        Query(_SECONDS_LEFT),
    )
    yield look.number(
        Words("Objects that failed", "Objects of media that could not be moved, in the time range."),
        "short",
        Query(f"sum({_media(f'increase({_FAILED}[$__range])')})"),
        look.NONE_IS_BETTER,
    )
    yield look.number(
        Words("Accounts refused or failed", "Accounts that a hub refused, or whose request failed, in the time range."),
        "short",
        Query(f"sum({_database(f'increase({_UNSUBSCRIBED}[$__range])')})"),
        look.NONE_IS_BETTER,
    )
    yield look.number(
        Words(
            "Subscriptions pending",
            "Accounts whose attempt to subscribe is open: under way, or not yet verified by the hub.",
        ),
        "none",
        Query(f"sum({_database(f'mastodon_resubscribe_pending_accounts{{{OWN}}}')})"),
    )


_UNSUBSCRIBED = f'mastodon_resubscribe_accounts_total{{result=~"refused|failed", {OWN}}}'


def _jobs() -> Panel:
    running = _of_remedy("mastodon_remedy_running")
    started = _of_remedy("mastodon_remedy_last_start_timestamp_seconds")
    succeeded = _of_remedy("mastodon_remedy_last_success_timestamp_seconds")
    labels = "mastodon, instance, exported_job"
    queries = [
        Query(f"max by ({labels}) ({running})", name="running"),
        Query(f"max by ({labels}) ({started}) * 1000", name="started"),
        Query(f"max by ({labels}) ({succeeded}) * 1000", name="succeeded"),
    ]
    columns = [
        Column("mastodon", "Server"),
        Column("instance", "Exporter"),
        Column("exported_job", "Job"),
        Column("running", "State", shown=tuple(_RUNNING)),
        Column("started", "Last started", unit="dateTimeFromNow"),
        Column("succeeded", "Last success", unit="dateTimeFromNow"),
    ]
    described = (
        "A job that was started later than it last succeeded, and does not run, has failed or was interrupted: "
        "`mastodon-remedy jobs` tells which."
    )
    words = Words("Which repairs run, and when did each last succeed?", described)
    return table_of(words, queries, columns, Order("Last started")).span(look.WIDTH // 2)


_RUNNING = look.states({"1": ("running", "blue"), "0": ("not running", look.FADED)})


def _of_remedy(metric: str) -> str:
    info = f"mastodon:remedy:info{{{SERVER_OR_NONE}}}"
    return f"{metric}{{{OWN}}} * on (job, instance, exported_job) group_left (mastodon) {info}"


def _jobs_over_time() -> Panel:
    return look.timeline(
        Words("When did repairs run?", "Each job of `mastodon-remedy`, by the exporter whose ledger holds it."),
        _RUNNING,
        [Query(f"max by (exported_job) ({_of_remedy('mastodon_remedy_running')})", legend="{{exported_job}}")],
    )


def _moving_media() -> Iterator[Panel]:
    yield look.ranking(
        Words(
            "How much of each class is seen to?",
            "Rows with files that the latest media sync has seen to, of those it has to.",
        ),
        "percentunit",
        Query(f"sum by (class) ({_ROWS_DONE}) / (sum by (class) ({_ROWS}) > 0)", legend="{{class}}"),
    ).max(1)
    yield look.graph(
        Words("How much is left?", "Rows with files that the latest media sync has yet to see to."),
        "short",
        [Query(f"sum by (class) ({_ROWS}) - sum by (class) ({_ROWS_DONE})", legend="{{class}}")],
    )
    yield look.graph(
        Words(
            "When will it be done?", f"The time left at the pace of the last {_PACE_WINDOW}; a gap where nothing moved."
        ),
        "s",
        [Query(_SECONDS_LEFT, legend="time left")],
    )
    told = _media(f"rate(mastodon_media_sync_objects_total{{{OWN}}}[$__rate_interval])")
    yield look.stack(
        Words("What becomes of objects?", "Objects a second, by result: failed ones are tried again by the next run."),
        "ops",
        [Query(f"sum by (result) ({told})", legend="{{result}}")],
    )
    written = _media(f"rate(mastodon_media_sync_bytes_total{{{OWN}}}[$__rate_interval])")
    yield look.stack(
        Words("How fast are bytes moved?", "Bytes that were copied, or written where they belong."),
        "Bps",
        [Query(f"sum by (class) ({written})", legend="{{class}}")],
    )
    yield _results()


def _results() -> Panel:
    results = _media(f"increase(mastodon_media_sync_objects_total{{{OWN}}}[$__range])")
    colours = levels(GOOD, (1, WARNING), (1000, BAD))
    return table_of(
        Words(
            "Which classes fail, or lack objects?",
            "Objects by class and result, in the time range; none that came to nothing.",
        ),
        [
            Query(f"sum by (class, result) ({results}) > 0", name="objects"),
            Query(f"sum by (class, result) ({_media(_TROUBLED)}) > 0", name="troubled"),
        ],
        [
            Column("class", "Class"),
            Column("result", "Result"),
            Column("objects", "Objects", unit="short"),
            Column("troubled", "Of these in trouble", unit="short", colours=colours),
        ],
        Order("Of these in trouble"),
    ).span(look.WIDTH // 2)


_TROUBLED = f'increase(mastodon_media_sync_objects_total{{result=~"missing|gone|failed", {OWN}}}[$__range])'


def _resubscribing() -> Iterator[Panel]:
    told = _database(f"increase(mastodon_resubscribe_accounts_total{{{OWN}}}[$__rate_interval])")
    yield look.bars(
        Words("What becomes of accounts?", "Accounts that were to be subscribed again, by result."),
        "short",
        [Query(f"sum by (result) ({told}) > 0", legend="{{result}}")],
    )
    pending = _database(f"mastodon_resubscribe_pending_accounts{{{OWN}}}")
    overdue = _database(f"mastodon_subscriptions_overdue{{{OWN}}}")
    yield look.graph(
        Words("How much is there to do?", "Attempts that are open, and subscriptions that have ended."),
        "short",
        [Query(f"sum({pending})", legend="pending"), Query(f"sum({overdue})", legend="overdue")],
    )
