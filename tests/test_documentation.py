"""What the documentation says is what the program does."""

import re
from pathlib import Path

import pytest
import yaml

from exporter.config import CHECK_NAMES
from exporter.probes.result import Reason
from scripts import commands_list, metrics_list

ROOT = Path(__file__).parents[1]
CHECKS_PAGE = (ROOT / "docs" / "checks.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("**/*.md")]


def test_the_list_of_metrics_is_what_the_code_gives() -> None:
    assert metrics_list.PAGE.read_text() == metrics_list.page(), "run `make docs`"


def test_the_list_of_commands_is_what_their_help_says() -> None:
    assert commands_list.PAGE.read_text() == commands_list.page(), "run `make docs`"


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_explained(reason: Reason) -> None:
    explained = re.findall(r"^\| ((?:`\w+` ?)+)\| ", CHECKS_PAGE, re.MULTILINE)
    assert f"`{reason}`" in " ".join(explained)


@pytest.mark.parametrize("check", CHECK_NAMES)
def test_every_check_is_explained(check: str) -> None:
    assert f"\n| `{check}` |" in CHECKS_PAGE
    assert f"\n| `{check}` |" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_every_key_of_the_example_is_explained() -> None:
    example = yaml.safe_load((ROOT / "config.example.yml").read_text())
    keys = set(example) | {key for instance in example["instances"] for key in instance} | set(example["web"])
    page = (ROOT / "docs" / "configuration.md").read_text()
    assert [key for key in keys if f"| `{key}` |" not in page] == []
