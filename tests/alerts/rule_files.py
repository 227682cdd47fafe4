"""The rules and their tests as promtool reads them, for tests about them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
RULE_FILES = sorted((ROOT / "alerts").glob("*.yml"))
TEST_FILES = sorted(Path(__file__).parent.glob("*.yml"))

_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_STRING = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'[^']*'")
_SELECTOR = re.compile(r"\b((?:mastodon|probe)[a-z0-9_:]+|up|ALERTS)\b(\{[^}]*\})?")
_MATCHER = re.compile(r"(\w+) *(?:=~|!~|!=|=)")


@dataclass(frozen=True)
class Alert:
    """One alerting rule; `waits` is its `for`, "" where it has none."""

    name: str
    expression: str
    waits: str
    labels: dict[str, str]
    annotations: dict[str, str]

    @property
    def severity(self) -> str:
        return self.labels["severity"]


@dataclass(frozen=True)
class Selector:
    """A metric as a rule names it, with the labels that it is asked for."""

    metric: str
    labels: frozenset[str]


@dataclass(frozen=True)
class Expected:
    """What a test expects of an alert at a time: the severities that fire."""

    test: str
    alert: str
    at_seconds: int
    step_seconds: int
    severities: frozenset[str]


def _groups() -> Iterator[dict[str, Any]]:
    for path in RULE_FILES:
        yield from yaml.safe_load(path.read_text())["groups"]


GROUPS = tuple(_groups())
ALERTS = tuple(
    Alert(rule["alert"], rule["expr"], rule.get("for", ""), rule["labels"], rule["annotations"])
    for group in GROUPS
    for rule in group["rules"]
    if "alert" in rule
)
"""The alerts in the order of the files."""

RECORDED = {rule["record"]: rule["expr"] for group in GROUPS for rule in group["rules"] if "record" in rule}
"""The recording rules' expressions by name."""


def selectors(expression: str) -> set[Selector]:
    """Return the metrics that an expression names."""
    return {
        Selector(metric, frozenset(_MATCHER.findall(matchers)))
        for metric, matchers in _SELECTOR.findall(_STRING.sub("", expression))
    }


def queries(alert: Alert) -> str:
    """Return the queries in an alert's description."""
    description = alert.annotations["description"]
    quoted = re.findall(r'(?:printf|query) "((?:[^"\\]|\\.)*)"', description)
    return " ".join(quoted).replace("%q", "''")


def _expectations() -> Iterator[Expected]:
    for path in TEST_FILES:
        for test in yaml.safe_load(path.read_text())["tests"]:
            for one in test.get("alert_rule_test", ()):
                severities = frozenset(fired["exp_labels"]["severity"] for fired in one.get("exp_alerts", ()))
                at, step = _seconds(one["eval_time"]), _seconds(test["interval"])
                yield Expected(test["name"], one["alertname"], at, step, severities)


def _seconds(text: str) -> int:
    return sum(int(number) * _UNIT_SECONDS[unit] for number, unit in re.findall(r"(\d+)([smhd])", text))


EXPECTATIONS = tuple(_expectations())
"""What the tests expect of alerts."""
