"""Federation: do posts come in, go out, and who has given whom up?"""

from collections.abc import Iterator

from dashboards.source import links, look, variables
from dashboards.source.look import BAD, GOOD, WARNING, levels
from dashboards.source.page import Page, Panel, Section
from dashboards.source.queries import OWN, Query, count_or_zero, of_collector, of_log
from dashboards.source.tables import Column, Order, table_of
from dashboards.source.thresholds import (
    INBOX_CRITICAL_SHARE,
    INBOX_WARNING_SHARE,
    QUEUE_CRITICAL_SECONDS,
    QUEUE_WARNING_SECONDS,
)
from dashboards.source.words import Words

_MOST_DOMAINS = 50
_MOST_LINES = 10
_JOBS_HEIGHT = 12

_QUEUE_COLOURS = levels(GOOD, (QUEUE_WARNING_SECONDS, WARNING), (QUEUE_CRITICAL_SECONDS, BAD))
_INBOX_COLOURS = levels(GOOD, (INBOX_WARNING_SHARE, WARNING), (INBOX_CRITICAL_SHARE, BAD))


def _per_second(metric: str) -> str:
    return of_log(f"rate(mastodon_{metric}{{{OWN}}}[$__rate_interval])")


def _told_by(collector: str, metric: str) -> str:
    return of_collector(f"{metric}{{{OWN}}}", collector)


_BROKEN_ACCOUNTS = of_log(f"mastodon_subscription_broken_accounts{{{OWN}}}")


def page() -> Page:
    """Return the dashboard."""
    return Page(
        uid=links.FEDERATION,
        title="Mastodon / Federation",
        description="Do posts come in, do they go out, and who has given whom up?",
        choices=variables.usual(),
        strip=list(_strip()),
        sections=[
            Section("What comes in", [_deliveries(), _failure_share(), _failures_by_domain(), _failing_domains()]),
            Section("What goes out", [_latencies(), _sizes(), _given_up(), _processes()]),
            Section("Jobs that run by the clock", [_jobs()]),
            Section("Subscriptions (PubSubHubbub, to Mastodon 2.9)", list(_subscriptions())),
        ],
    )


def _strip() -> Iterator[Panel]:
    yield look.number(
        Words(
            "Inbox deliveries that fail",
            "Of all deliveries in the time range: answered neither 2xx nor 403, 404 or 410.",
        ),
        "percentunit",
        Query(_failing_share("$__range")),
        _INBOX_COLOURS,
    )
    yield look.number(
        Words("Longest wait in a queue", "How long the job that waits longest has waited, in all queues of Sidekiq."),
        "s",
        Query(f"max({_told_by('sidekiq', 'mastodon_sidekiq_queue_latency_seconds')})"),
        _QUEUE_COLOURS,
    )
    yield look.number(
        Words("Sidekiq processes", "Processes that live; without one, nothing goes in or out."),
        "none",
        Query(f"sum({_told_by('sidekiq', 'mastodon_sidekiq_processes')})"),
        levels(BAD, (1, GOOD)),
    )
    yield look.number(
        Words("Servers given up", "Servers that are no longer delivered to, because deliveries failed on 7 days."),
        "none",
        Query(f"sum({_told_by('deliveries', 'mastodon_unavailable_domains')})"),
    ).links([links.to_same(links.REMEDIES)])
    yield look.number(
        Words("Jobs that failed", "Jobs that run by the clock, and whose last run failed."),
        "none",
        Query(count_or_zero(f"{_told_by('scheduled_jobs', 'mastodon_scheduled_job_failed')} == 1")),
        look.NONE_IS_BETTER,
    )
    yield look.number(
        Words(
            "Broken subscriptions",
            "Accounts whose last delivery was answered so that the hub gives the subscription up.",
        ),
        "none",
        Query(f"sum({_BROKEN_ACCOUNTS})"),
        look.NONE_IS_BETTER,
    ).links([links.to_same(links.REMEDIES)])


def _failing_share(window: str) -> str:
    failing = of_log(f"increase(mastodon_inbox_failures_total{{{OWN}}}[{window}])")
    delivered = of_log(f"increase(mastodon_inbox_deliveries_total{{{OWN}}}[{window}])")
    return f"sum({failing}) / (sum({delivered}) > 0)"


def _deliveries() -> Panel:
    return look.stack(
        Words(
            "How are deliveries to inboxes answered?",
            "Activities from other servers, by the status code of the answer.",
        ),
        "reqps",
        [Query(f"sum by (code) ({_per_second('inbox_deliveries_total')})", legend="{{code}}")],
    )


def _failure_share() -> Panel:
    return look.graph(
        Words("How many deliveries fail?", "The share answered neither 2xx nor 403, 404 or 410."),
        "percentunit",
        [Query(_failing_share("$__rate_interval"), legend="failing")],
    ).max(1)


def _failures_by_domain() -> Panel:
    """The domains with most failures in the whole range, so that lines do not come and go with each step."""
    failing = _per_second("inbox_failures_total")
    most = of_log(f"increase(mastodon_inbox_failures_total{{{OWN}}}[$__range] @ end())")
    worst = f"topk({_MOST_LINES}, sum by (domain) ({most}) > 0)"
    return look.graph(
        Words("Whose deliveries fail?", f"The {_MOST_LINES} domains with most failures in the time range."),
        "reqps",
        [Query(f"sum by (domain) ({failing}) and on (domain) {worst}", legend="{{domain}}")],
    )


def _failing_domains() -> Panel:
    failures = of_log(f"increase(mastodon_inbox_failures_total{{{OWN}}}[$__range])")
    return table_of(
        Words("Domains whose deliveries fail", f"The {_MOST_DOMAINS} with most failures in the time range."),
        [Query(f"topk({_MOST_DOMAINS}, sum by (mastodon, domain) ({failures}) > 0)", name="failures")],
        [
            Column("mastodon", "Server"),
            Column("domain", "Domain"),
            Column("failures", "Failures", unit="short"),
        ],
        Order("Failures"),
    ).span(look.WIDTH // 2)


def _latencies() -> Panel:
    latencies = _told_by("sidekiq", "mastodon_sidekiq_queue_latency_seconds")
    return look.graph(
        Words("How long do jobs wait?", "How long the job that waits longest has waited, by queue."),
        "s",
        [Query(f"max by (queue) ({latencies})", legend="{{queue}}")],
    )


def _sizes() -> Panel:
    sizes = _told_by("sidekiq", "mastodon_sidekiq_queue_size")
    return look.stack(
        Words("How many jobs wait?", "Jobs in each queue of Sidekiq."),
        "short",
        [Query(f"sum by (queue) ({sizes})", legend="{{queue}}")],
    )


def _given_up() -> Panel:
    domains = _told_by("deliveries", "mastodon_unavailable_domains")
    return look.graph(
        Words(
            "How many servers are given up?",
            "`mastodon-remedy deliveries list` names them, `deliveries restart` takes deliveries up again.",
        ),
        "short",
        [Query(f"max by (mastodon) ({domains})", legend="{{mastodon}}")],
    )


def _processes() -> Panel:
    processes = _told_by("sidekiq", "mastodon_sidekiq_processes")
    return look.graph(
        Words("How many processes does Sidekiq have?", "Those that have given a sign of life in the last minute."),
        "short",
        [Query(f"max by (mastodon) ({processes})", legend="{{mastodon}}")],
    )


def _jobs() -> Panel:
    last_run = _told_by("scheduled_jobs", "mastodon_scheduled_job_last_run_timestamp_seconds")
    interval = _told_by("scheduled_jobs", "mastodon_scheduled_job_interval_seconds")
    failed = _told_by("scheduled_jobs", "mastodon_scheduled_job_failed")
    overdue = f"(time() - ({last_run} > 0)) / ({interval})"
    labels = "mastodon, exported_job"
    queries = [
        Query(f"max by ({labels}) ({last_run} > 0) * 1000", name="last"),
        Query(f"max by ({labels}) ({interval})", name="interval"),
        Query(f"max by ({labels}) ({overdue})", name="overdue"),
        Query(f"max by ({labels}) ({failed})", name="failed"),
    ]
    columns = [
        Column("mastodon", "Server"),
        Column("exported_job", "Job"),
        Column("failed", "Last run failed", shown=tuple(look.YES_IS_BAD)),
        Column("overdue", "Intervals since", unit="none", colours=levels(GOOD, (2, BAD))),
        Column("last", "Last run", unit="dateTimeFromNow"),
        Column("interval", "Every", unit="s"),
    ]
    described = "When each job last ran, as far as the database and Redis tell; a job with no time has never run."
    return table_of(
        Words("Which jobs are late, or failed?", described), queries, columns, Order("Intervals since")
    ).height(_JOBS_HEIGHT)


def _subscriptions() -> Iterator[Panel]:
    yield look.stack(
        Words("How are callbacks answered?", "Requests of hubs, by the status code of the answer."),
        "reqps",
        [Query(f"sum by (code) ({_per_second('subscription_callbacks_total')})", legend="{{code}}")],
    )
    yield look.graph(
        Words(
            "Which callbacks end a subscription?",
            "Answered 3xx, or 4xx other than 429: the hub gives the subscription up.",
        ),
        "reqps",
        [Query(f"sum by (mastodon) ({_per_second('subscription_callbacks_broken_total')})", legend="{{mastodon}}")],
    )
    yield look.stack(
        Words("Which software calls back?", "What the hubs say they are."),
        "reqps",
        [Query(f"sum by (agent) ({_per_second('subscription_callback_agents_total')})", legend="{{agent}}")],
    )
    yield look.graph(
        Words(
            "How many accounts have a broken subscription?",
            "`mastodon-remedy subscriptions resubscribe --broken` subscribes to them again.",
        ),
        "short",
        [Query(f"sum by (mastodon) ({_BROKEN_ACCOUNTS})", legend="{{mastodon}}")],
    )
    yield look.graph(
        Words(
            "Are subscriptions in force?",
            "Those there should be, those that have ended, and those that end within a day.",
        ),
        "short",
        [
            Query(f"sum({_told_by('subscriptions', f'mastodon_subscriptions_{state}')})", legend=state)
            for state in ("expected", "overdue", "expiring")
        ],
    )
    hub = _told_by("subscriptions", "mastodon_hub_subscriptions")
    yield look.stack(
        Words("Who has subscribed here?", "Subscriptions of other servers to accounts of this one."),
        "short",
        [Query(f"sum by (state) ({hub})", legend="{{state}}")],
    )
