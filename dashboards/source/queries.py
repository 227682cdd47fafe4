"""How Prometheus is asked: who is meant, which recorded series there are, and what a panel's query is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.cog import variants
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

Target = Builder[variants.Dataquery]

DATA_SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")

SCRAPE_INTERVAL = "1m"
"""As in prometheus.yml. Grafana makes `$__rate_interval` four times as long; left to itself, it assumes 15 seconds."""

# Who is meant. On /probe's series `instance` is the server and `exporter` who looked; on the exporter's own series
# `instance` is the exporter itself; recorded series and alerts call the server `mastodon`.
PROBE = 'job=~"$job", instance=~"$instance", exporter=~"$exporter"'
OWN = 'job=~"$job", instance=~"$exporter"'
SERVER = 'mastodon=~"$instance"'
SERVER_OR_NONE = 'mastodon=~"$instance|"'

CHECK_UP = f"mastodon:check_up:majority{{{SERVER}}}"
SERVER_UP = f"mastodon:server_up:majority{{{SERVER}}}"


@dataclass(frozen=True)
class Query:
    """One question to Prometheus; `legend` names its series, `name` its column in a table."""

    expression: str
    legend: str = ""
    name: str = ""


def over_time(queries: Sequence[Query]) -> list[Target]:
    """Return targets that are answered for every step of the time range."""
    return [target.range().interval(SCRAPE_INTERVAL) for target in _targets(queries)]


def now(queries: Sequence[Query]) -> list[Target]:
    """Return targets that are answered for the end of the time range."""
    return [target.instant() for target in _targets(queries)]


def rows(queries: Sequence[Query]) -> list[Target]:
    """Return targets that are answered for the end of the time range, a row for each series."""
    return [target.instant().format(PromQueryFormat.TABLE) for target in _targets(queries)]


def _targets(queries: Sequence[Query]) -> Iterator[Dataquery]:
    for query, letter in zip(queries, "ABCDEFGHIJKLMNOPQRSTUVWXYZ", strict=False):
        target = Dataquery().expr(query.expression).ref_id(query.name or letter).datasource(DATA_SOURCE)
        yield target.legend_format(query.legend) if query.legend else target


def named(expression: str) -> str:
    """Return the expression with the label `instance` of /probe's series repeated as `mastodon`."""
    return f'label_replace({expression}, "mastodon", "$1", "instance", "(.+)")'


def of_log(expression: str) -> str:
    """Return the series of access logs of the chosen servers, and of none, with the server of each."""
    return f"{expression} * on (job, instance, log) group_left (mastodon) mastodon:access_log:info{{{SERVER_OR_NONE}}}"


def of_collector(expression: str, collector: str) -> str:
    """Return the series of a collector that tells of the chosen servers, or of none, with the server of each."""
    chosen = f'collector="{collector}", {SERVER_OR_NONE}'
    return f"{expression} * on (job, instance) group_left (mastodon) mastodon:collector:info{{{chosen}}}"


def of_ledger(expression: str, source: str) -> str:
    """Return the series of the ledger, without those of exporters whose source belongs to another server."""
    return f'{expression} unless on (job, instance) mastodon:store:info{{source="{source}", mastodon!~"$instance"}}'


def count_or_zero(expression: str) -> str:
    """Return how many series there are, which is 0 where there are none."""
    return f"count({expression}) or vector(0)"
