"""What Grafana's dashboard-linter demands, by its names, holds on every dashboard."""

import copy
from collections.abc import Callable

import pytest

from tests.dashboards.dashboard_files import Dashboard, Json, committed
from tests.dashboards.linter_rules import RULES


def _variable(name: str, key: str, value: object) -> Callable[[Json], None]:
    def spoil(dashboard: Json) -> None:
        next(one for one in dashboard["templating"]["list"] if one["name"] == name)[key] = value

    return spoil


def _panel(key: str, value: object) -> Callable[[Json], None]:
    def spoil(dashboard: Json) -> None:
        _first_panel(dashboard)[key] = value

    return spoil


def _query(key: str, value: object) -> Callable[[Json], None]:
    def spoil(dashboard: Json) -> None:
        _first_panel(dashboard)["targets"][0][key] = value

    return spoil


def _first_panel(dashboard: Json) -> Json:
    panel: Json = dashboard["panels"][0]
    return panel


def _unit(dashboard: Json) -> None:
    _first_panel(dashboard)["fieldConfig"]["defaults"]["unit"] = "parsecs-per-fortnight"


def _uneditable(dashboard: Json) -> None:
    dashboard["editable"] = True


SPOILED: dict[str, Callable[[Json], None]] = {
    "template-datasource-rule": _variable("datasource", "name", "prometheus"),
    "template-job-rule": _variable("job", "allValue", ""),
    "template-instance-rule": _variable("instance", "multi", False),
    "template-label-promql-rule": _variable("job", "definition", "up{"),
    "template-on-time-change-reload-rule": _variable("job", "refresh", 1),
    "panel-datasource-rule": _panel("datasource", {"type": "prometheus", "uid": "P1"}),
    "panel-title-description-rule": _panel("description", ""),
    "panel-units-rule": _unit,
    "panel-no-targets-rule": _panel("targets", []),
    "target-promql-rule": _query("expr", " "),
    "target-logql-rule": _query("datasource", {"type": "loki"}),
    "target-logql-auto-rule": _query("expr", "rate({job=~'$job'}[$__auto])"),
    "target-rate-interval-rule": _query("expr", 'rate(a_total{job=~"$job", instance=~"$instance"}[5m])'),
    "target-job-rule": _query("expr", 'up{job="mastodon", instance=~"$instance"}'),
    "target-instance-rule": _query("expr", 'mastodon:check_up:majority{check="web"}'),
    "target-counter-agg-rule": _query("expr", 'sum(a_total{job=~"$job", instance=~"$instance"})'),
    "uneditable-dashboard": _uneditable,
}


@pytest.mark.parametrize("dashboard", committed(), ids=lambda dashboard: dashboard.name)
@pytest.mark.parametrize("rule", RULES)
def test_every_dashboard_keeps_the_rule(rule: str, dashboard: Dashboard) -> None:
    assert list(RULES[rule](dashboard)) == []


@pytest.mark.parametrize("rule", RULES)
def test_the_rule_complains_where_it_is_broken(rule: str) -> None:
    spoiled = copy.deepcopy(committed()[0].json)
    SPOILED[rule](spoiled)
    assert list(RULES[rule](Dashboard("spoiled", spoiled)))


def test_all_seventeen_rules_are_there() -> None:
    assert len(RULES) == 17
