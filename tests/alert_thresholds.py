"""Which numbers of alerts/source/thresholds.yml each alert depends on."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from scripts.alert_rules import percent, read_thresholds, render, words

Key: TypeAlias = tuple[str | int, ...]

# Addresses and the names of Prometheus' jobs are no thresholds.
_NO_NUMBERS = ("links", "prometheus")
_RULE = re.compile(r"^ +- alert: (\w+)\n(.*?)(?=^ +- (?:alert|record|name): |\Z)", re.MULTILINE | re.DOTALL)
# How long an alert goes on after its cause has gone is no condition for it; nor are comments.
_UNTOLD = re.compile(r"^ *(?:#|keep_firing_for:).*\n", re.MULTILINE)
_DURATION = re.compile(r"\d+[smhd]")


def thresholds_by_alert() -> dict[str, set[str]]:
    """Return each alert's thresholds as pages write them.

    Found by trying: a number is an alert's if the alert is another one when the number is.
    """
    thresholds = read_thresholds()
    before = _rules(thresholds)
    found: dict[str, set[str]] = {alert: set() for alert, _ in before}
    for key, value in _numbers({name: part for name, part in thresholds.items() if name not in _NO_NUMBERS}):
        after = _rules(_replaced(thresholds, key, _other_than(value)))
        for alert, _ in before ^ after:
            found[alert].add(spelt(str(key[-1]), value))
    return found


def spelt(name: str, value: Any) -> str:
    """Return a number as pages write it; its name tells the unit."""
    if _DURATION.fullmatch(str(value)):
        return words(value)
    if "share" in name or name == "objective":
        return percent(value)
    if name.endswith("_bytes"):
        return f"{float(value) / 1e6:g} MB"
    return f"{value:g} days" if name.endswith("_days") else f"{value:g}"


def _rules(thresholds: Mapping[str, Any]) -> set[tuple[str, str]]:
    return {found for text in render(thresholds).values() for found in _RULE.findall(_UNTOLD.sub("", text))}


def _numbers(value: Any, key: Key = ()) -> Iterator[tuple[Key, Any]]:
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from _numbers(part, (*key, name))
    elif isinstance(value, list):
        for place, part in enumerate(value):
            yield from _numbers(part, (*key, place))
    else:
        yield key, value


def _replaced(value: Any, key: Key, new: Any) -> Any:
    if not key:
        return new
    first, rest = key[0], key[1:]
    copy: Any = value.copy()
    copy[first] = _replaced(value[first], rest, new)
    return copy


def _other_than(value: Any) -> Any:
    """Return another value of the same kind, in the same unit."""
    if isinstance(value, str):
        return re.sub(r"^\d+", lambda number: str(int(number[0]) + 1), value)
    return value + 1 if isinstance(value, int) else value * 0.99
