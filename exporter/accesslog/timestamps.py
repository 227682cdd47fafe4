"""The three ways in which nginx logs the time of a request."""

import re
from datetime import UTC, datetime
from functools import lru_cache

from exporter.accesslog.entry import LogTime

_LOCAL = re.compile(rb"([0-9]{2})/([A-Z][a-z]{2})/([0-9]{4}):([0-9]{2}:[0-9]{2}:[0-9]{2}) ([+-][0-9]{2})([0-9]{2})")
_ISO8601 = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:[+-][0-9]{2}:[0-9]{2}|Z)")
_SECONDS = re.compile(rb"[0-9]{1,11}(?:\.[0-9]{1,6})?")
_MONTH_NAMES = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")
_MONTHS = {name: b"%02d" % number for number, name in enumerate(_MONTH_NAMES, start=1)}


@lru_cache(maxsize=256)
def read_time(raw: bytes) -> LogTime | None:
    """Return the moment that `$time_local`, `$time_iso8601` or `$msec` tells, None where it is no real one.

    `$msec` knows no time zone: its text is in UTC.
    """
    if local := _LOCAL.fullmatch(raw):
        day, month, year, time, hours, minutes = local.groups()
        return _moment(b"%s-%s-%sT%s%s:%s" % (year, _MONTHS.get(month, b"00"), day, time, hours, minutes))
    if _ISO8601.fullmatch(raw):
        return _moment(raw)
    if _SECONDS.fullmatch(raw):
        return _log_time(datetime.fromtimestamp(float(raw), UTC))
    return None


def _moment(iso8601: bytes) -> LogTime | None:
    try:
        return _log_time(datetime.fromisoformat(iso8601.decode("ascii")))
    except ValueError:
        return None


def _log_time(moment: datetime) -> LogTime:
    return LogTime(moment.timestamp(), moment.isoformat())
