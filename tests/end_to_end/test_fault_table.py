"""Every fault of the demo, injected into a running server and seen by a running exporter."""

import re
from collections import defaultdict
from collections.abc import Iterator

import pytest

from exporter.config import CHECK_NAMES
from exporter.demo.faults import EVERY_CHECK, FAULTS, Fault
from tests.end_to_end.conftest import Demo

SCRAPE_TIMEOUT_SECONDS = 2.5
BREAKING = [fault for fault in FAULTS if fault.breaks not in (None, EVERY_CHECK)]
WHOLE = [fault for fault in FAULTS if fault.breaks == EVERY_CHECK]
HARMLESS = [fault for fault in FAULTS if fault.breaks is None]


def failing(exposition: str) -> dict[str, str]:
    """Return the failing checks with their reasons, and make sure that all seven are told of."""
    success = dict(re.findall(r'mastodon_check_success\{check="(\w+)"\} (\d)', exposition))
    assert set(success) == set(CHECK_NAMES)
    reasons = dict(re.findall(r'mastodon_check_failure_info\{check="(\w+)",reason="(\w+)"\} 1', exposition))
    assert set(reasons) == {check for check, value in success.items() if value == "0"}
    return reasons


@pytest.fixture(autouse=True)
def healthy(demo: Demo) -> Iterator[None]:
    """Begin and end with a healthy server; the exporter has seen it at least once, and learnt from it."""
    demo.reset()
    assert failing(demo.probe()) == {}
    yield
    demo.reset()


@pytest.mark.parametrize("fault", BREAKING, ids=lambda fault: fault.name)
def test_a_fault_breaks_the_check_it_should_by_the_reason_it_should_and_no_other(demo: Demo, fault: Fault) -> None:
    demo.switch(fault.name, "on")
    assert failing(demo.probe(SCRAPE_TIMEOUT_SECONDS)) == {fault.breaks: fault.reason}


@pytest.mark.parametrize("fault", HARMLESS, ids=lambda fault: fault.name)
def test_a_fault_that_breaks_nothing_leaves_every_check_green(demo: Demo, fault: Fault) -> None:
    demo.switch(fault.name, "on")
    assert failing(demo.probe()) == {}


@pytest.mark.parametrize("fault", WHOLE, ids=lambda fault: fault.name)
def test_a_server_that_is_down_whole_fails_every_check(demo: Demo, fault: Fault) -> None:
    demo.switch(fault.name, "on")
    assert failing(demo.probe()) == dict.fromkeys(CHECK_NAMES, fault.reason)


def test_the_table_holds_every_check_by_several_reasons() -> None:
    reasons = defaultdict(set)
    for fault in BREAKING:
        reasons[fault.breaks].add(fault.reason)
    assert set(reasons) == set(CHECK_NAMES)
    assert {check: len(found) for check, found in reasons.items() if len(found) < 3} == {}
    assert len(BREAKING) >= 24
