"""Lines that are JSON objects."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.accesslog.entry import UnparsedReason
from exporter.accesslog.fields import Fields
from exporter.accesslog.json_line import read_json
from exporter.config.log_format import Escaping
from tests.accesslog.nginx_rendering import escaped

TIME = b"20/Apr/2017:23:11:08 +0900"
POST = b"POST /inbox HTTP/1.1"


@given(st.binary(), st.from_regex(rb"[0-9]{3}", fullmatch=True), st.binary(), st.booleans())
def test_what_nginx_wrote_is_read_back(request_: bytes, status: bytes, agent: bytes, quoted: bool) -> None:
    line = b'{"urt":,"status":%s,"time_local":"%s","request":"%s","http_user_agent":"%s","host":"a.example"}' % (
        b'"%s"' % status if quoted else status,
        TIME,
        escaped(request_, Escaping.JSON),
        escaped(agent, Escaping.JSON),
    )
    assert read_json(line) == Fields(request_, status, TIME, agent, b"a.example")


@given(st.one_of(st.binary(), st.text().map(lambda text: text.encode("utf-8", "replace"))))
def test_no_bytes_raise(line: bytes) -> None:
    assert isinstance(read_json(line), Fields | UnparsedReason)


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)


@given(
    st.dictionaries(
        st.sampled_from(("request", "request_method", "request_uri", "status", "msec", "host")), json_values
    )
)
def test_no_object_raises_or_yields_a_status_it_does_not_hold(values: dict[str, object]) -> None:
    line = json.dumps(values).encode()
    fields = read_json(line)
    if isinstance(fields, Fields):
        assert fields.status in (str(values["status"]).zfill(3).encode(), str(values["status"]).encode())


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (b'"202"', b"202"),
        (b"202", b"202"),
        (b"0", b"000"),
        (b"9", b"009"),
        (b"000", b"000"),
        (b"009", b"009"),
        (b'"000"', b"000"),
    ],
)
def test_a_status_is_text_or_a_number(status: bytes, code: bytes) -> None:
    fields = read_json(b'{"request":"POST /inbox HTTP/1.1","status":%s}' % status)
    assert fields == Fields(POST, code)


@pytest.mark.parametrize(
    "status",
    [
        b"true",
        b"false",
        b"null",
        b'""',
        b'"20"',
        b'"2020"',
        b"2020",
        b"-9",
        b"20.0",
        b"2e2",
        b"[202]",
        b'"\xd9\xa2\xd9\xa0\xd9\xa2"',
    ],
)
def test_any_other_status_is_none(status: bytes) -> None:
    assert read_json(b'{"request":"x","status":%s}' % status) == UnparsedReason.STATUS
    assert read_json(b'{"request":"x"}') == UnparsedReason.STATUS


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"   ",
        b"[]",
        b'"text"',
        b"null",
        b"{",
        b'{"request":"x","status":202}x',
        b'{"request":"x","status":202',
        b'{"request":"x","status":010203}',
        b'{"request":"x","other":000,"status":202}',
        b'{"request":"x","other":NaN,"status":202}',
        rb'{"request":"\x16","status":202}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"request":"' + rb"\"" * 100_000,
        b'"a":' * 100_000,
    ],
)
def test_what_is_no_object_is_told(line: bytes) -> None:
    assert read_json(line) == UnparsedReason.JSON


@pytest.mark.parametrize(
    ("keys", "request_"),
    [
        (b'"request":"POST /inbox HTTP/1.1"', POST),
        (b'"request_method":"POST","request_uri":"/inbox?x"', b"POST /inbox?x"),
        (b'"request":null,"request_method":"POST","request_uri":"/inbox"', b"POST /inbox"),
        (b'"request":""', b""),
        (rb'"request":"\u0016\u0003"', b"\x16\x03"),
        (b'"request":"\xff\x00"', b"\xff\x00"),
        (rb'"request":"\ud800x\udcff"', b"\xef\xbf\xbdx\xff"),
    ],
)
def test_a_request_is_one_text_or_made_of_two(keys: bytes, request_: bytes) -> None:
    assert read_json(b'{%s,"status":202}' % keys) == Fields(request_, b"202")


@pytest.mark.parametrize("keys", [b'"status":202', b'"request":1,"status":202', b'"request_uri":"/inbox","status":202'])
def test_an_object_without_a_request_is_told(keys: bytes) -> None:
    assert read_json(b"{%s}" % keys) == UnparsedReason.REQUEST


@pytest.mark.parametrize(
    ("keys", "time"),
    [
        (b'"time_local":"20/Apr/2017:23:11:08 +0900","msec":1.5', TIME),
        (b'"msec":1492697468.123', b"1492697468.123"),
        (b'"msec":"1492697468.123"', b"1492697468.123"),
        (b'"time_local":null,"msec":1.5', b"1.5"),
        (b'"other":1', b""),
    ],
)
def test_the_best_time_is_taken_as_logged(keys: bytes, time: bytes) -> None:
    assert read_json(b'{"request":"x","status":202,%s}' % keys) == Fields(b"x", b"202", time)


def test_values_that_are_not_there_are_mended_outside_of_texts_only() -> None:
    line = b'{"urt":,"request":"a\\":,b","http_user_agent":"\\"status\\":000,","status": 000 ,"uct": }'
    assert read_json(line) == Fields(b'a":,b', b"000", b"", b'"status":000,')


def test_a_number_of_any_length_does_no_harm() -> None:
    assert read_json(b'{"n":%s,"request":"x","status":202}' % (b"1" * 10_000)) == Fields(b"x", b"202")


@pytest.mark.parametrize("line", [b'{"a":[' + b"1," * 30_000 + b"1]}", b'{"a":' * 30_000, b"[" * 30_000])
def test_a_line_of_more_parts_than_any_log_has_is_not_taken_apart(line: bytes) -> None:
    assert read_json(line) is UnparsedReason.JSON


def test_a_long_line_of_few_parts_is_read() -> None:
    fields = read_json(b'{"request":"GET /' + b"a" * 1_000_000 + b' HTTP/1.1","status":200}')
    assert isinstance(fields, Fields)
    assert len(fields.request) == 1_000_014
