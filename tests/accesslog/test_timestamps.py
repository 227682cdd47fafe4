"""The time of a request, in nginx's three ways of writing it."""

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.accesslog.entry import LogTime
from exporter.accesslog.timestamps import read_time

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@pytest.mark.parametrize(
    ("raw", "time"),
    [
        (b"20/Apr/2017:23:11:08 +0900", LogTime(1492697468.0, "2017-04-20T23:11:08+09:00")),
        (b"29/Feb/2024:00:00:00 -0330", LogTime(1709177400.0, "2024-02-29T00:00:00-03:30")),
        (b"2017-04-20T23:11:08+09:00", LogTime(1492697468.0, "2017-04-20T23:11:08+09:00")),
        (b"1492697468.123", LogTime(1492697468.123, "2017-04-20T14:11:08.123000+00:00")),
        (b"1492697468", LogTime(1492697468.0, "2017-04-20T14:11:08+00:00")),
    ],
)
def test_the_moment_and_the_zone_are_kept(raw: bytes, time: LogTime) -> None:
    assert read_time(raw) == time


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"-",
        b"30/Feb/2017:23:11:08 +0900",
        b"20/Foo/2017:23:11:08 +0900",
        b"20/apr/2017:23:11:08 +0900",
        b"20/Apr/0000:23:11:08 +0900",
        b"20/Apr/2017:25:11:08 +0900",
        b"20/Apr/2017:23:11:08 +2400",
        b"2017-13-20T23:11:08+09:00",
        b"2017-04-20",
        b"99999999999999999999",
        b"1.2.3",
        b"\xd9\xa1",
    ],
)
def test_what_is_no_moment_is_no_time(raw: bytes) -> None:
    assert read_time(raw) is None


@given(st.integers(0, 200_000_000_000), st.integers(-23, 23), st.sampled_from((0, 30, 45)))
def test_every_local_time_is_read_back(timestamp_seconds: int, hours: int, minutes: int) -> None:
    sign = -1 if hours < 0 else 1
    zone = timezone(timedelta(hours=hours, minutes=sign * minutes))
    moment = datetime.fromtimestamp(timestamp_seconds, zone)
    date = f"{moment.day:02}/{MONTHS[moment.month - 1]}/{moment.year:04}"
    text = f"{date}:{moment:%H:%M:%S} {'-' if hours < 0 else '+'}{abs(hours):02}{minutes:02}"
    assert read_time(text.encode()) == LogTime(moment.timestamp(), moment.isoformat())


@given(st.one_of(st.binary(), st.from_regex(rb"[0-9]{2}/Apr/[0-9]{4}:[0-9:]{8} [+-][0-9]{4}", fullmatch=True)))
def test_no_bytes_raise(raw: bytes) -> None:
    time = read_time(raw)
    assert time is None or datetime.fromisoformat(time.text).timestamp() == time.timestamp_seconds
