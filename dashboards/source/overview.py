"""Overview: which part of which server is down, and since when?"""

from collections.abc import Iterator

from dashboards.source import links, look, variables
from dashboards.source.look import BAD, GOOD, WARNING, levels
from dashboards.source.page import Page, Panel, Section
from dashboards.source.queries import (
    CHECK_UP,
    OWN,
    PROBE,
    SERVER,
    SERVER_OR_NONE,
    SERVER_UP,
    Query,
    count_or_zero,
    named,
)
from dashboards.source.tables import Column, Order, table_of
from dashboards.source.thresholds import CERTIFICATE_CRITICAL_DAYS, CERTIFICATE_WARNING_DAYS, OBJECTIVE
from dashboards.source.words import Words

CHECK_TITLES = {
    "web": "Web",
    "api": "API",
    "streaming": "Streaming",
    "profile": "Profile",
    "storage": "Storage",
    "activitypub": "ActivityPub",
    "health": "Health",
}
AVAILABILITY_COLOURS = levels(BAD, (OBJECTIVE, GOOD))
CERTIFICATE_COLOURS = levels(BAD, (CERTIFICATE_CRITICAL_DAYS, WARNING), (CERTIFICATE_WARNING_DAYS, GOOD))

_ALERTS = f'alertname=~"Mastodon.+", {SERVER_OR_NONE}'
_DAYS_LEFT = f"(mastodon_check_certificate_expiry_timestamp_seconds{{{PROBE}}} - time()) / 86400"
_MOST_FAILING = 20
_MOST_ALERTS = 200

_TO_SERVER = links.to_server_in_cell(links.INSTANCE)


def page() -> Page:
    """Return the dashboard."""
    return Page(
        uid=links.OVERVIEW,
        title="Mastodon / Overview",
        description="Which part of which server is down, and since when? Click on a server's name to look at it alone.",
        choices=variables.usual(),
        strip=list(_strip()),
        sections=[
            Section("What is wrong", [_alerts(), _failed_parts(), _spent_budgets()]),
            Section("All servers", [_servers()]),
        ],
    )


def _strip() -> Iterator[Panel]:
    yield look.number(
        Words("Servers", "Servers that are watched."),
        "none",
        Query(f"count(count by (instance) (mastodon_check_success{{{PROBE}}})) or vector(0)"),
        levels(BAD, (1, look.NEUTRAL)),
    )
    yield look.number(
        Words("Servers down", "Servers of which no part that the main host serves answers as it should."),
        "none",
        Query(count_or_zero(f"{SERVER_UP} == 0")),
        look.NONE_IS_GOOD,
    )
    yield look.number(
        Words("Servers with a part down", "Servers of which a check fails, those that are down as a whole included."),
        "none",
        Query(f"count(min by (mastodon) ({CHECK_UP}) == 0) or vector(0)"),
        look.NONE_IS_GOOD,
    )
    yield look.number(
        Words("Alerts that page", "Alerts of severity critical that fire, exporters' own included."),
        "none",
        Query(count_or_zero(f'ALERTS{{alertstate="firing", severity="critical", {_ALERTS}}}')),
        look.NONE_IS_GOOD,
    )
    yield look.number(
        Words("Next certificate to expire", "Days until the first of all certificates expires."),
        "d",
        Query(f"min({_DAYS_LEFT})"),
        CERTIFICATE_COLOURS,
    )
    yield look.number(
        Words(
            "Exporters without a network", "None of their control URLs answers: what they see of servers says nothing."
        ),
        "none",
        Query(count_or_zero(f"mastodon_exporter_network_up{{{OWN}}} == 0")),
        look.NONE_IS_GOOD,
    ).links([links.to_same(links.EXPORTER)])


def _alerts() -> Panel:
    """Since when: Prometheus keeps the start of every alert, so that no long window has to be read for it."""
    since = f"ALERTS{{{_ALERTS}}} * ignoring (alertstate) group_left () ALERTS_FOR_STATE"
    subjects = ", ".join(f'"{label}"' for label in _SUBJECTS)
    about = f'label_join({since}, "about", " ", {subjects})'
    grouped = f"min by (alertname, severity, alertstate, mastodon, about) ({about})"
    return table_of(
        Words(
            "What is down, and since when?",
            f"Every alert that fires, or soon will (pending), and since when its condition has held; the {_MOST_ALERTS}"
            " that began last.",
        ),
        [Query(f"topk({_MOST_ALERTS}, {grouped}) * 1000", name="since")],
        [
            Column("mastodon", "Server", link=_TO_SERVER),
            Column("alertname", "Alert"),
            Column("about", "About"),
            Column("severity", "Severity", shown=tuple(_SEVERITIES)),
            Column("alertstate", "State"),
            Column("since", "Since", unit="dateTimeFromNow"),
        ],
        Order("Since"),
    )


_SUBJECTS = ("check", "family", "queue", "log", "scheduled_job", "remedy", "collector", "reason", "exporter")
_SEVERITIES = look.states({"critical": ("critical", BAD), "warning": ("warning", WARNING), "info": ("info", "blue")})


def _failed_parts() -> Panel:
    """Only series that failed in the time range, worst first: 500 servers have 3500 of them."""
    worst = f"topk({_MOST_FAILING}, 1 - avg_over_time({CHECK_UP}[$__range:$__interval] @ end()) > 0)"
    return look.timeline(
        Words(
            "Which part failed, and when?",
            f"The {_MOST_FAILING} checks that failed longest in the time range, by most of the exporters that look.",
        ),
        look.UP_OR_DOWN,
        [Query(f"{CHECK_UP} and on (mastodon, check) {worst}", legend="{{mastodon}} {{check}}")],
    ).height(2 * look.GRAPH_HEIGHT)


def _spent_budgets() -> Panel:
    left = f"min by (mastodon, check) (mastodon:error_budget_left:ratio_30d{{{SERVER}}})"
    return (
        table_of(
            Words(
                "Which error budgets are used up?",
                f"What is left of the failures that an objective of {OBJECTIVE:.2%} allows in 30 days, least first; "
                "below 0 it is overspent.",
            ),
            [Query(f"bottomk({_MOST_FAILING}, {left})", name="left")],
            [
                Column("mastodon", "Server", link=_TO_SERVER),
                Column("check", "Check"),
                Column("left", "Left", unit="percentunit", colours=levels(BAD, (0, WARNING), (0.25, GOOD))),
            ],
            Order("Left", descending=False),
        )
        .height(2 * look.GRAPH_HEIGHT)
        .span(look.WIDTH // 2)
    )


def _servers() -> Panel:
    queries = [
        Query(f"sum by (mastodon) (1 - {CHECK_UP})", name="down"),
        *(
            Query(f'max by (mastodon) (mastodon:check_up:majority{{check="{check}", {SERVER}}})', name=check)
            for check in CHECK_TITLES
        ),
        *(
            Query(f"min by (mastodon) (mastodon:check_availability:ratio_{window}{{{SERVER}}})", name=window)
            for window in _WINDOWS
        ),
        Query(f"min by (mastodon) ({named(_DAYS_LEFT)})", name="certificate"),
        Query(f"topk by (mastodon) (1, {named(f'mastodon_instance_info{{{PROBE}}}')})", name="info"),
    ]
    columns = [
        Column("mastodon", "Server", link=_TO_SERVER),
        Column("down", "Parts down", unit="none", colours=look.NONE_IS_GOOD),
        *(Column(check, title, shown=tuple(look.UP_OR_DOWN)) for check, title in CHECK_TITLES.items()),
        *(
            Column(window, title, unit="percentunit", colours=AVAILABILITY_COLOURS)
            for window, title in _WINDOWS.items()
        ),
        Column("certificate", "Certificate", unit="d", colours=CERTIFICATE_COLOURS),
        Column("version", "Version"),
    ]
    described = (
        "Each server and its parts, by most of the exporters that look. Availability is that of the part that was up "
        "least. Certificate: days until the first one expires."
    )
    return table_of(Words("Servers", described), queries, columns, Order("Parts down")).height(2 * look.GRAPH_HEIGHT)


_WINDOWS = {"1h": "Last hour", "1d": "Last day", "30d": "30 days"}
