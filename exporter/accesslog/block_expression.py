"""The regular expression that takes a block of lines apart, for formats that allow one.

Its repeated part must take exactly one line at a time, for a line taken together with the next would be
miscounted. `[^"]*+`, by far the fastest way to the end of a quoted field, does not stop at a line feed. So it is
given lines with a quote put before each line feed (see `END_OF_LINE`): a field that begins before that quote
ends there at the latest, and one that would begin right after it is barred: no field begins with a line feed.
"""

import re
from collections.abc import Mapping

from exporter.accesslog.line import time_variable, usual_expressions
from exporter.accesslog.variables import QUOTED_TEXT
from exporter.config.log_format import Escaping, LogFormat, Variable
from exporter.mastodon.routes import MAINTENANCE_ACCOUNT_ID

ODD_LINE = "odd_line"
"""The group of a line that must be read by itself, with the quote at its end: so it is never empty."""

GROUPS = (
    *("delivery_status", "delivery_agent"),
    *("time", "method", "account", "callback_status", "callback_agent"),
    ODD_LINE,
)
"""The groups of the expression, in the order of an observation."""

END_OF_LINE = b'"\n'
"""What the expression expects in the place of each line feed. To replace them is faster than to count them."""

_FIELD = rb'[^"\n][^"]*+'

# No request that the rules of `exporter.mastodon.routes` could call a delivery or a callback, however it is spelt;
# a few others are left out too, because a shorter test is a faster one.
_WITHOUT_INTEREST = (
    rb"(?:GET /(?!/|api/[/s])"
    rb'|(?!GET |POST (?:[^/]|/(?:[/iu]|actor|ap(?:/|i/[/s]))))[^"\n])[^"]*+'
)
# The same rules for the usual spelling.
_DELIVERY = rb'POST /(?:inbox|users/[^\n "/?]++/inbox|actor/inbox|ap/users/[0-9]++/inbox)'
_CALLBACK = rb"(?P<method>GET|POST) /api/subscriptions/(?!0*+%d(?![0-9]))(?P<account>[0-9]++)" % MAINTENANCE_ACCOUNT_ID
_END_OF_REQUEST = rb'/?+(?:[ ?][^"]*+)?+'


def block_expression(log_format: LogFormat, host: bytes | None) -> re.Pattern[bytes] | None:
    """Return an expression for `findall` on a block with `END_OF_LINE`, None where the format allows none.

    Each match is a run of lines without interest and the line after it, which is a delivery, a callback or an
    odd line, the groups `GROUPS`, or the end of the block, where all groups are empty. Where the format has a host,
    only requests on `host` are observations.
    """
    if not _is_allowed(log_format):
        return None
    line = _Line(log_format, host)
    odd_line = rb'(?P<%s>.*")\n' % ODD_LINE.encode()
    alternatives = (line.delivery(), line.callback(), odd_line)
    return re.compile(rb"(?:%s)*+(?:%s|\Z)" % (line.without_interest(), b"|".join(alternatives)))


def _is_allowed(log_format: LogFormat) -> bool:
    """Tell whether a format has what is needed: a status, and the request between quotes of its own."""
    if log_format.escaping is not Escaping.DEFAULT or not log_format.has("request") or not log_format.has("status"):
        return False
    request = log_format.pieces.index(Variable("request"))
    literals = [piece for piece in log_format.pieces if isinstance(piece, str)]
    return usual_expressions(log_format)[request] == QUOTED_TEXT and not any("\n" in literal for literal in literals)


class _Line:
    """Expressions for whole lines of a format, with their ends."""

    def __init__(self, log_format: LogFormat, host: bytes | None) -> None:
        self._host = host
        self._time = time_variable(log_format)
        self._pieces = log_format.pieces
        self._expressions = [_FIELD if one == QUOTED_TEXT else one for one in usual_expressions(log_format)]

    def without_interest(self) -> bytes:
        """Return an expression, without groups, for lines of which nothing is observed."""
        plain = self._line({"request": _WITHOUT_INTEREST})
        if self._host is None or Variable("host") not in self._pieces:
            return plain
        other_host = rb"(?!%s(?![a-z0-9.-]))[a-z0-9.-]++" % re.escape(self._host)
        return b"%s|%s" % (plain, self._line({"host": other_host}))

    def delivery(self) -> bytes:
        """Return an expression for a delivery, with its part of `GROUPS`."""
        return self._observed(_DELIVERY, {"delivery_status": "status", "delivery_agent": "http_user_agent"})

    def callback(self) -> bytes:
        """Return an expression for a callback, with its part of `GROUPS`."""
        groups = {"time": self._time or "", "callback_status": "status", "callback_agent": "http_user_agent"}
        return self._observed(_CALLBACK, groups)

    def _observed(self, request: bytes, groups: Mapping[str, str]) -> bytes:
        special = {"request": request + _END_OF_REQUEST}
        if self._host is not None:
            special["host"] = re.escape(self._host)
        absent = b""
        for group, name in groups.items():
            if Variable(name) in self._pieces:
                special[name] = b"(?P<%s>%s)" % (group.encode(), self._expressions[self._place(name)])
            else:
                absent += b"(?P<%s>)" % group.encode()
        return self._line(special) + absent

    def _line(self, special: Mapping[str, bytes]) -> bytes:
        """Return the expression of a line in which some variables, where they first stand, have a special one."""
        expressions = list(self._expressions)
        for name, expression in special.items():
            if Variable(name) in self._pieces:
                expressions[self._place(name)] = expression
        return b"".join(expressions) + END_OF_LINE

    def _place(self, name: str) -> int:
        return self._pieces.index(Variable(name))
