"""Tests may run in several processes, which tell each other of them in UTF-8: `make test` does so."""

from collections.abc import Generator

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Have what a test has printed or logged be text that any process can read: hostile bytes are part of many."""
    report = yield
    report.sections = [(name, _readable(text)) for name, text in report.sections]
    if isinstance(report.longrepr, str):
        report.longrepr = _readable(report.longrepr)
    return report


def _readable(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()
