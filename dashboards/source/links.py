"""Ways from one dashboard to the next, each with the time range and what has been chosen."""

from dataclasses import dataclass

from grafana_foundation_sdk.builders.dashboard import DashboardLink
from grafana_foundation_sdk.models.dashboard import DashboardLinkType

TAG = "mastodon"

OVERVIEW, INSTANCE, FEDERATION, REMEDIES, EXPORTER = (
    f"mastodon-{name}" for name in ("overview", "instance", "federation", "remedies", "exporter")
)

_CARRIED = "${__url_time_range}&${datasource:queryparam}&${job:queryparam}"


@dataclass(frozen=True)
class Link:
    """Where a click on a value leads."""

    title: str
    url: str


def to_all() -> DashboardLink:
    """Return the list of all dashboards of the set, above each of them."""
    link = DashboardLink("Mastodon").type(DashboardLinkType.DASHBOARDS).tags([TAG])
    return link.as_dropdown(True).include_vars(True).keep_time(True)


def to_server_in_cell(uid: str) -> Link:
    """Return the way to a dashboard about the server whose name is in the cell."""
    return Link(f"Look at {uid.removeprefix('mastodon-')}", f"/d/{uid}?{_CARRIED}&var-instance=${{__value.raw}}")


def to_same(uid: str) -> DashboardLink:
    """Return the way from a panel to another dashboard about the same servers and exporters."""
    url = f"/d/{uid}?{_CARRIED}&${{instance:queryparam}}&${{exporter:queryparam}}"
    return DashboardLink(f"Look at {uid.removeprefix('mastodon-')}").type(DashboardLinkType.LINK).url(url)
