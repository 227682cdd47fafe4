"""Every query of every panel returns data, from the shipped Prometheus configuration and rules."""

import re
import time
from collections.abc import Iterator
from html import escape

import pytest

from tests.dashboards.dashboard_files import Dashboard, Json, Panel, committed, substituted
from tests.dashboards.drawing import Look, page
from tests.dashboards.sample_exporter import BROKEN, sample_exporter
from tests.dashboards.watching_prometheus import at, between, watching_prometheus

pytestmark = pytest.mark.slow

PATIENCE_SECONDS = 90.0
DASHBOARDS = committed()
WINDOWS = {"$__rate_interval": "5s", "$__interval": "1s", "$__range": "30s"}


@pytest.fixture(scope="module")
def exporter() -> Iterator[str]:
    with sample_exporter([BROKEN, "healthy"]) as address:
        yield address


@pytest.fixture(scope="module")
def prometheus(exporter: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with watching_prometheus(exporter, tmp_path_factory.mktemp("prometheus")) as url:
        yield url


def silent(prometheus: str, dashboard: Dashboard, choice: dict[str, str]) -> list[str]:
    """Return the queries that give nothing, by their panels, once all that have to have had time to."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    left = list(dashboard.expressions())
    while left and time.monotonic() < give_up:
        left = [(panel, target) for panel, target in left if not answer(prometheus, target, choice)]
        time.sleep(0.2 if left else 0)
    return [f"{panel.title} {target['refId']}: {target['expr']}" for panel, target in left]


def answer(prometheus: str, target: Json, choice: dict[str, str]) -> list[Json]:
    expression = substituted(target["expr"], {**WINDOWS, **choice})
    if target.get("instant"):
        return at(prometheus, expression)
    return between(prometheus, expression, time.time() - 30, time.time())


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard.name)
def test_every_query_returns_data_where_everything_is_chosen(prometheus: str, dashboard: Dashboard) -> None:
    assert silent(prometheus, dashboard, {}) == []


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard.name)
def test_every_query_returns_data_where_one_server_is_chosen(
    prometheus: str, exporter: str, dashboard: Dashboard
) -> None:
    choice = {
        "$instance|": f"{BROKEN}|",
        "$instance": BROKEN,
        "$exporter": exporter,
        "$job": "mastodon|mastodon_exporter",
    }
    assert silent(prometheus, dashboard, choice) == []


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard.name)
def test_a_server_that_is_not_chosen_is_not_shown(prometheus: str, dashboard: Dashboard) -> None:
    choice = {"$instance|": "healthy|", "$instance": "healthy"}
    for panel, target in dashboard.expressions():
        for series in answer(prometheus, target, choice):
            assert BROKEN not in {series["metric"].get("instance"), series["metric"].get("mastodon")}, panel.title


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard.name)
def test_every_label_that_a_legend_or_a_column_names_is_there(prometheus: str, dashboard: Dashboard) -> None:
    silent(prometheus, dashboard, {})
    for panel, target in dashboard.expressions():
        named = set(re.findall(r"{{(\w+)}}", target.get("legendFormat", "")))
        for series in answer(prometheus, target, {}):
            assert named <= series["metric"].keys(), panel.title
    for panel in dashboard.panels:
        labels = {
            label for target in panel.targets for one in answer(prometheus, target, {}) for label in one["metric"]
        }
        assert columns(panel) <= labels, panel.title


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard.name)
def test_every_panel_can_be_drawn(prometheus: str, dashboard: Dashboard) -> None:
    drawn = drawn_whole(prometheus, dashboard)
    assert [panel.title for panel in dashboard.everything if escape(panel.title) not in drawn] == []
    assert "No data" not in drawn


def drawn_whole(prometheus: str, dashboard: Dashboard) -> str:
    """Return the dashboard as it is drawn once every panel has data, or at the end of all patience."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while True:
        drawn = page(dashboard, Look(prometheus, time.time() - 30, time.time(), {}))
        if "No data" not in drawn or time.monotonic() > give_up:
            return drawn
        time.sleep(0.5)


def columns(panel: Panel) -> set[str]:
    """Return the labels that are columns of a table."""
    organised = [one["options"] for one in panel.json.get("transformations", []) if one["id"] == "organize"]
    return {name for options in organised for name in options["renameByName"] if not name.startswith("Value")}
