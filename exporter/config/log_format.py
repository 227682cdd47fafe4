"""nginx's `log_format`, as pasted into a configuration: read once, into the pieces a line is made of.

The rules are those of nginx's own compiler, src/http/modules/ngx_http_log_module.c.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain, pairwise

from exporter.config.nginx_words import SWALLOWED, Word, directive_words, without_escapes
from exporter.config.problems import shown
from exporter.errors import InvalidValue


class Escaping(StrEnum):
    """What nginx does to the bytes of a variable; the `escape=` of its log_format."""

    DEFAULT = "default"
    JSON = "json"
    NONE = "none"


@dataclass(frozen=True)
class Variable:
    """A variable of nginx, without its `$`."""

    name: str


Piece = str | Variable


@dataclass(frozen=True)
class LogFormat:
    """What a line is made of. `pieces` is empty for `json`: any JSON object, its keys in any order."""

    name: str
    pieces: tuple[Piece, ...] = ()
    escaping: Escaping = Escaping.DEFAULT

    @property
    def is_json_object(self) -> bool:
        """Whether each line is read as a JSON object instead of against pieces."""
        return not self.pieces

    def has(self, variable: str) -> bool:
        """Tell whether the format writes a variable; false for `json`, where each line may differ."""
        return Variable(variable) in self.pieces


def log_format(text: str) -> LogFormat:
    """Return what `combined`, `json`, a string of variables or a whole log_format directive means.

    Of a string, and of quoted parts without a name, the name is `custom`. No two texts in `pieces`
    stand side by side; names of variables are in lower case, since nginx does not mind theirs.
    Raises InvalidValue where nginx would refuse it, and where its lines could not be counted.
    """
    written = text.strip()
    if written in (COMBINED.name, JSON.name):
        return COMBINED if written == COMBINED.name else JSON
    if not written:
        raise InvalidValue("must not be empty", "write `combined`, `json`, or the log_format of nginx.conf")
    if _DIRECTIVE.match(text):
        return _countable(_directive(directive_words(text)))
    if _NAME.fullmatch(written):
        raise InvalidValue(_NAME_ALONE, f"`nginx -T` shows the directive `log_format {shown(written)} …;`")
    return _without_directive(text)


_NAME = re.compile(r"[\w.-]+")
_NAME_ALONE = (
    "is none of the names known here (`combined`, `json`); a format of your own has its name in nginx.conf only, "
    "so paste the format itself"
)
_COMMENTS = r"\s*(?:#[^\n]*\n\s*)*"
_DIRECTIVE = re.compile(rf"{_COMMENTS}log_format(?![^\s;])")
_PARTS = re.compile(rf"{_COMMENTS}(?:escape=\S*\s{_COMMENTS})?[\"']")
_CUSTOM = "custom"
_ESCAPE = "escape="
_LAST_VARIABLE = re.compile(r"\$(?:\{[A-Za-z0-9_]+\}|[A-Za-z0-9_]+)\Z")
_PIECE = re.compile(r"\$(?:\{(?P<braced>[A-Za-z0-9_]+)\}|(?P<plain>[A-Za-z0-9_]+))|(?P<text>[^$]+)|(?P<open>\$\{)|\$")

_READ = frozenset(
    {
        *("request", "request_method", "request_uri", "status", "http_user_agent", "host"),
        *("time_local", "time_iso8601", "msec"),
    }
)
"""The variables that are read; what lies between them is only passed over."""

_FIXED_LENGTH = frozenset({"status", "time_local", "time_iso8601"})

_DECODED = ("uri", "document_uri")


def _directive(words: Sequence[Word]) -> LogFormat:
    if len(words) < 2:  # noqa: PLR2004  # the directive itself and its name
        raise InvalidValue("has no name and no format", "write `log_format NAME '…';` as in nginx.conf")
    return _format(words[1].text, [word.text for word in words[2:]])


def _without_directive(text: str) -> LogFormat:
    parts = _quoted_parts(text)
    # `"$request" "$status"` has the quotes of the log itself: were they nginx's, two variables would touch.
    if parts is None or any(_LAST_VARIABLE.search(one) and two.startswith("$") for one, two in pairwise(parts)):
        return _countable(LogFormat(_CUSTOM, _joined([without_escapes(text.strip("\r\n"))])))
    return _countable(_format(_CUSTOM, parts))


def _quoted_parts(text: str) -> list[str] | None:
    if not _PARTS.match(text):
        return None
    try:
        words = directive_words(text)
    except InvalidValue as fault:
        if fault.rule == SWALLOWED:
            raise
        return None
    if all(word.quoted or (word is words[0] and word.text.startswith(_ESCAPE)) for word in words):
        return [word.text for word in words]
    return None


def _format(name: str, parts: Sequence[str]) -> LogFormat:
    escaping = Escaping.DEFAULT
    if parts and parts[0].startswith(_ESCAPE):
        escaping = _escaping(parts[0].removeprefix(_ESCAPE))
        parts = parts[1:]
    if not any(parts):
        raise InvalidValue("has no format", "paste the whole directive, up to its `;`")
    return LogFormat(name, _joined(parts), escaping)


def _escaping(text: str) -> Escaping:
    try:
        return Escaping(text)
    except ValueError:
        raise InvalidValue("unknown `escape=`; nginx knows `default`, `json` and `none`") from None


def _pieces(part: str) -> Iterable[Piece]:
    for match in _PIECE.finditer(part):
        if match["text"]:
            yield match["text"]
        elif name := match["braced"] or match["plain"]:
            yield Variable(name.lower())
        elif match["open"]:
            raise InvalidValue("a `${` must be followed by a variable's name and `}`")
        else:
            raise InvalidValue("a `$` must be followed by a variable's name; nginx cannot log the character itself")


def _joined(parts: Iterable[str]) -> tuple[Piece, ...]:
    joined: list[Piece] = []
    for piece in chain.from_iterable(map(_pieces, parts)):
        if isinstance(piece, str) and joined and isinstance(joined[-1], str):
            joined[-1] += piece
        else:
            joined.append(piece)
    return tuple(joined)


def _countable(found: LogFormat) -> LogFormat:
    fault = _fault(found)
    if fault is not None:
        raise fault
    return found


def _fault(found: LogFormat) -> InvalidValue | None:
    if any(isinstance(piece, str) and "\n" in piece for piece in found.pieces):
        return InvalidValue("must not hold a line break", "a request has one line; fold several with `format: >-`")
    if not (found.has("request") or (found.has("request_method") and found.has("request_uri"))):
        return InvalidValue("has neither `$request` nor both `$request_method` and `$request_uri`", _uri_hint(found))
    if not found.has("status"):
        return InvalidValue("has no `$status`", "add it to nginx's log_format: nothing can be counted without it")
    for first, second in pairwise(found.pieces):
        if isinstance(first, Variable) and isinstance(second, Variable) and _is_ambiguous(first.name, second.name):
            return InvalidValue(
                f"`${shown(first.name)}` and `${shown(second.name)}` have no text between them, "
                "so that nobody can tell where the first one ends",
                "put a blank between them in nginx's log_format",
            )
    return None


def _uri_hint(found: LogFormat) -> str:
    decoded = next((name for name in _DECODED if found.has(name)), None)
    if decoded:
        return f"`${decoded}` will not do: nginx writes it decoded and after its rewrites; add `$request`"
    return "add `$request` to nginx's log_format: without it nobody knows what was asked for"


def _is_ambiguous(first: str, second: str) -> bool:
    return first not in _FIXED_LENGTH and not {first, second}.isdisjoint(_READ)


COMBINED = LogFormat(
    "combined",
    (
        Variable("remote_addr"),
        " - ",
        Variable("remote_user"),
        " [",
        Variable("time_local"),
        '] "',
        Variable("request"),
        '" ',
        Variable("status"),
        " ",
        Variable("body_bytes_sent"),
        ' "',
        Variable("http_referer"),
        '" "',
        Variable("http_user_agent"),
        '"',
    ),
)
"""nginx's own format, the one in force where none is named."""

JSON = LogFormat("json", escaping=Escaping.JSON)
