"""Writes alerts/*.yml from alerts/source: the templates with the numbers of thresholds.yml in them.

Run it with `make monitoring`; tests/alerts/test_alerts.py fails where a file is not what this writes.
"""

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

ALERTS = Path(__file__).parents[1] / "alerts"
SOURCE = ALERTS / "source"
THRESHOLDS = SOURCE / "thresholds.yml"

Thresholds: TypeAlias = Mapping[str, Mapping[str, Any]]

_HEAD = "# Written from alerts/source/{name}.j2 and alerts/source/thresholds.yml by `make monitoring`: edit those.\n"
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(\d+)([smhd])")


def read_thresholds(path: Path = THRESHOLDS) -> Thresholds:
    """Return the numbers by section and name."""
    thresholds: Thresholds = yaml.safe_load(path.read_text())
    return thresholds


def render(thresholds: Thresholds) -> dict[str, str]:
    """Return the text of each file of rules by its name; raises UndefinedError for a number that is not there."""
    # Prometheus' own templates keep {{ }}, and PromQL its [5m].
    environment = Environment(  # noqa: S701  # YAML, not HTML
        loader=FileSystemLoader(SOURCE),
        undefined=StrictUndefined,
        variable_start_string="<<",
        variable_end_string=">>",
        block_start_string="<%",
        block_end_string="%>",
        comment_start_string="<#",
        comment_end_string="#>",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"seconds": seconds, "percent": percent, "words": words}
    names = sorted(path.name.removesuffix(".j2") for path in SOURCE.glob("*.yml.j2"))
    return {name: _HEAD.format(name=name) + environment.get_template(f"{name}.j2").render(thresholds) for name in names}


def write(folder: Path, thresholds: Thresholds) -> None:
    """Write the files into a folder that is there."""
    for name, text in render(thresholds).items():
        (folder / name).write_text(text)


def seconds(duration: str) -> int:
    """Return the seconds of a duration such as 5m."""
    number, unit = _parts(duration)
    return number * _UNIT_SECONDS[unit]


def percent(share: float) -> str:
    """Return a share as people read it: 5 % for 0.05."""
    return f"{share * 100:g} %"


def words(duration: str) -> str:
    """Return a duration as people read it: 5 minutes for 5m."""
    number, unit = _parts(duration)
    name = {"s": "second", "m": "minute", "h": "hour", "d": "day"}[unit]
    return f"{number} {name}" if number == 1 else f"{number} {name}s"


def _parts(duration: str) -> tuple[int, str]:
    match = _DURATION.fullmatch(duration)
    if match is None:
        raise ValueError(f"{duration!r} is no duration: write a whole number and one of s, m, h, d, such as 5m")
    return int(match[1]), match[2]


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else ALERTS, read_thresholds())
