"""How the dashboards lie on the screen, are named, and lead to each other."""

import re
from itertools import combinations
from pathlib import Path

import pytest

from dashboards.source.page import SCHEMA_VERSION
from tests.dashboards.dashboard_files import Dashboard, Json, Panel, committed

ALERTS = Path(__file__).parents[2] / "alerts"
DASHBOARDS = committed()
BY_NAME = pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard.name)


def overlap(one: Panel, other: Panel) -> bool:
    first, second = one.json["gridPos"], other.json["gridPos"]
    beside = first["x"] + first["w"] <= second["x"] or second["x"] + second["w"] <= first["x"]
    above = first["y"] + first["h"] <= second["y"] or second["y"] + second["h"] <= first["y"]
    return not (beside or above)


def addresses(dashboard: Dashboard) -> list[str]:
    """Return every address that a click leads to."""
    overrides = [one for panel in dashboard.panels for one in panel.json["fieldConfig"].get("overrides", [])]
    properties = [one for override in overrides for one in override["properties"] if one["id"] == "links"]
    found = [link for panel in dashboard.panels for link in panel.json.get("links", [])]
    return [link["url"] for link in [*found, *(link for one in properties for link in one["value"])]]


def test_there_are_five() -> None:
    names = ("overview", "instance", "federation", "remedies", "exporter")
    assert {dashboard.name for dashboard in DASHBOARDS} == {f"mastodon-{name}" for name in names}


@BY_NAME
def test_the_identifier_is_the_name_of_the_file_and_short_enough_for_grafana(dashboard: Dashboard) -> None:
    assert dashboard.json["uid"] == dashboard.name
    assert len(dashboard.name) <= 40


def test_no_two_have_one_title() -> None:
    titles = [dashboard.json["title"] for dashboard in DASHBOARDS]
    assert len(set(titles)) == len(titles)


@BY_NAME
def test_the_version_of_the_model_is_pinned(dashboard: Dashboard) -> None:
    assert dashboard.json["schemaVersion"] == SCHEMA_VERSION == 42


@BY_NAME
def test_every_panel_has_a_number_of_its_own(dashboard: Dashboard) -> None:
    numbers = [panel.json["id"] for panel in dashboard.everything]
    assert len(set(numbers)) == len(numbers)


@BY_NAME
def test_every_query_of_a_panel_has_a_name_of_its_own(dashboard: Dashboard) -> None:
    for panel in dashboard.panels:
        names = [target["refId"] for target in panel.targets]
        assert len(set(names)) == len(names), panel.title


@BY_NAME
def test_no_panel_covers_another_or_leaves_the_grid(dashboard: Dashboard) -> None:
    for one, other in combinations(dashboard.everything, 2):
        assert not overlap(one, other), (one.title, other.title)
    for panel in dashboard.everything:
        place = panel.json["gridPos"]
        assert 0 <= place["x"] < place["x"] + place["w"] <= 24, panel.title


@BY_NAME
def test_the_state_stands_first(dashboard: Dashboard) -> None:
    top = [panel for panel in dashboard.everything if panel.json["gridPos"]["y"] == 0]
    assert [panel.kind for panel in top] == ["stat"] * 6


@BY_NAME
def test_nothing_is_repeated_for_each_instance(dashboard: Dashboard) -> None:
    assert [panel.title for panel in dashboard.everything if panel.json.get("repeat")] == []


@BY_NAME
def test_numbers_that_cannot_be_negative_are_drawn_from_0(dashboard: Dashboard) -> None:
    drawn = [panel for panel in dashboard.panels if panel.kind in {"stat", "timeseries", "bargauge"}]
    assert [panel.title for panel in drawn if panel.json["fieldConfig"]["defaults"].get("min") != 0] == []


@BY_NAME
def test_the_set_is_one_list_that_keeps_time_and_choice(dashboard: Dashboard) -> None:
    assert dashboard.json["tags"] == ["mastodon"]
    (link,) = dashboard.json["links"]
    expected: Json = {"type": "dashboards", "tags": ["mastodon"], "includeVars": True, "keepTime": True}
    assert {key: link[key] for key in expected} == expected


@BY_NAME
def test_links_lead_to_dashboards_of_the_set_and_carry_time_and_data_source(dashboard: Dashboard) -> None:
    for address in addresses(dashboard):
        assert re.match(r"/d/([\w-]+)\?", address)[1] in {one.name for one in DASHBOARDS}  # type: ignore[index] # fails as it should
        assert "${__url_time_range}" in address
        assert "${datasource:queryparam}" in address


def test_alerts_lead_to_dashboards_of_the_set_and_choose_by_names_they_know() -> None:
    rules = "".join(path.read_text() for path in sorted(ALERTS.glob("*.yml")))
    led_to = set(re.findall(r"dashboard_url: .*?/d/([\w-]+)(?:.*?var-(\w+)=)?", rules))
    assert led_to
    by_name = {dashboard.name: [variable["name"] for variable in dashboard.variables] for dashboard in DASHBOARDS}
    assert [(name, choice) for name, choice in led_to if choice and choice not in by_name[name]] == []
    assert {name for name, _ in led_to} <= by_name.keys()


def test_choices_mean_the_same_everywhere_so_that_links_can_carry_them() -> None:
    meanings: dict[str, set[str]] = {}
    for dashboard in DASHBOARDS:
        for variable in dashboard.variables:
            meanings.setdefault(variable["name"], set()).add(str(variable.get("definition")))
    assert {name: len(found) for name, found in meanings.items()} == dict.fromkeys(meanings, 1)


@BY_NAME
def test_every_table_column_that_is_shown_or_sorted_by_is_one_of_the_table(dashboard: Dashboard) -> None:
    for panel in dashboard.panels:
        if panel.kind == "table":
            organised = next(one for one in panel.json["transformations"] if one["id"] == "organize")["options"]
            shown = set(organised["renameByName"].values())
            assert {one["matcher"]["options"] for one in panel.json["fieldConfig"]["overrides"]} <= shown
            assert {one["displayName"] for one in panel.json["options"]["sortBy"]} <= shown
            values = {name.partition("#")[2] for name in organised["renameByName"] if name.startswith("Value #")}
            assert values <= {target["refId"] for target in panel.targets}
