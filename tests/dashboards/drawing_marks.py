"""Lines, areas and blocks as SVG, and how values are written and coloured."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from tests.dashboards.dashboard_files import Json

_PALETTE = (
    "#73bf69",
    "#f2cc0c",
    "#8ab8ff",
    "#ff780a",
    "#f2495c",
    "#5794f2",
    "#b877d9",
    "#705da0",
    "#37872d",
    "#fade2a",
)
_COLOURS = {"green": "#1a7f4b", "orange": "#c15c17", "red": "#c4162a", "blue": "#1f60c4", "text": "#3b3f46"}
_PREFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
_TIMES = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"), (0.001, "ms"))

_NAMES_PIXELS = 190.0


@dataclass(frozen=True)
class Colouring:
    """What a field's configuration makes of values."""

    unit: str
    texts: dict[str, tuple[str, str]]
    ranges: tuple[tuple[float, float, str], ...]
    steps: tuple[tuple[float, str], ...]
    missing: tuple[str, str]
    fills_cells: bool

    @classmethod
    def of(cls, field: Json) -> "Colouring":
        mappings = field.get("mappings", [])
        texts = {
            value: (one["text"], one["color"])
            for mapping in mappings
            if mapping["type"] == "value"
            for value, one in mapping["options"].items()
        }
        spans = [one["options"] for one in mappings if one["type"] == "range"]
        ranges = tuple((one["from"], one["to"], one["result"]["color"]) for one in spans)
        missing: Json = next((one["options"]["result"] for one in mappings if one["type"] == "special"), {})
        steps = tuple(
            (-1e99 if one["value"] is None else one["value"], one["color"])
            for one in field.get("thresholds", {}).get("steps", [])
        )
        text = (missing.get("text", ""), missing.get("color", "text"))
        return cls(field.get("unit", ""), texts, ranges, steps, text, "custom.cellOptions" in field)

    def of_value(self, value: str | None) -> tuple[str, str]:
        """Return the text that is shown for a value, and its colour."""
        if value is None:
            return self.missing[0], _COLOURS.get(self.missing[1], self.missing[1])
        number = float(value)
        if f"{number:g}" in self.texts:
            text, colour = self.texts[f"{number:g}"]
            return text, _COLOURS.get(colour, colour)
        colour = next((colour for low, high, colour in self.ranges if low <= number <= high), "")
        colour = colour or next((colour for least, colour in reversed(self.steps) if number >= least), "text")
        return shown(number, self.unit), _COLOURS.get(colour, colour)


def shown(value: float, unit: str) -> str:
    """Return a value as Grafana would write it, or nearly so."""
    if unit == "percentunit":
        return f"{value * 100:.3g} %"
    if unit == "s":
        return next((f"{value / size:.3g} {name}" for size, name in _TIMES if abs(value) >= size), f"{value:g} s")
    if unit == "d":
        return f"{value:.3g} days"
    if unit == "dateTimeFromNow":
        return f"{shown(time.time() - value / 1000, 's')} ago"
    size, prefix = next(((size, prefix) for size, prefix in _PREFIXES if abs(value) >= size), (1.0, ""))
    suffix = {"bytes": "B", "Bps": "B/s", "reqps": "/s", "cps": "/s", "ops": "/s"}.get(unit, "")
    return f"{value / size:.3g} {prefix}{suffix}".strip()


@dataclass(frozen=True)
class Canvas:
    """A stretch of time on so many pixels."""

    start: float
    end: float
    width: float
    height: float

    def across(self, moment: float, left: float = 0.0) -> float:
        """Return how far from the left edge a moment lies, where the first lies at `left`."""
        return left + (moment - self.start) / (self.end - self.start) * (self.width - left)


def lines(series: Sequence[Json], unit: str, canvas: Canvas) -> str:
    """Return lines from 0 up, with the highest value and a legend."""
    return _chart([one["legend"] for one in series], [_points(one) for one in series], unit, canvas)


def areas(series: Sequence[Json], unit: str, canvas: Canvas) -> str:
    """Return the same with each line standing on the one before."""
    sums: dict[float, float] = {}
    stacked = []
    for one in series:
        stacked.append([(moment, sums.get(moment, 0.0) + value) for moment, value in _points(one)])
        sums.update(stacked[-1])
    return _chart([one["legend"] for one in series], stacked, unit, canvas)


def blocks(series: Sequence[Json], colouring: Colouring, canvas: Canvas) -> str:
    """Return a line of coloured blocks for each series."""
    tall = min(24.0, canvas.height / max(len(series), 1))
    drawn = "".join(
        f"<g transform='translate(0,{index * tall:.1f})'>{''.join(_blocks(one, colouring, canvas, tall))}</g>"
        for index, one in enumerate(series)
    )
    return f"<svg width={canvas.width:.0f} height={canvas.height + 20:.0f}>{drawn}</svg>" if series else ""


def _blocks(one: Json, colouring: Colouring, canvas: Canvas, tall: float) -> Iterator[str]:
    yield f"<text x=0 y={tall * 0.7:.1f} fill='#ccc' font-size=11>{escape(one['legend'])}</text>"
    moments = [moment for moment, _ in one["values"]]
    step = moments[1] - moments[0] if len(moments) > 1 else 1.0
    for moment, value in one["values"]:
        text, colour = colouring.of_value(value)
        left, right = canvas.across(moment, _NAMES_PIXELS), canvas.across(moment + step, _NAMES_PIXELS)
        place = f"x={left:.1f} width={right - left + 0.5:.1f} height={tall - 3:.1f}"
        yield f"<rect {place} fill='{colour}'><title>{escape(text)}</title></rect>"


def _points(one: Json) -> list[tuple[float, float]]:
    return [(moment, float(value)) for moment, value in one["values"] if value != "NaN"]


def _chart(legends: Sequence[str], drawn: Sequence[list[tuple[float, float]]], unit: str, canvas: Canvas) -> str:
    if not drawn:
        return ""
    top = max((value for line in drawn for _, value in line), default=0.0) or 1.0
    height = canvas.height - 14
    marks = f"<text x=2 y=10 fill='#888' font-size=10>{escape(shown(top, unit))}</text>"
    legend = ""
    for index, (name, line) in enumerate(zip(legends, drawn, strict=True)):
        colour = _PALETTE[index % len(_PALETTE)]
        points = (f"{canvas.across(moment):.1f},{height - value / top * (height - 14):.1f}" for moment, value in line)
        marks += f"<polyline points='{' '.join(points)}' fill=none stroke='{colour}' stroke-width=1.5 />"
        legend += f"<span style='color:{colour}'>&#9632; {escape(name)}</span> "
    return f"<svg width={canvas.width:.0f} height={height:.0f}>{marks}</svg><div class=legend>{legend}</div>"
