"""The fast scanner of blocks."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.accesslog.block_expression import END_OF_LINE
from exporter.accesslog.block_scanner import BlockScanner
from exporter.accesslog.entry import LONGEST_LINE_BYTES, UnparsedReason
from exporter.accesslog.line_scanner import LineScanner
from exporter.accesslog.scanner import scanner
from exporter.config.log_format import COMBINED, JSON, Escaping, LogFormat, Variable
from tests.accesslog.nginx_rendering import (
    AGENT_FIRST,
    QUOTED_TIME_LAST,
    WITH_HOST_AND_TIMES,
    hostile_line,
    hostile_lines,
    rendered,
)

NO_LITERAL_AFTER = LogFormat(
    "no_literal_after", ('"', Variable("request"), '" ', Variable("status"), ' "', Variable("host"))
)
TAIL_LIKE_A_REQUEST = LogFormat("tail_like_a_request", (Variable("status"), ' "', Variable("request"), '"POST /inbox'))
FORMATS = (COMBINED, WITH_HOST_AND_TIMES, AGENT_FIRST, QUOTED_TIME_LAST, NO_LITERAL_AFTER, TAIL_LIKE_A_REQUEST)
GOOD_VALUES = {
    "remote_addr": b"192.0.2.1",
    "remote_user": b"-",
    "time_local": b"20/Apr/2017:23:11:08 +0900",
    "msec": b"1492697468.123",
    "status": b"200",
    "body_bytes_sent": b"5",
    "http_referer": b"-",
    "http_user_agent": b"some agent",
    "host": b"a.example",
    "request_time": b"0.001",
    "upstream_status": b"200",
}
HEAD = b"192.0.2.1 - - [20/Apr/2017:23:11:08 +0900]"
PAGE = HEAD + b' "GET /about HTTP/1.1" 200 5 "-" "curl/8.0"\n'
DELIVERY = HEAD + b' "POST /inbox HTTP/1.1" 202 0 "-" "agent"\n'
CALLBACK = HEAD + b' "POST /api/subscriptions/7 HTTP/1.1" 404 0 "-" "agent"\n'
DELIVERED = (b"202", b"agent", b"", b"", b"", b"", b"", b"")
CALLED_BACK = (b"", b"", b"20/Apr/2017:23:11:08 +0900", b"POST", b"7", b"404", b"agent", b"")


def fast_scanner(log_format: LogFormat = COMBINED, host: str | None = None) -> BlockScanner:
    made = scanner(log_format, host)
    assert isinstance(made, BlockScanner)
    return made


@pytest.mark.parametrize("host", [None, "a.example"])
@pytest.mark.parametrize("log_format", FORMATS, ids=lambda log_format: log_format.name)
def test_a_block_comes_to_what_its_lines_come_to(log_format: LogFormat, host: str | None) -> None:
    fast = fast_scanner(log_format, host)

    @settings(max_examples=150, deadline=None)
    @given(st.lists(hostile_lines(log_format), min_size=1, max_size=40))
    def agrees(lines: list[bytes]) -> None:
        block = b"".join(lines)
        assert fast.scan(block) == fast.lines.scan(block)

    agrees()


@pytest.mark.parametrize("log_format", FORMATS, ids=lambda log_format: log_format.name)
def test_the_hostile_lines_are_of_every_kind(log_format: LogFormat) -> None:
    random = Random(log_format.name)
    scan = fast_scanner(log_format).lines.scan(b"".join(hostile_line(log_format, random) for _ in range(5000)))
    assert set(scan.unparsed) == {UnparsedReason.EMPTY, UnparsedReason.FORMAT, UnparsedReason.STATUS}
    assert {observation[3] for observation in scan.observations} == {b"", b"GET", b"POST"}


def test_every_byte_of_a_block_is_consumed() -> None:
    random = Random("bytes")
    lines = b"".join(hostile_line(COMBINED, random) for _ in range(5000)) + b"\n"
    block = lines.replace(b"\n", END_OF_LINE)
    matches = list(fast_scanner().expression.finditer(block))
    assert [0, *(match.end() for match in matches)] == [*(match.start() for match in matches), len(block)]


@pytest.mark.parametrize("break_", [b"\n", b'"\n', b'\n"'])
@pytest.mark.parametrize("request_", [b"GET / HTTP/1.1", b"POST /users/a/inbox?b c", b"GET /api/subscriptions/7?b c"])
@pytest.mark.parametrize("log_format", FORMATS, ids=lambda log_format: log_format.name)
def test_a_line_broken_anywhere_is_never_taken_for_one(log_format: LogFormat, request_: bytes, break_: bytes) -> None:
    fast = fast_scanner(log_format)
    line = rendered(log_format, {**GOOD_VALUES, "request": request_}) + b"\n"
    for place in range(len(line)):
        for rest in (line[place:], line[place + 1 :]):
            block = line + line[:place] + break_ + rest + line
            assert fast.scan(block) == fast.lines.scan(block)


def test_observations_come_in_the_order_of_the_log_whichever_way_they_were_found() -> None:
    odd_callback = CALLBACK.replace(b"/api", b"//api")
    scan = fast_scanner().scan(PAGE + DELIVERY + odd_callback + PAGE + DELIVERY + b"odd\n" + CALLBACK)
    assert scan.observations == [DELIVERED, CALLED_BACK, DELIVERED, CALLED_BACK]
    assert (scan.lines, scan.unparsed) == (7, {UnparsedReason.FORMAT: 1})


def test_two_half_lines_are_not_one_line() -> None:
    halves = HEAD + b' "GET / HTTP/1.1" 200 5 "\n" "POST /inbox HTTP/1.1" 202 0 "-" "agent"\n'
    scan = fast_scanner().scan(PAGE + halves + DELIVERY)
    assert (scan.lines, scan.unparsed, scan.observations) == (4, {UnparsedReason.FORMAT: 2}, [DELIVERED])


def test_requests_on_other_hosts_are_lines_but_no_observations() -> None:
    fast = fast_scanner(WITH_HOST_AND_TIMES, "a.example")
    tails = (b" a.example 0.1 -\n", b" b.example 0.1 -\n", b" A.Example:443 0.1 -\n", b" a.example.org 0.1 -\n")
    scan = fast.scan(b"".join(DELIVERY[:-1] + tail for tail in tails))
    assert (scan.lines, scan.unparsed, scan.observations) == (4, {}, [DELIVERED, DELIVERED])


def test_the_groups_of_an_observation_are_in_its_order_whatever_the_order_of_the_format() -> None:
    block = b'1.5|h|"agent"|202|"POST /inbox"\n1.6|h|"agent"|404|"GET /api/subscriptions/8"\n'
    assert fast_scanner(AGENT_FIRST).scan(block).observations == [
        DELIVERED,
        (b"", b"", b"1.6", b"GET", b"8", b"404", b"agent", b""),
    ]


def test_the_time_is_that_of_the_last_line_that_fits() -> None:
    assert (
        fast_scanner().scan(PAGE + PAGE.replace(b"2017", b"2018") + b"odd\n").last_time == b"20/Apr/2018:23:11:08 +0900"
    )
    assert fast_scanner().scan(b"odd\n").last_time == b""


def test_a_block_that_may_hold_a_line_too_long_is_read_line_by_line() -> None:
    long_line = PAGE.replace(b"about", b"a" * LONGEST_LINE_BYTES)
    scan = fast_scanner().scan(DELIVERY + long_line + DELIVERY)
    assert (scan.lines, scan.unparsed) == (3, {UnparsedReason.TOO_LONG: 1})
    assert scan.observations == [DELIVERED, DELIVERED]


@pytest.mark.parametrize("block", [b"", b"no line feed", PAGE + b"no line feed"])
def test_only_complete_lines_count(block: bytes) -> None:
    assert fast_scanner().scan(block) == fast_scanner().lines.scan(block)
    assert fast_scanner().scan(block).lines == block.count(b"\n")


@pytest.mark.parametrize(
    "log_format",
    [
        JSON,
        LogFormat("escape_json", COMBINED.pieces, Escaping.JSON),
        LogFormat("escape_none", COMBINED.pieces, Escaping.NONE),
        LogFormat(
            "bare_request", (Variable("request"), " ", Variable("status"), ' "', Variable("http_user_agent"), '"')
        ),
        LogFormat("no_quotes", (Variable("request"), " ", Variable("status"))),
        LogFormat("two_lines", (Variable("status"), ' "', Variable("request"), '"\n-')),
        LogFormat("method", ('"', Variable("request_method"), " ", Variable("request_uri"), '" ', Variable("status"))),
    ],
    ids=lambda log_format: log_format.name,
)
def test_other_formats_are_read_line_by_line(log_format: LogFormat) -> None:
    assert isinstance(scanner(log_format), LineScanner)
