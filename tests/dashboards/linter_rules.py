"""The rules of Grafana's dashboard-linter, by the names it gives them; each yields what is wrong with a dashboard.

The linter itself is a program in Go that no package registry of this project's carries. Where a rule here is another
than there, its docstring says why.
"""

from collections.abc import Callable, Iterator
from typing import get_args, get_type_hints

from grafana_foundation_sdk.models import units

from tests.dashboards.dashboard_files import Dashboard, Json, Panel
from tests.dashboards.promql import range_calls, selectors

Rule = Callable[[Dashboard], Iterator[str]]

DATA_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
UNITS = {value for hint in get_type_hints(units).values() for value in get_args(hint)}
DESCRIBED = {"stat", "gauge", "table", "timeseries", "statetimeline", "state-timeline", "bargauge"}
WITH_UNITS = {"stat", "gauge", "table", "timeseries", "bargauge"}


def template_datasource_rule(dashboard: Dashboard) -> Iterator[str]:
    """There is exactly one data source variable, named `datasource`."""
    names = [variable["name"] for variable in dashboard.variables if variable["type"] == "datasource"]
    if names != ["datasource"]:
        yield f"data source variables: {names}"


def template_job_rule(dashboard: Dashboard) -> Iterator[str]:
    """There is a variable `job`: several can be chosen, and all of them are `.+`."""
    yield from _choice(dashboard, "job")


def template_instance_rule(dashboard: Dashboard) -> Iterator[str]:
    """There is a variable `instance`: several can be chosen, and all of them are `.+`."""
    yield from _choice(dashboard, "instance")


def template_label_promql_rule(dashboard: Dashboard) -> Iterator[str]:
    """Variables are filled by label_values; tests/dashboards/test_queries.py has Prometheus read the selectors."""
    for variable in _queried(dashboard):
        if (
            not str(variable["definition"]).startswith("label_values(")
            or variable["query"]["query"] != variable["definition"]
        ):
            yield f"{variable['name']}: {variable['definition']}"


def template_on_time_change_reload_rule(dashboard: Dashboard) -> Iterator[str]:
    """Variables are filled anew when the time range changes."""
    for variable in _queried(dashboard):
        if variable.get("refresh") != 2:
            yield f"{variable['name']} has refresh {variable.get('refresh')}"


def panel_datasource_rule(dashboard: Dashboard) -> Iterator[str]:
    """Panels and their queries ask the data source that is chosen."""
    for panel in dashboard.panels:
        asked = [panel.json.get("datasource"), *(target.get("datasource") for target in panel.targets)]
        if any(one != DATA_SOURCE for one in asked):
            yield f"{panel.title} asks {asked}"


def panel_title_description_rule(dashboard: Dashboard) -> Iterator[str]:
    """Panels have a title and a description."""
    for panel in dashboard.panels:
        if panel.kind in DESCRIBED and not (panel.title and panel.json.get("description")):
            yield f"panel {panel.json['id']} {panel.title!r} lacks a title or a description"


def panel_units_rule(dashboard: Dashboard) -> Iterator[str]:
    """Numbers have a unit that Grafana knows, in every column of a table too."""
    for panel in dashboard.panels:
        if panel.kind in WITH_UNITS and (unknown := [unit for unit in _units(panel) if unit not in UNITS]):
            yield f"{panel.title}: {unknown}"


def panel_no_targets_rule(dashboard: Dashboard) -> Iterator[str]:
    """Panels ask something."""
    for panel in dashboard.panels:
        if not panel.targets:
            yield f"{panel.title} asks nothing"


def target_promql_rule(dashboard: Dashboard) -> Iterator[str]:
    """Queries are there; tests/dashboards/test_queries.py has Prometheus read them."""
    for panel, target in dashboard.expressions():
        if not str(target.get("expr", "")).strip():
            yield f"{panel.title} {target.get('refId')} is empty"


def target_logql_rule(dashboard: Dashboard) -> Iterator[str]:
    """No query is Loki's: all go to Prometheus."""
    for panel, target in dashboard.expressions():
        if target.get("datasource", {}).get("type") != "prometheus":
            yield f"{panel.title} {target['refId']} is not for Prometheus"


def target_logql_auto_rule(dashboard: Dashboard) -> Iterator[str]:
    """No range is Loki's `$__auto`."""
    for panel, target in dashboard.expressions():
        if "$__auto" in target["expr"]:
            yield f"{panel.title} {target['refId']} uses $__auto"


def target_rate_interval_rule(dashboard: Dashboard) -> Iterator[str]:
    """Rates over time use `$__rate_interval`; a total of the time range uses `$__range`, which is what it says."""
    for panel, target in dashboard.expressions():
        for call in range_calls(target["expr"]):
            whole = call.window == "$__range" and (target.get("instant") or "@ end()" in target["expr"])
            if call.window != "$__rate_interval" and not whole:
                yield f"{panel.title} {target['refId']}: {call.metric}[{call.window}]"


def target_job_rule(dashboard: Dashboard) -> Iterator[str]:
    """Each query matches on the job, where the series have it: recorded ones and alerts go by the server's name."""
    yield from _unbound(dashboard, "job", {"$job"})


def target_instance_rule(dashboard: Dashboard) -> Iterator[str]:
    """Each query matches on what is chosen: the server, or, in the exporter's own series, the exporter."""
    yield from _unbound(dashboard, "instance", {"$instance", "$exporter"})


def target_counter_agg_rule(dashboard: Dashboard) -> Iterator[str]:
    """Counters are only asked for within rate, irate or increase."""
    for panel, target in dashboard.expressions():
        counters = [one.metric for one in selectors(target["expr"]) if one.metric.endswith("_total")]
        if sorted(counters) != sorted(one.metric for one in range_calls(target["expr"]) if one.metric in counters):
            yield f"{panel.title} {target['refId']}: {counters}"


def uneditable_dashboard(dashboard: Dashboard) -> Iterator[str]:
    """Nobody edits in the browser what a file would overwrite."""
    if dashboard.json.get("editable") is not False:
        yield "can be edited"


RULES: dict[str, Rule] = {
    rule.__name__.replace("_", "-"): rule
    for rule in (
        template_datasource_rule,
        template_job_rule,
        template_instance_rule,
        template_label_promql_rule,
        template_on_time_change_reload_rule,
        panel_datasource_rule,
        panel_title_description_rule,
        panel_units_rule,
        panel_no_targets_rule,
        target_promql_rule,
        target_logql_rule,
        target_logql_auto_rule,
        target_rate_interval_rule,
        target_job_rule,
        target_instance_rule,
        target_counter_agg_rule,
        uneditable_dashboard,
    )
}

_NO_JOB = ("mastodon:", "ALERTS")
# Series that an expression names only to tell exporters from other targets, or joined to one that is bound.
_ONLY_JOINED = {"ALERTS_FOR_STATE", "mastodon_exporter_build_info"}


def _choice(dashboard: Dashboard, name: str) -> Iterator[str]:
    found = [variable for variable in dashboard.variables if variable["name"] == name]
    if len(found) != 1:
        yield f"{len(found)} variables {name}"
        return
    (variable,) = found
    expected = {"type": "query", "multi": True, "includeAll": True, "allValue": ".+", "datasource": DATA_SOURCE}
    for key, value in expected.items():
        if variable.get(key) != value:
            yield f"{name}: {key} is {variable.get(key)!r}"


def _queried(dashboard: Dashboard) -> list[Json]:
    return [variable for variable in dashboard.variables if variable["type"] == "query"]


def _units(panel: Panel) -> Iterator[str]:
    yield str(panel.json["fieldConfig"]["defaults"].get("unit"))
    for override in panel.json["fieldConfig"].get("overrides", []):
        yield from (one["value"] for one in override["properties"] if one["id"] == "unit")


def _unbound(dashboard: Dashboard, label: str, chosen: set[str]) -> Iterator[str]:
    for panel, target in dashboard.expressions():
        for one in selectors(target["expr"]):
            if one.metric in _ONLY_JOINED:
                continue
            pattern = (
                one.patterns.get("mastodon", "") if one.metric.startswith(_NO_JOB) else one.patterns.get(label, "")
            )
            wanted = {"$instance", "$instance|"} if one.metric.startswith(_NO_JOB) else chosen
            if pattern not in wanted:
                yield f"{panel.title} {target['refId']}: {one.metric} has {label} {pattern!r}"
