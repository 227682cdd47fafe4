from dataclasses import replace

import pytest

from exporter.probes.debug import debug_text, visible
from exporter.probes.metrics import exposition
from exporter.probes.result import Hop, ProbeResult, Reason
from tests.golden_files import assert_golden
from tests.probes.sample_reports import bad, good, mixed_report, report

HOP = Hop(
    asked="GET https://qdon.example/about",
    answered="HTTP/1.1 200 OK",
    address="192.0.2.1:443",
    headers=(("Server", "nginx"),),
    excerpt="<p>hello</p>\r\n<p>there</p>\n",
    duration_seconds=0.1,
)


def debug_of(result: ProbeResult) -> str:
    return debug_text(report(result))


def test_the_whole_page_is_the_stored_one() -> None:
    assert_golden("debug.txt", debug_text(mixed_report()))


def test_the_first_line_names_the_checks_that_failed() -> None:
    page = debug_text(report(good("web"), bad("storage", Reason.DNS), bad("api", Reason.JSON)))
    assert page.splitlines()[0] == "qdon (https://qdon.example): FAILED: storage, api"


def test_the_first_line_says_when_nothing_failed() -> None:
    assert debug_text(report()).splitlines()[0] == "qdon (https://qdon.example): all checks passed"


def test_each_hop_tells_what_was_asked_whom_and_what_came_back() -> None:
    lines = debug_of(replace(good("web"), trace=(HOP,))).splitlines()
    start = lines.index("   1. asked     GET https://qdon.example/about at 192.0.2.1:443")
    assert lines[start : start + 5] == [
        "   1. asked     GET https://qdon.example/about at 192.0.2.1:443",
        "      answered  HTTP/1.1 200 OK in 0.100 s",
        "        Server: nginx",
        "      | <p>hello</p>",
        "      | <p>there</p>",
    ]


@pytest.mark.parametrize(
    "hostile",
    ["\x1b[2J", "\x9b31m", "\x07", "\b", "\r", "\u202e", "\u2028", "\x00", "\x7f", "\ud800", "\u200b"],
    ids=repr,
)
def test_nothing_a_server_sends_reaches_the_terminal_raw(hostile: str) -> None:
    between = f"before{hostile}after"
    hop = Hop(between, between, between, headers=((hostile, hostile),), excerpt=f"a{hostile}b")
    result = replace(bad("web", Reason.KEYWORD, detail=f"found {hostile}"), trace=(hop,))
    page = debug_of(result)
    assert all(line.isprintable() for line in page.split("\n"))
    assert f"before{visible(hostile)}after" in page
    assert f"| a{visible(hostile)}b" in page


def test_a_server_cannot_forge_a_line_of_the_page() -> None:
    page = debug_of(replace(good("web"), detail="fine\n== storage: ok =="))
    assert "== storage: ok ==" not in page.split("\n")


def test_the_page_ends_with_the_metrics_of_the_probe() -> None:
    assert debug_text(mixed_report()).endswith(exposition(mixed_report()).decode())


def test_a_check_without_series_says_why() -> None:
    assert "== health: not checked ==\n   servers before 3.0 have no /health" in debug_text(mixed_report())


def test_readable_text_stays_as_it_is() -> None:
    assert visible("マストドン · ok \\o/") == "マストドン · ok \\o/"
