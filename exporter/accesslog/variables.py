"""What nginx's variables can hold, as regular expressions over bytes."""

import re

from exporter.config.log_format import Escaping

# No shape holds a quote or a line feed. Possessive quantifiers are for `re`; RE2 has none and needs none.
_SHAPES = {
    "status": rb"[0-9]{3}",
    "msec": rb"[0-9.]++",
    "request_time": rb"[0-9.]++",
}
_LENGTHS = {"time_local": 26, "time_iso8601": 25}
_COUNTS = frozenset(("body_bytes_sent", "bytes_sent", "request_length", "connection", "connection_requests", "pid"))
_WORDS = frozenset(
    (
        "host",
        "remote_addr",
        "remote_port",
        "request_id",
        "request_method",
        "scheme",
        "server_addr",
        "server_name",
        "server_port",
        "server_protocol",
        "realip_remote_addr",
    )
)
_WHITE_SPACE = (b"", b" ", b"\t")
ANY_STATUS = rb'[^" ]*'
"""What stands in the place of a status in a line that is otherwise right."""

QUOTED_TEXT = rb'[^"]*+'
"""What stands between quotes where nginx escapes every quote."""

_QUOTED = {
    Escaping.DEFAULT: QUOTED_TEXT,
    Escaping.JSON: rb'(?:[^"\\]++|\\.)*+',
    Escaping.NONE: QUOTED_TEXT,
}
_ANYTHING = {
    Escaping.DEFAULT: rb'[^"]*',
    Escaping.JSON: rb'(?:[^"\\]|\\.)*',
    Escaping.NONE: rb".*?",
}


def usual(name: str, escaping: Escaping, before: bytes, after: bytes) -> bytes:
    """Return what a variable nearly always is, for `re`, in quantifiers that never give back what they took.

    `before` and `after` are the bytes of the format around it, empty where there is none. Between quotes it may
    hold anything but a quote; elsewhere no space either, nor the byte that ends it. What does not fit is only slower.
    """
    if name in _COUNTS:
        return rb"[0-9]++"
    if name in _LENGTHS:
        return rb".{%d}" % _LENGTHS[name]
    if name in _SHAPES:
        return _SHAPES[name]
    if before == after == b'"':
        return _QUOTED[escaping]
    # One range is tried faster than anything else: printable bytes without space, `!` and quote.
    return rb"[#-~]*+" if after in _WHITE_SPACE else rb'[^\n "%s]*+' % re.escape(after.strip(b'"'))


def possible(name: str, escaping: Escaping) -> bytes:
    """Return all that a variable can be, for RE2."""
    if name in _COUNTS:
        return rb"(?:[0-9]+|-)"
    if name in _LENGTHS:
        return rb'[^"]{%d}' % _LENGTHS[name]
    if name in _SHAPES:
        return _SHAPES[name].replace(b"++", b"+")
    if name in _WORDS:
        return rb'[^" ]*'
    return _ANYTHING[escaping]
