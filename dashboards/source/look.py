"""How panels look: one function for each kind of panel, with all that the panels of a kind have in common."""

from collections.abc import Sequence

from grafana_foundation_sdk.builders import bargauge, common, stat, statetimeline, timeseries
from grafana_foundation_sdk.builders.dashboard import ThresholdsConfig
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    GraphDrawStyle,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardRangeMapOptions,
    DashboardSpecialValueMapOptions,
    RangeMap,
    SpecialValueMap,
    SpecialValueMatch,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMapping,
    ValueMappingResult,
)

from dashboards.source.queries import DATA_SOURCE, Query, now, over_time
from dashboards.source.words import Words

WIDTH = 24
STRIP_HEIGHT = 4
GRAPH_HEIGHT = 8

GOOD, WARNING, BAD, NEUTRAL, FADED = "green", "orange", "red", "blue", "#6e7077"


def levels(first: str, *steps: tuple[float, str]) -> ThresholdsConfig:
    """Return colours by value: `first` below the first step, then each step's colour from its value on."""
    thresholds = [Threshold(value=None, color=first), *(Threshold(value, color) for value, color in steps)]
    return ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(thresholds)


PLAIN = levels(NEUTRAL)
NONE_IS_GOOD = levels(GOOD, (1, BAD))
NONE_IS_BETTER = levels(GOOD, (1, WARNING))


def states(shown: dict[str, tuple[str, str]], missing: str = "") -> list[ValueMapping]:
    """Return what is shown for a value, text and colour; `missing` is what stands where there is no value."""
    results = {
        value: ValueMappingResult(text=text, color=color, index=index)
        for index, (value, (text, color)) in enumerate(shown.items())
    }
    mappings: list[ValueMapping] = [ValueMap(results)]
    if missing:
        result = ValueMappingResult(text=missing, color=FADED, index=len(results))
        match = DashboardSpecialValueMapOptions(SpecialValueMatch.NULL_AND_NAN, result)
        mappings.append(SpecialValueMap(match))
    return mappings


def ranges(*colours: tuple[float, float, str]) -> list[ValueMapping]:
    """Return the colours of values from one to another, both included; the values stand as they are."""
    return [
        RangeMap(DashboardRangeMapOptions(lowest, highest, ValueMappingResult(color=colour, index=index)))
        for index, (lowest, highest, colour) in enumerate(colours)
    ]


STATUS_CODES = ranges((0, 299, GOOD), (300, 399, NEUTRAL), (400, 499, WARNING), (500, 999, BAD))
UP_OR_DOWN = states({"1": ("up", GOOD), "0": ("DOWN", BAD)}, missing="not checked")
YES_IS_BAD = states({"1": ("yes", BAD), "0": ("no", GOOD)}, missing="unknown")
YES_IS_WORTH_A_LOOK = states({"1": ("yes", WARNING), "0": ("no", GOOD)}, missing="unknown")


def number(words: Words, unit: str, query: Query, colours: ThresholdsConfig = PLAIN) -> stat.Panel:
    """Return a single number as it is at the end of the time range."""
    return (
        stat.Panel()
        .title(words.title)
        .description(words.description)
        .datasource(DATA_SOURCE)
        .targets(now([query]))
        .unit(unit)
        .min(0)
        .thresholds(colours)
        .color_mode(BigValueColorMode.BACKGROUND_SOLID)
        .graph_mode(BigValueGraphMode.NONE)
        .orientation(VizOrientation.AUTO)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .height(STRIP_HEIGHT)
        .span(WIDTH // 6)
    )


def graph(words: Words, unit: str, queries: Sequence[Query]) -> timeseries.Panel:
    """Return lines over time, from 0 up."""
    return (
        timeseries.Panel()
        .title(words.title)
        .description(words.description)
        .datasource(DATA_SOURCE)
        .targets(over_time(queries))
        .unit(unit)
        .min(0)
        .line_width(1)
        .fill_opacity(10)
        .show_points(VisibilityMode.NEVER)
        .legend(_legend())
        .tooltip(_tooltip())
        .height(GRAPH_HEIGHT)
        .span(WIDTH // 2)
    )


def stack(words: Words, unit: str, queries: Sequence[Query]) -> timeseries.Panel:
    """Return areas over time, one on top of the other, for parts that add up to something."""
    stacking = common.StackingConfig().mode(StackingMode.NORMAL)
    return graph(words, unit, queries).stacking(stacking).fill_opacity(40)


def bars(words: Words, unit: str, queries: Sequence[Query]) -> timeseries.Panel:
    """Return stacked bars over time, for events that are counted."""
    return stack(words, unit, queries).draw_style(GraphDrawStyle.BARS).fill_opacity(80)


def timeline(words: Words, shown: list[ValueMapping], queries: Sequence[Query]) -> statetimeline.Panel:
    """Return a bar of states over time for each series, twenty at a time."""
    return (
        statetimeline.Panel()
        .title(words.title)
        .description(words.description)
        .datasource(DATA_SOURCE)
        .targets(over_time(queries))
        .mappings(shown)
        .merge_values(True)
        .show_value(VisibilityMode.AUTO)
        .row_height(0.8)
        .per_page(20)
        .legend(_legend())
        .tooltip(_tooltip())
        .height(GRAPH_HEIGHT)
        .span(WIDTH // 2)
    )


def ranking(words: Words, unit: str, query: Query) -> bargauge.Panel:
    """Return a bar for each series as it is at the end of the time range."""
    return (
        bargauge.Panel()
        .title(words.title)
        .description(words.description)
        .datasource(DATA_SOURCE)
        .targets(now([query]))
        .unit(unit)
        .min(0)
        .thresholds(PLAIN)
        .orientation(VizOrientation.HORIZONTAL)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .height(GRAPH_HEIGHT)
        .span(WIDTH // 2)
    )


def _legend() -> common.VizLegendOptions:
    options = common.VizLegendOptions().show_legend(True).display_mode(LegendDisplayMode.LIST)
    return options.placement(LegendPlacement.BOTTOM).calcs([])


def _tooltip() -> common.VizTooltipOptions:
    return common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING)
