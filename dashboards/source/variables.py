"""What can be chosen on every dashboard; the names mean the same on all of them, so that links carry the choice along.

`instance` is a Mastodon server, by its name in the exporter's configuration; `exporter` is who looked.
"""

from grafana_foundation_sdk.builders.dashboard import DatasourceVariable, QueryVariable
from grafana_foundation_sdk.models.dashboard import VariableOption, VariableRefresh, VariableSort

from dashboards.source.queries import DATA_SOURCE

ANY = ".+"
ANY_OR_NONE = ".*"

_BOTH_JOBS = '{__name__=~"mastodon_check_success|mastodon_exporter_build_info"}'


def data_source() -> DatasourceVariable:
    """Return the choice between several Prometheus servers, shown as the first of all."""
    return DatasourceVariable("datasource").label("Data source").type("prometheus")


def job() -> QueryVariable:
    """Return the choice of scrape jobs: those of /probe and those of /metrics alike."""
    described = "Scrape jobs: one asks for /probe, one for /metrics. Choose both of a pair."
    return _choice("job", "Job", f"label_values({_BOTH_JOBS}, job)").all_value(ANY).description(described)


def instance() -> QueryVariable:
    """Return the choice of Mastodon servers."""
    query = 'label_values(mastodon_check_success{job=~"$job"}, instance)'
    return _choice("instance", "Server", query).all_value(ANY).description("Mastodon servers")


def exporter() -> QueryVariable:
    """Return the choice of exporters. All of them includes series on which none is named."""
    query = 'label_values(mastodon_exporter_build_info{job=~"$job"}, instance)'
    return _choice("exporter", "Exporter", query).all_value(ANY_OR_NONE).description("Who looks, and reads the logs")


def check() -> QueryVariable:
    """Return the choice of checks."""
    query = 'label_values(mastodon_check_success{job=~"$job", instance=~"$instance"}, check)'
    return _choice("check", "Check", query).all_value(ANY).description("Parts of the server")


def usual() -> list[QueryVariable]:
    """Return the choices that every dashboard has."""
    return [job(), instance(), exporter()]


def _choice(name: str, label: str, query: str) -> QueryVariable:
    return (
        QueryVariable(name)
        .label(label)
        .datasource(DATA_SOURCE)
        .query({"qryType": 1, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"})
        .definition(query)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_CASE_INSENSITIVE_ASC)
        .multi(True)
        .include_all(True)
        .current(VariableOption(selected=True, text=["All"], value=["$__all"]))
    )
