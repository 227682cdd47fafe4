"""The committed dashboards, read as Grafana would read them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "dashboards"

Json = dict[str, Any]

# What stands for the variables where an expression has to be one that Prometheus understands.
_SUBSTITUTES = {
    "$__rate_interval": "5m",
    "$__interval": "1m",
    "$__range": "1h",
    "$instance|": ".+|",
    "$job": ".+",
    "$instance": ".+",
    "$exporter": ".*",
    "$check": ".+",
}


@dataclass(frozen=True)
class Panel:
    """A panel of a dashboard, rows included; `json` is all of it."""

    json: Json

    @property
    def title(self) -> str:
        return str(self.json.get("title", ""))

    @property
    def kind(self) -> str:
        return str(self.json["type"])

    @property
    def targets(self) -> list[Json]:
        return list(self.json.get("targets", []))


@dataclass(frozen=True)
class Dashboard:
    """A committed dashboard; `json` is all of it."""

    name: str
    json: Json

    @property
    def everything(self) -> list[Panel]:
        """Every panel, rows and what is folded into them included."""
        return list(_unfolded(self.json["panels"]))

    @property
    def panels(self) -> list[Panel]:
        """Every panel that shows something."""
        return [panel for panel in self.everything if panel.kind != "row"]

    @property
    def variables(self) -> list[Json]:
        return list(self.json["templating"]["list"])

    def expressions(self) -> Iterator[tuple[Panel, Json]]:
        """Yield every query with its panel."""
        for panel in self.panels:
            for target in panel.targets:
                yield panel, target


def committed() -> list[Dashboard]:
    """Return every dashboard that Grafana is given."""
    return [Dashboard(path.stem, json.loads(path.read_text())) for path in sorted(FOLDER.glob("*.json"))]


def substituted(expression: str, substitutes: dict[str, str] | None = None) -> str:
    """Return the expression with every variable of Grafana's replaced."""
    for variable, value in {**_SUBSTITUTES, **(substitutes or {})}.items():
        expression = expression.replace(variable, value)
    return expression


def _unfolded(panels: list[Json]) -> Iterator[Panel]:
    for panel in panels:
        yield Panel(panel)
        yield from _unfolded(panel.get("panels", []))
