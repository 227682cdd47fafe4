"""One line held against the pieces of a log_format."""

import re
from dataclasses import dataclass

import re2

from exporter.accesslog.entry import UnparsedReason
from exporter.accesslog.fields import TIMES, Fields
from exporter.accesslog.variables import ANY_STATUS, possible, usual
from exporter.config.log_format import LogFormat, Piece, Variable

_TAKEN = ("request", "request_method", "request_uri", "status", "http_user_agent", "host", *TIMES)


@dataclass(frozen=True)
class LineReader:
    """Reads lines of one format. Its time is linear in the length of a line, whatever the line holds.

    Nearly every line is a usual one. The looser expressions are for a user name with a space, and the like.
    """

    groups: tuple[str, ...]
    usual_line: re.Pattern[bytes]
    possible_line: "re2._Regexp"
    line_of_any_status: "re2._Regexp"

    def read(self, line: bytes) -> Fields | UnparsedReason:
        """Return what a line says, without its line feed, or why the format does not fit it."""
        match = self.usual_line.fullmatch(line) or self.possible_line.fullmatch(line)
        if match is not None:
            return _fields(dict(zip(self.groups, match.groups(), strict=True)))
        return UnparsedReason.STATUS if self.line_of_any_status.fullmatch(line) else UnparsedReason.FORMAT


def line_reader(log_format: LogFormat) -> LineReader:
    """Return a reader of lines that are made of a format's pieces, of which there must be some."""
    possible_pieces = [_possible(piece, log_format) for piece in log_format.pieces]
    of_any_status = [
        ANY_STATUS if piece == Variable("status") else expression
        for piece, expression in zip(log_format.pieces, possible_pieces, strict=True)
    ]
    return LineReader(
        tuple(sorted(filter(log_format.has, _TAKEN), key=lambda name: log_format.pieces.index(Variable(name)))),
        re.compile(_line(log_format, usual_expressions(log_format))),
        _linear(_line(log_format, possible_pieces)),
        _linear(_line(log_format, of_any_status)),
    )


def time_variable(log_format: LogFormat) -> str | None:
    """Return the variable that tells the time of a request, the best there is, None where there is none."""
    return next(filter(log_format.has, TIMES), None)


def usual_expressions(log_format: LogFormat) -> list[bytes]:
    """Return an expression for each piece of a format as it nearly always is: no groups, nothing given back."""
    literals = [b"", *map(_literal, log_format.pieces), b""]
    return [
        usual(piece.name, log_format.escaping, before[-1:], after[:1])
        if isinstance(piece, Variable)
        else re.escape(own)
        for piece, before, own, after in zip(log_format.pieces, literals, literals[1:], literals[2:], strict=False)
    ]


def _literal(piece: Piece) -> bytes:
    return piece.encode("utf-8", "surrogateescape") if isinstance(piece, str) else b""


def _possible(piece: Piece, log_format: LogFormat) -> bytes:
    if isinstance(piece, Variable):
        return possible(piece.name, log_format.escaping)
    return re.escape(_literal(piece))


def _line(log_format: LogFormat, expressions: list[bytes]) -> bytes:
    """Join the expressions of a line's pieces, with a group around what is taken of it, where that first stands."""
    joined = list(expressions)
    for name in filter(log_format.has, _TAKEN):
        index = log_format.pieces.index(Variable(name))
        joined[index] = b"(%s)" % joined[index]
    return b"".join(joined)


def _linear(expression: bytes) -> "re2._Regexp":
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.dot_nl = True
    options.log_errors = False
    return re2.compile(expression, options)


def _fields(values: dict[str, bytes]) -> Fields:
    request = values.get("request")
    if request is None:
        request = b"%s %s" % (values.get("request_method", b""), values.get("request_uri", b""))
    time = next((values[name] for name in TIMES if name in values), b"")
    return Fields(request, values.get("status", b""), time, values.get("http_user_agent", b""), values.get("host"))
