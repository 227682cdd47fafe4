"""The committed files are what the code writes, and are as Grafana's own types have them."""

import json
from pathlib import Path

import pytest
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as model

from scripts import dashboards
from tests.dashboards.dashboard_files import FOLDER, Dashboard, committed


def test_the_committed_files_are_what_the_code_writes() -> None:
    committed_texts = {path.name: path.read_text() for path in FOLDER.glob("*.json")}
    assert committed_texts == dashboards.documents(), "run `make monitoring`"


def test_writing_leaves_no_file_of_a_dashboard_that_is_gone(tmp_path: Path) -> None:
    (tmp_path / "mastodon-gone.json").write_text("{}")
    dashboards.write(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(dashboards.documents())


@pytest.mark.parametrize("dashboard", committed(), ids=lambda dashboard: dashboard.name)
def test_nothing_in_a_file_is_unknown_to_the_types_that_grafana_publishes(dashboard: Dashboard) -> None:
    """What Grafana's types of dashboards, panels and queries do not know is lost on the way through them."""
    plugins.register_default_plugins()
    typed = model.Dashboard.from_json(dashboard.json)
    assert json.loads(JSONEncoder().encode(typed)) == dashboard.json
