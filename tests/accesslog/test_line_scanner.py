"""The scanner of single lines."""

import pytest

from exporter.accesslog.entry import LONGEST_LINE_BYTES, Entry, LogTime, UnparsedReason
from exporter.accesslog.scanner import scanner
from exporter.config.log_format import COMBINED, JSON, Escaping, LogFormat

TIME = LogTime(1492697468.0, "2017-04-20T23:11:08+09:00")
LINE = rb'192.0.2.1 - - [20/Apr/2017:23:11:08 +0900] "POST /inbox?\x22 HTTP/1.1" 202 0 "-" "a\xE3\x81\x82\xFF"'
JSON_LINE = (
    b'{"time_local":"20/Apr/2017:23:11:08 +0900","request":"POST /inbox?\\" HTTP/1.1","status":202,'
    b'"http_user_agent":"a\xe3\x81\x82\xff","host":"A.example:443"}'
)
ESCAPE_JSON = LogFormat("escape_json", COMBINED.pieces, Escaping.JSON)
ESCAPE_JSON_LINE = LINE.replace(rb"\x22", rb"\"").replace(rb"a\xE3\x81\x82\xFF", b"a\xe3\x81\x82\xff")


@pytest.mark.parametrize(
    ("log_format", "line", "host"),
    [(COMBINED, LINE, None), (ESCAPE_JSON, ESCAPE_JSON_LINE, None), (JSON, JSON_LINE, "A.example:443")],
    ids=["combined", "escape_json", "json"],
)
def test_an_entry_is_text_without_escapes(log_format: LogFormat, line: bytes, host: str | None) -> None:
    entry = scanner(log_format).parse(line)
    assert entry == Entry('POST /inbox?" HTTP/1.1', "202", TIME, "aあ\udcff", host)


@pytest.mark.parametrize("log_format", [COMBINED, JSON, ESCAPE_JSON], ids=lambda log_format: log_format.name)
def test_lines_without_text_and_without_end_are_told(log_format: LogFormat) -> None:
    made = scanner(log_format)
    assert made.parse(b"") == UnparsedReason.EMPTY
    assert made.parse(b"x" * LONGEST_LINE_BYTES) in (UnparsedReason.FORMAT, UnparsedReason.JSON)
    assert made.parse(b"x" * (LONGEST_LINE_BYTES + 1)) == UnparsedReason.TOO_LONG


def test_a_time_that_is_none_leaves_the_line_good() -> None:
    entry = scanner(COMBINED).parse(LINE.replace(b"20/Apr", b"31/Apr"))
    assert isinstance(entry, Entry)
    assert entry.time is None


@pytest.mark.parametrize(
    ("log_format", "line", "agent"),
    [
        (COMBINED, LINE, rb"a\xE3\x81\x82\xFF"),
        (ESCAPE_JSON, ESCAPE_JSON_LINE, b"a\xe3\x81\x82\xff"),
        (JSON, JSON_LINE, b"a\xe3\x81\x82\xff"),
    ],
    ids=["combined", "escape_json", "json"],
)
def test_an_observed_agent_is_as_logged_and_can_be_read(log_format: LogFormat, line: bytes, agent: bytes) -> None:
    made = scanner(log_format)
    scan = made.scan(line + b"\n")
    assert scan.observations == [(b"202", agent, b"", b"", b"", b"", b"", b"")]
    assert made.agent_text(agent) == "aあ\udcff"


def test_a_callback_tells_time_method_account_code_and_agent() -> None:
    line = JSON_LINE.replace(b"/inbox", b"//api/subscriptions/7/")
    agent = b"a\xe3\x81\x82\xff"
    assert scanner(JSON).scan(line + b"\n").observations == [
        (b"", b"", b"20/Apr/2017:23:11:08 +0900", b"POST", b"7", b"202", agent, b"")
    ]


@pytest.mark.parametrize(
    ("request_", "count"),
    [
        (b"POST  /inbox HTTP/1.1", 1),
        (b"POST /inbox", 1),
        (b"POST /inbox x y", 1),
        (b"POST /a/inbox", 0),
        (b" POST /inbox", 0),
        (b"POST\t/inbox", 0),
        (b"POST", 0),
        (b"-", 0),
        (b"", 0),
    ],
)
def test_the_target_is_the_second_word_of_a_request(request_: bytes, count: int) -> None:
    line = LINE.replace(rb"POST /inbox?\x22 HTTP/1.1", request_)
    made = scanner(LogFormat("none", COMBINED.pieces, Escaping.NONE))
    scan = made.scan(line + b"\n")
    assert (scan.unparsed, len(scan.observations)) == ({}, count)


@pytest.mark.parametrize(
    ("host", "count"), [("a.example", 1), ("A.EXAMPLE", 1), ("b.example", 0), ("a.example:443", 0), (None, 1)]
)
def test_only_requests_on_the_wanted_host_are_observed(host: str | None, count: int) -> None:
    scan = scanner(JSON, host).scan(JSON_LINE + b"\n")
    assert (scan.lines, len(scan.observations), scan.last_time) == (1, count, b"20/Apr/2017:23:11:08 +0900")


def test_a_line_that_tells_no_host_is_on_the_wanted_one() -> None:
    line = JSON_LINE.replace(b'"host"', b'"other"')
    assert len(scanner(JSON, "a.example").scan(line + b"\n").observations) == 1
    assert len(scanner(COMBINED, "a.example").scan(LINE + b"\n").observations) == 1


def test_lines_that_do_not_fit_are_counted_by_reason() -> None:
    block = b"\n".join((JSON_LINE, b"", b"[]", b"{}", b'{"request":"x"}', b"", JSON_LINE, b""))
    scan = scanner(JSON).scan(block)
    assert scan.lines == 7
    assert scan.unparsed == {
        UnparsedReason.EMPTY: 2,
        UnparsedReason.JSON: 1,
        UnparsedReason.REQUEST: 1,
        UnparsedReason.STATUS: 1,
    }
    assert len(scan.observations) == 2
