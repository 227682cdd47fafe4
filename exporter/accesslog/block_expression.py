"""The regular expression that takes a block of lines apart, for formats that allow one.

Its repeated part must take exactly one line at a time, for a line taken together with the next would be
miscounted. `[^"]*+`, by far the fastest way to the end of a quoted field, does not stop at a line feed. It meets
none all the same: a look-ahead has seen that the line ends with a quote and the format's tail, and no tail
holds a quote. A field that begins before that quote ends there at the latest; one that begins right after it would
begin with the tail or a line feed, and the first byte of a field may be neither.
"""

import re
from collections.abc import Mapping, Sequence

from exporter.accesslog.line import time_variable, usual_expressions
from exporter.accesslog.variables import QUOTED_TEXT
from exporter.config.log_format import Escaping, LogFormat, Piece, Variable
from exporter.mastodon.routes import MAINTENANCE_ACCOUNT_ID

GROUPS = ("delivery_status", "delivery_agent", "time", "method", "account", "callback_status", "callback_agent")
"""The groups of the expression, in the order of an observation."""

ODD_LINE = "odd_line"
"""The group of a line, with its line feed, that must be read by itself."""

# Every request that the rules of `exporter.mastodon.routes` could call a delivery or a callback, however it is spelt.
_INTERESTING = (
    rb"GET (?:[^/]|/(?:/|api/(?:/|subscriptions/)))"
    rb"|POST (?:[^/]|/(?:/|inbox|users/|actor/|ap/|api/(?:/|subscriptions/)))"
)
# The same rules for the usual spelling.
_DELIVERY = rb'POST /(?:inbox|users/[^\n "/?]++/inbox|actor/inbox|ap/users/[0-9]++/inbox)'
_CALLBACK = rb"(?P<method>GET|POST) /api/subscriptions/(?!0*+%d(?![0-9]))(?P<account>[0-9]++)" % MAINTENANCE_ACCOUNT_ID
_END_OF_REQUEST = rb'/?+(?:[ ?][^"]*+)?+'


def block_expression(log_format: LogFormat, host: bytes | None) -> re.Pattern[bytes] | None:
    """Return an expression for `findall` on a block and an empty line, None where the format allows none.

    Each match is a run of lines without interest and the line after it, which is an observation, the groups `GROUPS`,
    or an odd line, the group `ODD_LINE`. Where the format has a host, only requests on `host` are observations.
    """
    if not _is_allowed(log_format):
        return None
    line = _Line(log_format, host)
    alternatives = (line.delivery(), line.callback(), rb"(?P<%s>[^\n]*+\n)" % ODD_LINE.encode())
    return re.compile(b"(?:%s)*+(?:%s)" % (line.without_interest(), b"|".join(alternatives)))


def _is_allowed(log_format: LogFormat) -> bool:
    """Tell whether a format has what is needed: the request in quotes of its own, and a tail unlike any request."""
    if log_format.escaping is not Escaping.DEFAULT or not log_format.has("request") or not log_format.has("status"):
        return False
    request = log_format.pieces.index(Variable("request"))
    literals = [piece for piece in log_format.pieces if isinstance(piece, str)]
    return (
        usual_expressions(log_format)[request] == QUOTED_TEXT
        and not any("\n" in literal for literal in literals)
        and _has_plain_tail(log_format.pieces)
    )


def _has_plain_tail(pieces: Sequence[Piece]) -> bool:
    last_quote = _last_quote(pieces)
    text = _after_last_quote(pieces[last_quote])
    return not text[:1].isalnum() if text else last_quote == len(pieces) - 1


def _last_quote(pieces: Sequence[Piece]) -> int:
    return max(index for index, piece in enumerate(pieces) if isinstance(piece, str) and '"' in piece)


def _after_last_quote(piece: Piece) -> bytes:
    return piece.rpartition('"')[2].encode("utf-8", "surrogateescape") if isinstance(piece, str) else b""


class _Line:
    """Expressions for whole lines of a format, with their line feeds."""

    def __init__(self, log_format: LogFormat, host: bytes | None) -> None:
        self._host = host
        self._time = time_variable(log_format)
        self._pieces = log_format.pieces
        expressions = usual_expressions(log_format)
        last_quote = _last_quote(self._pieces)
        tail = _after_last_quote(self._pieces[last_quote])
        self._ends_well = rb'(?=.*"%s%s\n)' % (re.escape(tail), b"".join(expressions[last_quote + 1 :]))
        self._field = rb'[^"\n%s][^"]*+' % re.escape(tail[:1])
        self._expressions = [self._field if usual == QUOTED_TEXT else usual for usual in expressions]
        first_field = self._expressions.index(self._field)
        self._expressions[first_field] = self._ends_well + self._field

    def without_interest(self) -> bytes:
        """Return an expression, without groups, for lines of which nothing is observed."""
        plain = self._line({"request": rb"(?!%s)%s%s" % (_INTERESTING, self._ends_well, self._field)})
        if self._host is None or Variable("host") not in self._pieces:
            return plain
        other_host = rb"(?!%s(?![a-z0-9.-]))[a-z0-9.-]++" % re.escape(self._host)
        return b"%s|%s" % (plain, self._line({"host": other_host}))

    def delivery(self) -> bytes:
        """Return an expression for a delivery, with the first two of `GROUPS`."""
        return self._observed(_DELIVERY, {"delivery_status": "status", "delivery_agent": "http_user_agent"})

    def callback(self) -> bytes:
        """Return an expression for a callback, with the other `GROUPS`."""
        groups = {"time": self._time or "", "callback_status": "status", "callback_agent": "http_user_agent"}
        return self._observed(_CALLBACK, groups)

    def _observed(self, request: bytes, groups: Mapping[str, str]) -> bytes:
        special = {"request": request + self._ends_well + _END_OF_REQUEST}
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
        return b"".join(expressions) + rb"\n"

    def _place(self, name: str) -> int:
        return self._pieces.index(Variable(name))
