"""The alerts tell what a person needs, name what there is, and are each tested."""

import re
from collections import Counter
from collections.abc import Iterable

import pytest

from scripts import alert_rules
from tests.alerts.rule_files import ALERTS, EXPECTATIONS, GROUPS, RECORDED, ROOT, Alert, Expected, queries, selectors

PAGE = (ROOT / "docs" / "alerts.md").read_text()
SEVERITIES = ("critical", "warning", "info")
WATCHDOG = "Watchdog"
EVERY = [pytest.param(alert, id=f"{alert.name}-{alert.severity}") for alert in ALERTS if alert.name != WATCHDOG]

TARGET_LABELS = {"job", "instance", "exporter"}
RENAMED = {"job": "exported_job"}
"""What Prometheus calls a metric's label whose name a target's label has."""


def fires(alert: Alert) -> Iterable[Expected]:
    """Return where the tests expect an alert to fire with its severity."""
    return [one for one in EXPECTATIONS if one.alert == alert.name and alert.severity in one.severities]


def silent(alert: Alert) -> Iterable[Expected]:
    """Return where the tests expect an alert not to fire with its severity."""
    return [one for one in EXPECTATIONS if one.alert == alert.name and alert.severity not in one.severities]


@pytest.mark.parametrize("alert", EVERY)
def test_an_alert_is_tested_to_fire_at_the_end_of_its_wait_and_not_a_step_before(alert: Alert) -> None:
    a_step_later = {(one.test, one.at_seconds + one.step_seconds) for one in silent(alert)}
    assert [one for one in fires(alert) if (one.test, one.at_seconds) in a_step_later]


@pytest.mark.parametrize("alert", EVERY)
def test_an_alert_is_tested_to_be_silent_while_all_is_well(alert: Alert) -> None:
    assert [one for one in silent(alert) if one.test.startswith("Nothing ")]


@pytest.mark.parametrize("alert", EVERY)
def test_what_becomes_of_an_alert_when_its_series_vanish_is_tested(alert: Alert) -> None:
    assert [one for one in fires(alert) if "vanished" in one.test]


@pytest.mark.parametrize("alert", EVERY)
def test_an_alert_is_named_after_what_is_wrong(alert: Alert) -> None:
    assert re.fullmatch(r"Mastodon[A-Z][A-Za-z]+[a-z]", alert.name)
    assert len(alert.name) <= 40


@pytest.mark.parametrize("alert", EVERY)
def test_a_rule_adds_no_label_but_one_of_three_severities(alert: Alert) -> None:
    assert set(alert.labels) == {"severity"}
    assert alert.severity in SEVERITIES


@pytest.mark.parametrize("alert", EVERY)
def test_the_summary_is_one_sentence_without_values(alert: Alert) -> None:
    assert re.fullmatch(r"[A-Z][^{}.]+\.", alert.annotations["summary"])


@pytest.mark.parametrize("alert", EVERY)
def test_the_description_names_whom_it_is_about_and_the_first_command(alert: Alert) -> None:
    assert re.search(r"\$labels\.(mastodon|exporter)\b", alert.annotations["description"])
    assert re.search(r"First(, on [a-z' ]+)?: \S", alert.annotations["description"])


@pytest.mark.parametrize("alert", EVERY)
def test_an_alert_links_its_page_and_a_dashboard(alert: Alert) -> None:
    assert set(alert.annotations) == {"summary", "description", "runbook_url", "dashboard_url"}
    assert alert.annotations["runbook_url"].endswith(f"/{alert.name}.md")
    (dashboard,) = re.findall(r"/d/([\w-]+)", alert.annotations["dashboard_url"])
    assert (ROOT / "dashboards" / f"{dashboard}.json").exists()


@pytest.mark.parametrize("alert", EVERY)
def test_an_alert_waits_unless_its_expression_looks_back(alert: Alert) -> None:
    assert alert.waits or re.search(r"\[\d+[smhd]\]|:increase\b", alert.expression)


def test_the_watchdog_always_fires_and_nobody_is_woken_by_it() -> None:
    (watchdog,) = (alert for alert in ALERTS if alert.name == WATCHDOG)
    assert (watchdog.expression, watchdog.waits, watchdog.severity) == ("vector(1)", "", "none")


def test_no_alert_is_there_twice_with_the_same_severity() -> None:
    counted = Counter((alert.name, alert.severity) for alert in ALERTS)
    assert [one for one, times in counted.items() if times > 1] == []


def test_groups_are_small_and_their_names_short() -> None:
    assert [group["name"] for group in GROUPS if len(group["rules"]) > 20 or len(group["name"]) > 40] == []


def test_what_is_recorded_is_named_by_level_metric_and_operation() -> None:
    assert [name for name in RECORDED if not re.fullmatch(r"mastodon:[a-z0-9_]+:[a-z0-9_]+", name)] == []


def test_no_part_is_told_before_the_whole_and_none_ends_before_the_other_begins() -> None:
    thresholds = alert_rules.read_thresholds()
    server_seconds, part_seconds, hold_seconds = (
        alert_rules.seconds(thresholds[section][name])
        for section, name in (("availability", "server_for"), ("availability", "part_for"), ("alerting", "hold"))
    )
    assert server_seconds < part_seconds <= hold_seconds


def test_every_metric_that_a_rule_names_is_there_with_the_labels_that_it_asks_for() -> None:
    texts = [*RECORDED.values(), *(alert.expression for alert in ALERTS), *map(queries, ALERTS)]
    named = {one for text in texts for one in selectors(text) if one.metric not in RECORDED}
    there = _documented()
    assert {one.metric for one in named} - set(there) == set()
    assert [one for one in named if not one.labels <= there[one.metric]] == []


def test_every_recorded_series_is_used_by_a_rule_or_a_dashboard() -> None:
    dashboards = [path.read_text() for path in (ROOT / "dashboards").glob("*.json")]
    used = " ".join([*dashboards, *RECORDED.values(), *(alert.expression for alert in ALERTS)])
    assert [name for name in RECORDED if name not in used] == []


def test_the_page_has_one_row_for_each_alert() -> None:
    rows = re.findall(r"^\| \[.*", PAGE, re.MULTILINE)
    assert sorted(rows) == sorted(map(_row, {alert.name for alert in ALERTS}))


def _documented() -> dict[str, set[str]]:
    """Return the labels of each metric in docs/metrics.md, as Prometheus has them."""
    rows = re.findall(r"^\| `(\w+)(?:\{([\w,]*)\})?` \|", (ROOT / "docs" / "metrics.md").read_text(), re.MULTILINE)
    labels = {name: {RENAMED.get(label, label) for label in text.split(",")} for name, text in rows}
    return {name: own | TARGET_LABELS for name, own in labels.items()} | {"up": TARGET_LABELS}


def _row(name: str) -> str:
    same = [alert for alert in ALERTS if alert.name == name]
    severities = ", ".join(alert.severity for alert in same)
    after = ", ".join(dict.fromkeys(alert.waits or "at once" for alert in same))
    return f"| [{name}](runbooks/{name}.md) | {severities} | {after} | {same[-1].annotations['summary']} |"
