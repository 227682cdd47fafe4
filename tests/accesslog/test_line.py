"""One line held against a log_format."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.accesslog.entry import UnparsedReason
from exporter.accesslog.fields import Fields
from exporter.accesslog.line import line_reader
from exporter.config.log_format import COMBINED, Escaping, LogFormat, Variable
from tests.accesslog.nginx_rendering import WITH_HOST_AND_TIMES, escaped, hostile_lines, rendered

CUSTOM_JSON = LogFormat(
    "custom_json",
    (
        '{"time":"',
        Variable("time_iso8601"),
        '","status":',
        Variable("status"),
        ',"urt":',
        Variable("upstream_response_time"),
        ',"host":"',
        Variable("host"),
        '","request":"',
        Variable("request"),
        '","ua":"',
        Variable("http_user_agent"),
        '"}',
    ),
    Escaping.JSON,
)
TIME = b"20/Apr/2017:23:11:08 +0900"
LINE = b'192.0.2.1 - - [%s] "POST /inbox HTTP/1.1" 202 0 "-" "agent"' % TIME

statuses = st.from_regex(rb"[0-9]{3}", fullmatch=True)
values = st.fixed_dictionaries(
    {
        "remote_addr": st.sampled_from((b"192.0.2.1", b"2001:db8::1", b"unix:")),
        "remote_user": st.one_of(st.just(b"-"), st.binary(max_size=8)),
        "time_local": st.just(TIME),
        "time_iso8601": st.just(b"2017-04-20T23:11:08+09:00"),
        "request": st.binary(),
        "status": statuses,
        "body_bytes_sent": st.sampled_from((b"0", b"1234567890123")),
        "http_referer": st.binary(),
        "http_user_agent": st.binary(),
        "host": st.sampled_from((b"a.example", b"192.0.2.7", b"-")),
        "request_time": st.just(b"0.001"),
        "upstream_status": st.sampled_from((b"-", b"200", b"502, 200")),
        "upstream_response_time": st.sampled_from((b"", b"-", b"0.001", b"0.001, 0.002 : 0.003")),
    }
)


@pytest.mark.parametrize("log_format", [COMBINED, WITH_HOST_AND_TIMES, CUSTOM_JSON], ids=lambda each: each.name)
@given(logged=values)
def test_what_nginx_wrote_is_read_back(log_format: LogFormat, logged: dict[str, bytes]) -> None:
    fields = line_reader(log_format).read(rendered(log_format, logged))
    assert fields == Fields(
        request=escaped(logged["request"], log_format.escaping),
        status=logged["status"],
        time=logged["time_local"] if log_format.has("time_local") else logged["time_iso8601"],
        agent=escaped(logged["http_user_agent"], log_format.escaping),
        host=logged["host"] if log_format.has("host") else None,
    )


@given(line=st.one_of(st.binary(), hostile_lines(COMBINED)))
@pytest.mark.parametrize("escaping", Escaping)
def test_no_line_raises_or_yields_what_it_does_not_hold(escaping: Escaping, line: bytes) -> None:
    fields = line_reader(LogFormat("any", COMBINED.pieces, escaping)).read(line)
    if isinstance(fields, Fields):
        assert all(part in line for part in fields[:4])
        assert len(fields.status) == 3
        assert fields.status.isdigit()


@pytest.mark.parametrize(
    ("line", "request_"),
    [
        (LINE.replace(b"POST /inbox HTTP/1.1", rb"\x16\x03\x01\x02"), rb"\x16\x03\x01\x02"),
        (LINE.replace(b"POST /inbox HTTP/1.1", b""), b""),
        (LINE.replace(b"POST /inbox HTTP/1.1", b"-"), b"-"),
        (LINE.replace(b"POST /inbox HTTP/1.1", b"POST /inbox"), b"POST /inbox"),
        (LINE.replace(b"inbox", b"\x00\xff\xc3"), b"POST /\x00\xff\xc3 HTTP/1.1"),
        (LINE.replace(b"inbox", b"a" * 1_000_000), b"POST /%s HTTP/1.1" % (b"a" * 1_000_000)),
        (LINE.replace(b"- -", b"- a [b] 200"), b"POST /inbox HTTP/1.1"),
        (LINE.replace(b" 0 ", b" - "), b"POST /inbox HTTP/1.1"),
        (LINE.replace(b"agent", b""), b"POST /inbox HTTP/1.1"),
    ],
)
def test_garbage_within_a_field_is_read(line: bytes, request_: bytes) -> None:
    fields = line_reader(COMBINED).read(line)
    assert isinstance(fields, Fields)
    assert (fields.request, fields.status, fields.time) == (request_, b"202", TIME)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (LINE.replace(b" 202 ", b" 20 "), UnparsedReason.STATUS),
        (LINE.replace(b" 202 ", b" 2020 "), UnparsedReason.STATUS),
        (LINE.replace(b" 202 ", b" - "), UnparsedReason.STATUS),
        (LINE.replace(b" 202 ", b"  "), UnparsedReason.STATUS),
        (LINE.replace(b" 202 ", b" \xd9\xa2\xd9\xa0\xd9\xa2 "), UnparsedReason.STATUS),
        (LINE.replace(b" 202 ", b" "), UnparsedReason.FORMAT),
        (LINE.replace(b" 0 ", b" x "), UnparsedReason.FORMAT),
        (LINE.replace(b"+0900", b"+900"), UnparsedReason.FORMAT),
        (LINE.replace(b"agent", b'age"nt'), UnparsedReason.FORMAT),
        (LINE.replace(b"agent", b'" 404 0 "-" "agent'), UnparsedReason.FORMAT),
        (LINE[:-1], UnparsedReason.FORMAT),
        (LINE + b"\r", UnparsedReason.FORMAT),
        (LINE + b" ", UnparsedReason.FORMAT),
        (b'"' * 6, UnparsedReason.FORMAT),
        (b"\x00", UnparsedReason.FORMAT),
    ],
)
def test_a_line_that_does_not_fit_says_why(line: bytes, reason: UnparsedReason) -> None:
    assert line_reader(COMBINED).read(line) == reason


def test_a_line_forged_inside_a_user_agent_stays_a_user_agent() -> None:
    log_format = LogFormat("unescaped", COMBINED.pieces, Escaping.NONE)
    forged = b'x" 200 0 "-" "y\\" 200 5 "-" "z'
    fields = line_reader(log_format).read(LINE.replace(b"agent", forged))
    assert fields == Fields(b"POST /inbox HTTP/1.1", b"202", TIME, forged)


def test_method_and_uri_make_a_request_where_the_format_has_none() -> None:
    pieces = (Variable("request_method"), " ", Variable("request_uri"), " ", Variable("status"))
    fields = line_reader(LogFormat("uri", pieces)).read(b"POST /inbox?a=b 202")
    assert fields == Fields(b"POST /inbox?a=b", b"202")


def test_a_variable_that_stands_twice_counts_where_it_first_stands() -> None:
    pieces = (Variable("status"), ' "', Variable("request"), '" ', Variable("status"))
    assert line_reader(LogFormat("twice", pieces)).read(b'202 "POST /inbox" 404') == Fields(b"POST /inbox", b"202")


def test_the_best_time_is_taken() -> None:
    pieces = (Variable("msec"), ' "', Variable("request"), '" ', Variable("status"), " ", Variable("time_iso8601"))
    fields = line_reader(LogFormat("times", pieces)).read(b'1.5 "-" 400 2017-04-20T23:11:08+09:00')
    assert fields == Fields(b"-", b"400", b"2017-04-20T23:11:08+09:00")
