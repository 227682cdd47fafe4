"""Every query is one that Prometheus reads, and asks for series that there are."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry, ProcessCollector

from tests.dashboards.dashboard_files import Dashboard, committed, substituted
from tests.dashboards.promql import selectors
from tests.programs import need_program

ROOT = Path(__file__).parents[2]
GOLDEN = sorted((ROOT / "tests" / "golden").glob("*.prom"))
OF_PROMETHEUS = {"ALERTS", "ALERTS_FOR_STATE", "up", "scrape_duration_seconds"}
DASHBOARDS = committed()
BY_NAME = pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard.name)


def every_expression(dashboard: Dashboard) -> Iterator[str]:
    """Yield what panels, annotations and variables ask."""
    yield from (target["expr"] for _, target in dashboard.expressions())
    yield from (annotation["expr"] for annotation in dashboard.json["annotations"]["list"])
    for variable in dashboard.variables:
        if found := re.fullmatch(r"label_values\((.+), \w+\)", variable.get("definition", "")):
            yield found[1]


def exposed_metrics() -> set[str]:
    page = (ROOT / "docs" / "metrics.md").read_text()
    listed = set(re.findall(r"^\| `(\w+)", page, re.MULTILINE))
    golden = {name for path in GOLDEN for name in re.findall(r"^# TYPE (\w+)", path.read_text(), re.MULTILINE)}
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    own = {sample.name for family in registry.collect() for sample in family.samples}
    return listed | golden | own


def recorded_metrics() -> set[str]:
    groups = yaml.safe_load((ROOT / "alerts" / "recording.yml").read_text())["groups"]
    return {rule["record"] for group in groups for rule in group["rules"]}


@BY_NAME
def test_every_metric_that_is_asked_for_is_exposed_or_recorded(dashboard: Dashboard) -> None:
    known = exposed_metrics() | recorded_metrics() | OF_PROMETHEUS
    asked = {one.metric for expression in every_expression(dashboard) for one in selectors(expression) if one.metric}
    assert asked
    assert asked - known == set()


@BY_NAME
def test_every_metric_that_a_variable_names_is_exposed(dashboard: Dashboard) -> None:
    named = [name for text in every_expression(dashboard) for name in re.findall(r'__name__=~"([\w|]+)"', text)]
    assert named
    assert {name for names in named for name in names.split("|")} - exposed_metrics() == set()


def test_prometheus_reads_every_query(tmp_path: Path) -> None:
    expressions = [expression for dashboard in DASHBOARDS for expression in every_expression(dashboard)]
    rules = [
        {"record": f"query:{number}", "expr": substituted(expression)} for number, expression in enumerate(expressions)
    ]
    path = tmp_path / "queries.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    arguments = [need_program("promtool"), "check", "rules", str(path)]
    result = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"{len(expressions)} rules found" in result.stdout


@BY_NAME
def test_no_variable_is_left_that_grafana_would_not_know(dashboard: Dashboard) -> None:
    left = [text for text in map(substituted, every_expression(dashboard)) if re.search(r"\$[a-z_{]", text)]
    assert left == []


@BY_NAME
def test_every_command_that_a_description_names_exists(dashboard: Dashboard) -> None:
    for panel in dashboard.panels:
        for line in re.findall(r"`(mastodon-(?:exporter|remedy) [\w -]+)`", panel.json["description"]):
            assert _is_command(line), line


def _is_command(line: str) -> bool:
    """Tell whether docs/commands.md, which is written from the help texts, has the command and its options."""
    names = [word for word in line.split() if not word.startswith("-")]
    options = [word for word in line.split() if word.startswith("-")]
    section = (
        (ROOT / "docs" / "commands.md").read_text().partition(f"\n## {' '.join(names)}\n")[2].partition("\n## ")[0]
    )
    return bool(section) and all(f"{option} " in section for option in options)
