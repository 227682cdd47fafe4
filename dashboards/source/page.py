"""What all dashboards of the set have in common, and how panels become one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders.dashboard import AnnotationQuery, Dashboard, QueryVariable, Row
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync

from dashboards.source import links, variables
from dashboards.source.queries import DATA_SOURCE, SERVER_OR_NONE

SCHEMA_VERSION = 42
"""Of the classic model, which every Grafana takes from a file: older ones as it is, newer ones after migrating it."""

Panel = Builder[dashboard.Panel]


@dataclass(frozen=True)
class Section:
    """Panels under a heading, left to right and on into the next line; closed where few will want them."""

    title: str
    panels: Sequence[Panel]
    closed: bool = False


@dataclass(frozen=True)
class Page:
    """A dashboard: the strip at its top tells the state, the sections what is behind it."""

    uid: str
    title: str
    description: str
    choices: Sequence[QueryVariable]
    strip: Sequence[Panel]
    sections: Sequence[Section]


def build(page: Page) -> dashboard.Dashboard:
    """Return the dashboard, laid out, with every panel numbered."""
    builder = (
        Dashboard(page.title)
        .uid(page.uid)
        .description(page.description)
        .tags([links.TAG])
        .readonly()
        .time("now-24h", "now")
        .timezone("browser")
        .refresh("1m")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .link(links.to_all())
        .annotation(_incidents())
        .with_variable(variables.data_source())
    )
    for variable in page.choices:
        builder.with_variable(variable)
    _lay_out(builder, page)
    built = builder.build()
    built.schema_version = SCHEMA_VERSION
    for number, panel in enumerate(_every_panel(built), start=1):
        panel.id_val = number
    return built


def _lay_out(builder: Dashboard, page: Page) -> None:
    for panel in page.strip:
        builder.with_panel(panel)
    for section in page.sections:
        row = Row(section.title).collapsed(section.closed)
        if section.closed:
            for panel in section.panels:
                row.with_panel(panel)
        builder.with_row(row)
        if not section.closed:
            for panel in section.panels:
                builder.with_panel(panel)


def _every_panel(built: dashboard.Dashboard) -> Iterator[dashboard.Panel | dashboard.RowPanel]:
    for panel in built.panels or []:
        yield panel
        if isinstance(panel, dashboard.RowPanel):
            yield from panel.panels


def _incidents() -> AnnotationQuery:
    """Return the times at which alerts that page were firing, one stretch for each server and check."""
    alerts = f'ALERTS{{alertstate="firing", severity="critical", alertname=~"Mastodon.+", {SERVER_OR_NONE}}}'
    return (
        AnnotationQuery()
        .name("Incidents")
        .datasource(DATA_SOURCE)
        .enable(True)
        .icon_color("red")
        .expr(f"max by (alertname, mastodon, check) ({alerts})")
        .step("60s")
        .title_format("{{alertname}}")
        .text_format("{{mastodon}} {{check}}")
        .tag_keys("mastodon,check")
    )
