"""What holds for every test."""

from tests.skips import pytest_make_collect_report, pytest_runtest_makereport

pytest_plugins = ("pytester",)

__all__ = ["pytest_make_collect_report", "pytest_plugins", "pytest_runtest_makereport"]
