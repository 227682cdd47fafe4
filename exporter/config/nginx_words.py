"""The words of one directive as nginx.conf writes it: quotes, backslashes, comments, the semicolon at its end.

The rules are those of nginx's own reader, src/core/ngx_conf_file.c.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from exporter.errors import InvalidValue

_TOKEN = re.compile(
    r"""
      (?P<blank> [ \t\r\n]+ )
    | (?P<comment> \# [^\n]* \n? )
    | (?P<end> ; )
    | " (?P<double> (?: [^"\\] | \\. )* ) " (?= [ \t\r\n;{)] | \Z )
    | ' (?P<single> (?: [^'\\] | \\. )* ) ' (?= [ \t\r\n;{)] | \Z )
    | (?P<plain> (?! ["'}] ) (?: \\. | \$\{* | [^ \t\r\n;{\\$] )+ )
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"""\\(["'\\trn])""")
SWALLOWED = "a comment (`#`) takes the rest of the text, and no `;` comes before it"
_CONTROL = {"t": "\t", "r": "\r", "n": "\n"}


@dataclass(frozen=True)
class Word:
    """One word, its quotes taken off and its backslashes undone."""

    text: str
    quoted: bool = False


def directive_words(text: str) -> tuple[Word, ...]:
    """Return the words of one directive; its semicolon may be missing. InvalidValue where nginx would refuse it."""
    words: list[Word] = []
    ended = in_comment = False
    for kind, content in _tokens(text):
        if kind != "blank":
            in_comment = kind == "comment"
        if kind == "end":
            ended = True
        elif kind in ("double", "single", "plain"):
            if ended:
                raise InvalidValue("holds more than one directive", "take out what stands after the first `;`")
            words.append(Word(without_escapes(content), quoted=kind != "plain"))
    if in_comment and not ended:
        # YAML's `>` folds lines into one: the comment would swallow the parts after it, and nobody would notice.
        raise InvalidValue(SWALLOWED, "write `format: |`, which keeps lines apart, and end the directive with `;`")
    return tuple(words)


def without_escapes(text: str) -> str:
    r"""Return a text with nginx's `\"`, `\'`, `\\`, `\t`, `\r` and `\n` undone; any other backslash stays."""
    return _ESCAPE.sub(lambda match: _CONTROL.get(match[1], match[1]), text)


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    position = 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None:
            raise InvalidValue(_fault(text[position:]))
        yield str(token.lastgroup), token[str(token.lastgroup)]
        position = token.end()


def _fault(rest: str) -> str:
    if rest[0] in "{}":
        return f"`{rest[0]}` must stand inside quotes"
    if rest[0] == "\\":
        return "ends with a backslash"
    closed = re.match(r"""(["'])(?:(?!\1)[^\\]|\\.)*\1""", rest, re.DOTALL)
    if closed:
        return f"a blank or `;` must follow a closing quote ({rest[0]}); inside it, write \\{rest[0]}"
    return f"a quote ({rest[0]}) is not closed"
