"""Instance: what of this server fails, why, and how long does it take?"""

from collections.abc import Iterator

from dashboards.source import links, look, variables
from dashboards.source.look import BAD, GOOD, WARNING, levels
from dashboards.source.overview import AVAILABILITY_COLOURS, CERTIFICATE_COLOURS
from dashboards.source.page import Page, Panel, Section
from dashboards.source.queries import CHECK_UP, PROBE, SERVER, Query, named
from dashboards.source.tables import Column, Order, table_of
from dashboards.source.words import Words

_CHECKED = f'{PROBE}, check=~"$check"'
_UP = f'mastodon:check_up:majority{{check=~"$check", {SERVER}}}'
_DAYS_LEFT = f"(mastodon_check_certificate_expiry_timestamp_seconds{{{_CHECKED}}} - time()) / 86400"
_SECONDS = f"sum by (instance, exporter, check) (mastodon_check_duration_seconds{{{_CHECKED}}})"


def page() -> Page:
    """Return the dashboard."""
    return Page(
        uid=links.INSTANCE,
        title="Mastodon / Instance",
        description="What of this server fails, why, and how long does it take? Where several servers are chosen, each "
        "graph shows the worst of them, and the table all.",
        choices=[*variables.usual(), variables.check()],
        strip=list(_strip()),
        sections=[
            Section("What fails", [_failures_over_time(), _reasons_over_time(), _checks()]),
            Section("How long it takes", [_durations(), _phases()]),
            Section("How it answers", [_status_codes(), _caches(), _restrictions(), _families()]),
            Section("What it says of itself", list(_details()), closed=True),
            Section("Who looks", [_exporters_views(), _probe_durations()], closed=True),
        ],
    )


def _strip() -> Iterator[Panel]:
    yield look.number(
        Words("Parts down", "Checks that fail, by most of the exporters that look."),
        "none",
        Query(f"sum(1 - {CHECK_UP})"),
        look.NONE_IS_GOOD,
    )
    for window, title in {"1d": "Availability in a day", "30d": "Availability in 30 days"}.items():
        yield look.number(
            Words(title, "Of the part that was up least."),
            "percentunit",
            Query(f"min(mastodon:check_availability:ratio_{window}{{{SERVER}}})"),
            AVAILABILITY_COLOURS,
        ).decimals(2)
    yield look.number(
        Words("Error budget left", "Of the part that has least left of the failures that 30 days allow."),
        "percentunit",
        Query(f"min(mastodon:error_budget_left:ratio_30d{{{SERVER}}})"),
        levels(BAD, (0, WARNING), (0.25, GOOD)),
    )
    yield look.number(
        Words("Certificate", "Days until the first certificate of the checks' hosts expires."),
        "d",
        Query(f"min({_DAYS_LEFT})"),
        CERTIFICATE_COLOURS,
    )
    yield look.number(
        Words("Alerts", "Alerts about the server that fire, of any severity."),
        "none",
        Query(f'count(ALERTS{{alertstate="firing", alertname=~"Mastodon.+", {SERVER}}}) or vector(0)'),
        look.NONE_IS_BETTER,
    ).links([links.to_same(links.OVERVIEW)])


def _failures_over_time() -> Panel:
    return look.timeline(
        Words("Which part failed, and when?", "Each check, by most of the exporters that look."),
        look.UP_OR_DOWN,
        [Query(f"min by (check) ({_UP})", legend="{{check}}")],
    )


def _reasons_over_time() -> Panel:
    failing = f"max by (check, reason) (mastodon_check_failure_info{{{_CHECKED}}})"
    return look.timeline(
        Words(
            "Why did it fail?",
            "The reason of each check that failed in the time range; docs/checks.md says what each means.",
        ),
        look.states({"1": ("fails", BAD)}),
        [Query(failing, legend="{{check}}: {{reason}}")],
    )


def _checks() -> Panel:
    queries = [
        Query(f"max by (mastodon, check) ({_UP})", name="up"),
        Query(_worst("mastodon_check_failure_info", "reason"), name="failure"),
        Query(_worst("mastodon_check_http_status_code"), name="status"),
        Query(f"max by (mastodon, check) ({named(_SECONDS)})", name="seconds"),
        Query(_worst("mastodon_check_cached"), name="cached"),
        Query(_worst("mastodon_check_restricted"), name="restricted"),
        *(
            Query(
                f'min by (mastodon, check) (mastodon:check_availability:ratio_{window}{{check=~"$check", {SERVER}}})',
                name=window,
            )
            for window in _WINDOWS
        ),
        Query(f"min by (mastodon, check) ({named(_DAYS_LEFT)})", name="certificate"),
    ]
    columns = [
        Column("mastodon", "Server"),
        Column("check", "Check"),
        Column("up", "State", shown=tuple(look.UP_OR_DOWN)),
        Column("reason", "Reason"),
        Column("status", "Status code", unit="none"),
        Column("seconds", "Time taken", unit="s"),
        Column("cached", "From a cache", shown=tuple(look.YES_IS_WORTH_A_LOOK)),
        Column("restricted", "Closed to strangers", shown=tuple(_RESTRICTED)),
        *(
            Column(window, title, unit="percentunit", colours=AVAILABILITY_COLOURS)
            for window, title in _WINDOWS.items()
        ),
        Column("certificate", "Certificate", unit="d", colours=CERTIFICATE_COLOURS),
    ]
    described = (
        "The last findings of each check. A server that is closed to strangers, and says so as Mastodon does, is up."
    )
    return table_of(Words("Checks", described), queries, columns, Order("State", descending=False))


_WINDOWS = {"1h": "Last hour", "1d": "Last day", "30d": "30 days"}
_RESTRICTED = look.states({"1": ("yes", "blue"), "0": ("no", "green")}, missing="unknown")


def _worst(metric: str, *labels: str) -> str:
    grouped = ", ".join(("mastodon", "check", *labels))
    return f"max by ({grouped}) ({named(f'{metric}{{{_CHECKED}}}')})"


def _durations() -> Panel:
    return look.graph(
        Words(
            "How long does each check take?",
            "All phases of all its requests together; of the slowest server that is chosen.",
        ),
        "s",
        [Query(f"max by (check) ({_SECONDS})", legend="{{check}}")],
    )


def _phases() -> Panel:
    seconds = f"avg by (phase) (mastodon_check_duration_seconds{{{_CHECKED}}})"
    return look.stack(
        Words(
            "Which phase takes the time?",
            "The mean over the checks that are chosen; choose one of them to see it alone.",
        ),
        "s",
        [Query(seconds, legend="{{phase}}")],
    )


def _status_codes() -> Panel:
    return look.timeline(
        Words(
            "Which status codes come back?",
            "Of the answer that decided the check; the highest of the servers that are chosen.",
        ),
        look.STATUS_CODES,
        [Query(f"max by (check) (mastodon_check_http_status_code{{{_CHECKED}}})", legend="{{check}}")],
    )


def _caches() -> Panel:
    return look.timeline(
        Words(
            "Does a cache answer?",
            "Every request carries a parameter that no cache has seen, so that this should not be.",
        ),
        look.YES_IS_WORTH_A_LOOK,
        [Query(f"max by (check) (mastodon_check_cached{{{_CHECKED}}})", legend="{{check}}")],
    )


def _restrictions() -> Panel:
    return look.timeline(
        Words("Is it closed to strangers?", "Limited federation and secure mode answer so, which is not a failure."),
        _RESTRICTED,
        [Query(f"max by (check) (mastodon_check_restricted{{{_CHECKED}}})", legend="{{check}}")],
    )


def _families() -> Panel:
    return look.timeline(
        Words("Does it answer over IPv4 and IPv6?", "Only where the server is checked over both (`ip: both`)."),
        look.UP_OR_DOWN,
        [Query(f"min by (check, family) (mastodon_check_family_success{{{_CHECKED}}})", legend="{{check}} {{family}}")],
    )


def _details() -> Iterator[Panel]:
    for metric, title, described in (
        ("users", "Accounts", "Accounts on the server, as it says."),
        ("statuses", "Posts", "Posts by the server's accounts, as it says."),
        ("peers", "Known servers", "Other servers this one knows, as it says."),
    ):
        total = f"sum(max by (instance) (mastodon_instance_{metric}{{{PROBE}}}))"
        yield look.graph(Words(title, described), "short", [Query(total, legend=title)]).span(look.WIDTH // 3)
    yield _versions()
    yield _settings()


def _versions() -> Panel:
    return table_of(
        Words("Versions", "What each server says it runs."),
        [Query(f"max by (instance, domain, version) (mastodon_instance_info{{{PROBE}}})", name="info")],
        [Column("instance", "Server"), Column("domain", "Domain"), Column("version", "Version")],
        Order("Server", descending=False),
    ).span(look.WIDTH // 2)


def _settings() -> Panel:
    queries = [
        Query(f"max by (instance) (mastodon_check_bucket_listing_open{{{PROBE}}})", name="listing"),
        Query(f"max by (instance) (mastodon_instance_status_page_same_host{{{PROBE}}})", name="page"),
    ]
    columns = [
        Column("instance", "Server"),
        Column("listing", "Anybody may list the bucket", shown=tuple(look.YES_IS_BAD)),
        Column("page", "Status page on the same server", shown=tuple(look.YES_IS_WORTH_A_LOOK)),
    ]
    words = Words("Is it set up as it should be?", "Settings that do no harm until something else goes wrong.")
    return table_of(words, queries, columns, Order("Server", descending=False)).span(look.WIDTH // 2)


def _exporters_views() -> Panel:
    return look.timeline(
        Words(
            "Who sees it fail?",
            "Whether all checks pass, seen from each exporter; one alone may have trouble of its own.",
        ),
        look.UP_OR_DOWN,
        [Query(f"min by (exporter) (probe_success{{{PROBE}}})", legend="{{exporter}}")],
    )


def _probe_durations() -> Panel:
    return look.graph(
        Words(
            "How long do all checks together take?",
            "They run side by side; at the limit, those under way are given up.",
        ),
        "s",
        [
            Query(f"max by (exporter) (probe_duration_seconds{{{PROBE}}})", legend="{{exporter}}"),
            Query(f"min(probe_timeout_seconds{{{PROBE}}})", legend="limit"),
        ],
    )
