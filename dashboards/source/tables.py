"""Tables: which columns there are, what each shows, and where a click on it leads."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import common, table
from grafana_foundation_sdk.builders.dashboard import ThresholdsConfig
from grafana_foundation_sdk.models.common import TableCellBackgroundDisplayMode, TableColoredBackgroundCellOptions
from grafana_foundation_sdk.models.dashboard import DataTransformerConfig, DynamicConfigValue, ValueMapping

from dashboards.source.links import Link
from dashboards.source.look import GRAPH_HEIGHT, WIDTH
from dashboards.source.queries import DATA_SOURCE, Query, rows
from dashboards.source.words import Words


@dataclass(frozen=True)
class Column:
    """A column: a label of the series, or the value of the query of that name.

    `colours` and `shown` colour the whole cell.
    """

    source: str
    title: str
    unit: str = ""
    shown: tuple[ValueMapping, ...] = ()
    colours: ThresholdsConfig | None = None
    link: Link | None = None


@dataclass(frozen=True)
class Order:
    """The column that a table is sorted by at first."""

    title: str
    descending: bool = True


def table_of(words: Words, queries: Sequence[Query], columns: Sequence[Column], order: Order) -> table.Panel:
    """Return a table of a row for each set of labels; it shows the columns and nothing else."""
    fields = {_field(column, queries): column.title for column in columns}
    panel = (
        table.Panel()
        .title(words.title)
        .description(words.description)
        .datasource(DATA_SOURCE)
        .targets(rows(queries))
        .unit("short")
        .transformations(list(_transformations(fields)))
        .sort_by([common.TableSortByFieldState().display_name(order.title).desc(order.descending)])
        .filterable(True)
        .height(GRAPH_HEIGHT)
        .span(WIDTH)
    )
    for column in columns:
        panel.override_by_name(column.title, list(_properties(column)))
    return panel


def _field(column: Column, queries: Sequence[Query]) -> str:
    """Return what Grafana calls the column: it numbers values only where several queries have one."""
    if column.source not in {query.name for query in queries}:
        return column.source
    return f"Value #{column.source}" if len(queries) > 1 else "Value"


def _transformations(fields: dict[str, str]) -> Iterator[DataTransformerConfig]:
    yield DataTransformerConfig("merge", options={})
    yield DataTransformerConfig("filterFieldsByName", options={"include": {"names": list(fields)}})
    positions = {field: position for position, field in enumerate(fields)}
    organised = {"excludeByName": {}, "indexByName": positions, "renameByName": fields}
    yield DataTransformerConfig("organize", options=organised)


def _properties(column: Column) -> Iterator[DynamicConfigValue]:
    if column.unit:
        yield DynamicConfigValue("unit", column.unit)
    if column.shown:
        yield DynamicConfigValue("mappings", list(column.shown))
    if column.colours:
        yield DynamicConfigValue("thresholds", column.colours.build())
    if column.shown or column.colours:
        cell = TableColoredBackgroundCellOptions(mode=TableCellBackgroundDisplayMode.BASIC)
        yield DynamicConfigValue("custom.cellOptions", cell)
    if column.link:
        yield DynamicConfigValue("links", [{"title": column.link.title, "url": column.link.url}])
