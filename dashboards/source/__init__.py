"""The dashboards of the set, as code; `python -m scripts.dashboards` writes dashboards/*.json from it."""

from dashboards.source import exporter, federation, instance, overview, remedies
from dashboards.source.page import Page


def pages() -> list[Page]:
    """Return every dashboard of the set, from general to particular."""
    return [overview.page(), instance.page(), federation.page(), remedies.page(), exporter.page()]
