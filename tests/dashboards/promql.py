"""As much of PromQL as tells which series an expression asks for."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
_WINDOW = re.compile(r"\[[^\]]*\]")
_STRING = r'"(?:[^"\\]|\\.)*"'
_SELECTOR = rf"(?P<metric>[a-zA-Z_:][\w:]*)?(?P<matchers>\{{(?:[^{{}}\"]|{_STRING})*\}})?"
_MATCHER = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"')
_RANGE_CALL = re.compile(r"\b(rate|irate|increase)\((?P<selector>[\w:]+(?:\{[^{}]*\})?)\[(?P<window>[^\]]*)\]")
_NOT_METRICS = {"bool", "and", "or", "unless", "offset", "start", "end"}


@dataclass(frozen=True)
class Selector:
    """Series that an expression asks for: their metric, and what each label is compared with, however."""

    metric: str
    patterns: dict[str, str]


@dataclass(frozen=True)
class RangeCall:
    """A call of rate, irate or increase."""

    metric: str
    window: str


def selectors(expression: str) -> Iterator[Selector]:
    """Yield the series that the expression asks for, in their order."""
    bare = _WINDOW.sub(" ", _GROUPING.sub(" ", expression))
    for match in re.finditer(rf"{_STRING}|{_SELECTOR}", bare):
        metric, matchers = match["metric"], match["matchers"]
        if not (metric or matchers) or _is_no_metric(metric, bare[match.end() :]):
            continue
        yield Selector(metric or "", dict(_MATCHER.findall(matchers or "")))


def range_calls(expression: str) -> list[RangeCall]:
    """Return every call of rate, irate or increase in the expression."""
    return [
        RangeCall(match["selector"].partition("{")[0], match["window"]) for match in _RANGE_CALL.finditer(expression)
    ]


def _is_no_metric(metric: str | None, following: str) -> bool:
    """Tell functions, operators and the letters in durations from names of metrics."""
    if metric is None:
        return False
    return following.lstrip().startswith("(") or metric in _NOT_METRICS or len(metric) == 1
