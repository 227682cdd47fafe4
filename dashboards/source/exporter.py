"""Exporter: does it see what it should, and does it keep up?"""

from collections.abc import Iterator

from dashboards.source import links, look, variables
from dashboards.source.look import BAD, GOOD, levels
from dashboards.source.page import Page, Panel, Section
from dashboards.source.queries import OWN, PROBE, Query, count_or_zero
from dashboards.source.tables import Column, Order, table_of
from dashboards.source.thresholds import LOG_BEHIND_BYTES
from dashboards.source.words import Words

_SLOWEST = 10
_TROUBLE = f"mastodon_accesslog_trouble{{{OWN}}}"
_REACHED = look.states({"1": ("yes", GOOD), "0": ("NO", BAD)}, missing="unknown")
_IN_TROUBLE = look.states({"1": ("trouble", BAD), "0": ("none", GOOD)})


def page() -> Page:
    """Return the dashboard."""
    return Page(
        uid=links.EXPORTER,
        title="Mastodon / Exporter",
        description="Does the exporter see what it should, and does it keep up?",
        choices=variables.usual(),
        strip=list(_strip()),
        sections=[
            Section("Probes", list(_probes())),
            Section("Stores", [_collectors(), _collector_durations()]),
            Section("Access logs", list(_logs())),
            Section("The process", list(_process()), closed=True),
        ],
    )


def _strip() -> Iterator[Panel]:
    yield look.number(
        Words("Exporters up", "Exporters that answered the last scrape of /metrics."),
        "none",
        Query(count_or_zero(f"mastodon_exporter_build_info{{{OWN}}}")),
        levels(BAD, (1, GOOD)),
    )
    yield look.number(
        Words("Without a network", "Exporters of which no control URL answers."),
        "none",
        Query(count_or_zero(f"mastodon_exporter_network_up{{{OWN}}} == 0")),
        look.NONE_IS_GOOD,
    )
    yield look.number(
        Words("Probes unanswered", "Servers whose probe Prometheus asked for, and got no answer from the exporter."),
        "none",
        Query(
            count_or_zero(f"up{{{PROBE}}} == 0 unless on (job) last_over_time(mastodon_exporter_build_info[$__range])")
        ),
        look.NONE_IS_GOOD,
    ).links([links.to_same(links.OVERVIEW)])
    yield look.number(
        Words("Stores that fail", "Collectors that could not read their store at the last scrape."),
        "none",
        Query(count_or_zero(f"mastodon_exporter_collector_success{{{OWN}}} == 0")),
        look.NONE_IS_GOOD,
    )
    yield look.number(
        Words("Logs in trouble", "Access logs that something keeps from being read."),
        "none",
        Query(count_or_zero(f"max by (instance, log) ({_TROUBLE}) == 1")),
        look.NONE_IS_GOOD,
    )
    yield look.number(
        Words(
            "Refused configurations",
            "Exporters whose last attempt to read the configuration failed; the one before is in force.",
        ),
        "none",
        Query(count_or_zero(f"mastodon_exporter_config_last_reload_successful{{{OWN}}} == 0")),
        look.NONE_IS_GOOD,
    )


def _probes() -> Iterator[Panel]:
    yield look.timeline(
        Words(
            "Does the exporter reach the network?",
            "Whether any control URL answers; while none does, failed checks say nothing.",
        ),
        _REACHED,
        [Query(f"mastodon_exporter_network_up{{{OWN}}}", legend="{{instance}}")],
    )
    slowest = f"topk({_SLOWEST}, max by (instance) (max_over_time(probe_duration_seconds{{{PROBE}}}[$__range])))"
    yield table_of(
        Words("Which probes are slowest?", f"The {_SLOWEST} servers with the slowest probe in the time range."),
        [
            Query(slowest, name="longest"),
            Query(f"max by (instance) (probe_timeout_seconds{{{PROBE}}}) and on (instance) {slowest}", name="limit"),
        ],
        [
            Column("instance", "Server", link=links.to_server_in_cell(links.INSTANCE)),
            Column("longest", "Longest probe", unit="s"),
            Column("limit", "Time given", unit="s"),
        ],
        Order("Longest probe"),
    ).span(look.WIDTH // 2)
    yield look.graph(
        Words(
            "How long do probes take?", "All checks of a server together: the slowest, and the mean, over all servers."
        ),
        "s",
        [
            Query(f"max by (exporter) (probe_duration_seconds{{{PROBE}}})", legend="slowest {{exporter}}"),
            Query(f"avg by (exporter) (probe_duration_seconds{{{PROBE}}})", legend="mean {{exporter}}"),
        ],
    )
    yield look.graph(
        Words("How long do scrapes of /metrics take?", "As Prometheus measures it."),
        "s",
        [
            Query(
                f"scrape_duration_seconds{{{OWN}}} and on (job, instance) mastodon_exporter_build_info",
                legend="{{instance}}",
            )
        ],
    )


def _collectors() -> Panel:
    return look.timeline(
        Words(
            "Which stores can be read?",
            "Database, Redis and ledger, by collector; while one cannot be read, it has no series.",
        ),
        _REACHED,
        [
            Query(
                f"min by (instance, collector) (mastodon_exporter_collector_success{{{OWN}}})",
                legend="{{collector}} {{instance}}",
            )
        ],
    )


def _collector_durations() -> Panel:
    return look.graph(
        Words("How long does reading a store take?", "At most half of the scrape's time, and 4 seconds."),
        "s",
        [
            Query(
                f"max by (instance, collector) (mastodon_exporter_collector_duration_seconds{{{OWN}}})",
                legend="{{collector}} {{instance}}",
            )
        ],
    )


def _logs() -> Iterator[Panel]:
    yield _followers()
    yield look.timeline(
        Words("What keeps logs from being read?", "Each trouble that a log had in the time range, by what it is."),
        _IN_TROUBLE,
        [
            Query(
                f"{_TROUBLE} and on (instance, log, reason) max_over_time({_TROUBLE}[$__range] @ end()) == 1",
                legend="{{log}}: {{reason}}",
            )
        ],
    )
    yield look.graph(
        Words(
            "How far behind is the follower?",
            "Bytes of each log that were there and not read when it was last looked at.",
        ),
        "bytes",
        [Query(f"mastodon_accesslog_lag_bytes{{{OWN}}}", legend="{{log}}")],
    )
    yield look.graph(
        Words("How many lines are read?", "Complete lines of each log."),
        "cps",
        [Query(f"sum by (log) (rate(mastodon_accesslog_lines_total{{{OWN}}}[$__rate_interval]))", legend="{{log}}")],
    )
    unparsed = f"rate(mastodon_accesslog_unparsed_reasons_total{{{OWN}}}[$__rate_interval])"
    yield look.stack(
        Words(
            "Which lines are not understood?", "Lines that the log's format does not fit, by what is wrong with them."
        ),
        "cps",
        [Query(f"sum by (reason) ({unparsed})", legend="{{reason}}")],
    )
    yield look.bars(
        Words("Is the log rotated, emptied, or lost?", "Lost: the file vanished before it was read to its end."),
        "short",
        [
            Query(f"sum(increase(mastodon_accesslog_{event}_total{{{OWN}}}[$__rate_interval]))", legend=legend)
            for event, legend in (("rotations", "rotated"), ("truncations", "emptied"), ("lost_files", "lost"))
        ],
    )


def _followers() -> Panel:
    lines = f"sum by (instance, log) (increase(mastodon_accesslog_lines_total{{{OWN}}}[$__range]))"
    unparsed = f"sum by (instance, log) (increase(mastodon_accesslog_unparsed_lines_total{{{OWN}}}[$__range]))"
    return table_of(
        Words("Logs", "How far each log is read, and how much of it is understood."),
        [
            Query(f"max by (instance, log) ({_TROUBLE})", name="trouble"),
            Query(f"max by (instance, log) (mastodon_accesslog_lag_bytes{{{OWN}}})", name="lag"),
            Query(
                f"max by (instance, log) (mastodon_accesslog_last_line_timestamp_seconds{{{OWN}}}) * 1000", name="last"
            ),
            Query(lines, name="lines"),
            Query(f"{unparsed} / ({lines} > 0)", name="unparsed"),
        ],
        [
            Column("log", "Log"),
            Column("instance", "Exporter"),
            Column("trouble", "Trouble", shown=tuple(_IN_TROUBLE)),
            Column("lag", "Behind", unit="bytes", colours=levels(GOOD, (LOG_BEHIND_BYTES, BAD))),
            Column("last", "Last line", unit="dateTimeFromNow"),
            Column("lines", "Lines", unit="short"),
            Column("unparsed", "Not understood", unit="percentunit"),
        ],
        Order("Behind"),
    )


def _process() -> Iterator[Panel]:
    yield _builds()
    for metric, title, described, unit in (
        ("rate(process_cpu_seconds_total{%s}[$__rate_interval])", "Processor", "Cores in use.", "none"),
        ("process_resident_memory_bytes{%s}", "Memory", "Resident memory.", "bytes"),
        ("process_open_fds{%s}", "Open files", "Files, pipes and connections that are open.", "none"),
    ):
        expression = f"{metric % OWN} and on (job, instance) mastodon_exporter_build_info"
        yield look.graph(Words(title, described), unit, [Query(expression, legend="{{instance}}")])


def _builds() -> Panel:
    started = f"process_start_time_seconds{{{OWN}}} and on (job, instance) mastodon_exporter_build_info"
    read = f"mastodon_exporter_config_last_reload_success_timestamp_seconds{{{OWN}}}"
    return table_of(
        Words("Exporters", "Version, start, and when the configuration in force was read."),
        [
            Query(f"max by (instance, version, python) (mastodon_exporter_build_info{{{OWN}}})", name="build"),
            Query(f"max by (instance) ({started}) * 1000", name="started"),
            Query(f"max by (instance) ({read}) * 1000", name="read"),
        ],
        [
            Column("instance", "Exporter"),
            Column("version", "Version"),
            Column("python", "Python"),
            Column("started", "Started", unit="dateTimeFromNow"),
            Column("read", "Configuration read", unit="dateTimeFromNow"),
        ],
        Order("Exporter", descending=False),
    )
