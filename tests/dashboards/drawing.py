"""Draws the dashboards as a page, roughly as Grafana would, from a Prometheus that runs: a look at what they tell.

python -m tests.dashboards.drawing http://127.0.0.1:9090 FOLDER [MINUTES [SERVER]]
"""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

from tests.dashboards.dashboard_files import Dashboard, Json, Panel, committed, substituted
from tests.dashboards.drawing_marks import Canvas, Colouring, areas, blocks, lines
from tests.dashboards.watching_prometheus import at, between

_ROW_PIXELS, _WIDTH_PIXELS = 38, 1560
_STYLE = """
body { background: #111217; color: #ccccdc; font: 12px sans-serif; margin: 12px; width: 1560px }
h1 { font-size: 18px } main { position: relative }
section { position: absolute; box-sizing: border-box; padding: 4px; overflow: hidden }
section > div { background: #181b1f; border: 1px solid #2c3038; height: 100%; padding: 6px }
section > div { box-sizing: border-box; overflow: hidden }
section.row > div { background: none; border: 0; font-weight: bold; font-size: 14px }
h2 { font-size: 12px; margin: 0 0 4px }
.number { font-size: 30px; text-align: center; border-radius: 4px; padding: 12px 0; color: #fff }
table { border-collapse: collapse; width: 100% }
td, th { padding: 3px 6px; border-bottom: 1px solid #2c3038; text-align: left }
.legend { font-size: 11px } svg { display: block } .none { color: #888; padding-top: 20px; text-align: center }
"""


@dataclass(frozen=True)
class Look:
    """Whom to ask, about which stretch of time, and what is chosen."""

    prometheus: str
    start: float
    end: float
    choice: dict[str, str]

    def ask(self, target: Json) -> list[Json]:
        """Return the series that answer a panel's query, each with its values and what its legend says."""
        seconds = self.end - self.start
        windows = {"$__rate_interval": "1m", "$__interval": "5s", "$__range": f"{seconds:.0f}s"}
        expression = substituted(target["expr"], {**windows, **self.choice})
        if target.get("instant"):
            found = [{**one, "values": [one["value"]]} for one in at(self.prometheus, expression)]
        else:
            found = between(self.prometheus, expression, self.start, self.end)
        return [{**one, "legend": _legend(target.get("legendFormat", ""), one["metric"])} for one in found]


def page(dashboard: Dashboard, look: Look) -> str:
    """Return a dashboard as HTML."""
    panels = "".join(_placed(panel, look) for panel in dashboard.everything)
    lowest = max(panel.json["gridPos"]["y"] + panel.json["gridPos"]["h"] for panel in dashboard.everything)
    head = f"<h1>{escape(dashboard.json['title'])}</h1><p>{escape(dashboard.json['description'])}</p>"
    return f"<style>{_STYLE}</style>{head}<main style='height:{lowest * _ROW_PIXELS}px'>{panels}</main>"


def _legend(pattern: str, labels: dict[str, str]) -> str:
    for label, value in labels.items():
        pattern = pattern.replace(f"{{{{{label}}}}}", value)
    return pattern or ", ".join(labels.values())


def _placed(panel: Panel, look: Look) -> str:
    place = panel.json["gridPos"]
    left, width = (place[name] * _WIDTH_PIXELS / 24 for name in "xw")
    top, height = (place[name] * _ROW_PIXELS for name in "yh")
    box = f"left:{left}px;top:{top}px;width:{width}px;height:{height}px"
    if panel.kind == "row":
        return f"<section class=row style='{box}'><div>{escape(panel.title)}</div></section>"
    drawn = _drawn(panel, look, (width - 24, height - 60)) or "<div class=none>No data</div>"
    return f"<section style='{box}'><div><h2>{escape(panel.title)}</h2>{drawn}</div></section>"


def _drawn(panel: Panel, look: Look, inner: tuple[float, float]) -> str:
    if panel.kind == "table":
        return "".join(_table(panel, look))
    series = [one for target in panel.targets for one in look.ask(target)]
    defaults = panel.json["fieldConfig"]["defaults"]
    colouring = Colouring.of(defaults)
    canvas = Canvas(look.start, look.end, *inner)
    if panel.kind == "stat":
        return "".join(_number(one, colouring) for one in series)
    if panel.kind == "state-timeline":
        return blocks(series, colouring, canvas)
    if panel.kind == "bargauge":
        return "".join(_bar(one, colouring) for one in series)
    stacked = defaults["custom"].get("stacking", {}).get("mode") == "normal"
    return (areas if stacked else lines)(series, defaults["unit"], canvas)


def _number(series: Json, colouring: Colouring) -> str:
    text, colour = colouring.of_value(series["values"][-1][1])
    return f"<div class=number style='background:{colour}'>{escape(text)}</div>"


def _bar(series: Json, colouring: Colouring) -> str:
    text, colour = colouring.of_value(series["values"][-1][1])
    share = min(float(series["values"][-1][1]), 1.0) * 100
    bar = f"<div style='background:{colour};height:14px;width:{share}%'></div>"
    return f"<div>{escape(series['legend'])} {escape(text)}{bar}</div>"


def _table(panel: Panel, look: Look) -> Iterator[str]:
    organised = next(one["options"] for one in panel.json["transformations"] if one["id"] == "organize")
    positions: dict[str, int] = organised["indexByName"]
    titles = {name: organised["renameByName"][name] for name in sorted(positions, key=positions.__getitem__)}
    rows = _merged(panel, look)
    if not rows:
        return
    (order,) = panel.json["options"]["sortBy"]
    key = next(name for name, title in titles.items() if title == order["displayName"])
    rows.sort(key=lambda row: _sortable(row.get(key)), reverse=order["desc"])
    colourings = {
        one["matcher"]["options"]: Colouring.of({p["id"]: p["value"] for p in one["properties"]})
        for one in panel.json["fieldConfig"]["overrides"]
    }
    yield "<table><tr>" + "".join(f"<th>{escape(title)}</th>" for title in titles.values()) + "</tr>"
    for row in rows:
        cells = (_cell(row.get(name), colourings.get(title), name) for name, title in titles.items())
        yield f"<tr>{''.join(cells)}</tr>"
    yield "</table>"


def _sortable(value: str | None) -> tuple[bool, float, str]:
    try:
        return value is not None, float(value or 0), ""
    except ValueError:
        return True, 0.0, value or ""


def _cell(value: str | None, colouring: Colouring | None, name: str) -> str:
    if not name.startswith("Value") or colouring is None:
        return f"<td>{escape(value or '')}</td>"
    text, colour = colouring.of_value(value)
    style = f" style='background:{colour};color:#fff'" if colouring.fills_cells else ""
    return f"<td{style}>{escape(text)}</td>"


def _merged(panel: Panel, look: Look) -> list[dict[str, str]]:
    """Return a row for each set of labels, as the transformation `merge` would: rows join where no label differs."""
    rows: list[dict[str, str]] = []
    several = len(panel.targets) > 1
    for target in panel.targets:
        for series in look.ask(target):
            name = f"Value #{target['refId']}" if several else "Value"
            told = {**series["metric"], name: series["values"][-1][1]}
            fitting = [row for row in rows if all(row.get(label, text) == text for label, text in told.items())]
            for row in fitting:
                row.update(told)
            if not fitting:
                rows.append(told)
    return rows


def _main(prometheus: str, folder: str, minutes: str = "30", server: str = "") -> None:
    chosen = {"$instance|": f"{server}|", "$instance": server} if server else {}
    look = Look(prometheus, time.time() - 60 * float(minutes), time.time(), chosen)
    for dashboard in committed():
        Path(folder, f"{dashboard.name}.html").write_text(page(dashboard, look), encoding="utf-8")


if __name__ == "__main__":
    _main(*sys.argv[1:])
