"""Single values: a text in, a value out, or InvalidValue with the rule it breaks.

A rule never quotes the text; what would quote it goes into the hint.
"""

import difflib
import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

import re2

from exporter.config.model import AddressFamilies, Keyword
from exporter.config.problems import shown
from exporter.errors import InvalidValue

LONGEST_TIMEOUT_SECONDS = 120.0

Choice = TypeVar("Choice", bound=StrEnum)

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SWITCHES = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")
_DURATION_PART = re.compile(rf"({_NUMBER.pattern})(ms|s|m|h)")
_DURATION = re.compile(rf"({_DURATION_PART.pattern})+")
_ACCOUNT = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?")
_NOT_IN_NAMES = ("Cc", "Zl", "Zp")
_LONGEST_EXPRESSION = 1000
_SIZE = re.compile(rf"({_NUMBER.pattern}) ?(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)")
_BYTES = {
    **{unit: 1000**power for power, unit in enumerate(("B", "kB", "MB", "GB", "TB"))},
    **{unit: 1024**power for power, unit in enumerate(("KiB", "MiB", "GiB", "TiB"), start=1)},
}


@dataclass(frozen=True)
class Expression:
    """A compiled RE2 expression; two are equal when their texts are."""

    text: str
    compiled: Any = field(compare=False, repr=False)

    def search(self, text: str) -> object | None:
        """Return a match, or None."""
        match: object | None = self.compiled.search(text.encode("utf-8", "replace"))
        return match


def substitute(written: str, environ: Mapping[str, str]) -> str:
    """Return a text with each `${NAME}` replaced from the environment; any other `$` stays."""
    names = _VARIABLE.findall(written)
    unset = [name for name in dict.fromkeys(names) if name not in environ]
    if unset:
        raise InvalidValue("not set in the environment: " + ", ".join(f"`{name}`" for name in unset))
    return _VARIABLE.sub(lambda match: _utf8(match[1], environ), written)


def _utf8(name: str, environ: Mapping[str, str]) -> str:
    value = environ[name]
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise InvalidValue(f"environment variable `{name}` is not UTF-8")
    return value


def nearest(word: str, known: Collection[str]) -> str | None:
    """Return the known word that `word` was most likely meant to be, or None."""
    return next(iter(difflib.get_close_matches(word.lower(), known, n=1)), None)


def unknown(kind: str, word: str, known: Collection[str]) -> str:
    """Return the message for a word that is none of the known ones."""
    guess = nearest(word, known)
    advice = f", did you mean `{guess}`?" if guess else f"; known here: {', '.join(known)}"
    return f"unknown {kind} `{shown(word)}`{advice}"


def switch(text: str) -> bool:
    """Return what one of YAML's words for true and false says."""
    if text.lower() not in _SWITCHES:
        raise InvalidValue("must be `true` or `false`")
    return _SWITCHES[text.lower()]


def duration_seconds(text: str) -> float:
    """Return the seconds of a duration such as `8s`, `500ms` or `1m30s`."""
    if _NUMBER.fullmatch(text):
        raise InvalidValue("a duration needs a unit (ms, s, m, h)", f"write `{shown(text)}s` for seconds")
    if not _DURATION.fullmatch(text):
        raise InvalidValue("must be a duration, such as `8s`, `500ms` or `1m`")
    return sum(float(part[1]) * _SECONDS[part[3]] for part in _DURATION_PART.finditer(text))


def duration_between(shortest_seconds: float, longest_seconds: float, text: str) -> float:
    """Return the seconds of a duration that lies between two bounds, both included."""
    seconds = duration_seconds(text)
    if not shortest_seconds <= seconds <= longest_seconds:
        raise InvalidValue(f"must be from {shortest_seconds:g}s to {longest_seconds:g}s")
    return seconds


def timeout_seconds(text: str) -> float:
    """Return the seconds of a duration that a probe may take."""
    seconds = duration_seconds(text)
    if not 0 < seconds <= LONGEST_TIMEOUT_SECONDS:
        raise InvalidValue(f"must be more than 0 and at most {LONGEST_TIMEOUT_SECONDS:g}s")
    return seconds


def choice(words: type[Choice], text: str) -> Choice:
    """Return which of a few words this is."""
    try:
        return words(text)
    except ValueError:
        *most, last = (f"`{word}`" for word in words)
        raise InvalidValue(f"must be {', '.join(most)} or {last}") from None


def address_families(text: str) -> AddressFamilies:
    """Return which addresses are connected to."""
    return choice(AddressFamilies, text)


def whole_number(smallest: int, largest: int, text: str) -> int:
    """Return a number without a fraction that lies between two bounds, both included."""
    digits = text if text.isascii() and text.isdigit() and len(text) <= len(str(largest)) else "-1"
    if not smallest <= int(digits) <= largest:
        raise InvalidValue(f"must be a whole number from {smallest} to {largest}")
    return int(digits)


def number_between(above: float, most: float, text: str) -> float:
    """Return a number that is more than one bound and at most the other."""
    if not _NUMBER.fullmatch(text) or not above < float(text) <= most:
        raise InvalidValue(f"must be a number above {above:g} and at most {most:g}")
    return float(text)


def size_bytes(smallest: int, largest: int, text: str) -> int:
    """Return the bytes of a size such as `256MiB` that lies between two bounds, both included."""
    match = _SIZE.fullmatch(text)
    if match is None:
        hint = f"write `{shown(text)}MiB` for mebibytes" if _NUMBER.fullmatch(text) else ""
        raise InvalidValue("must be a size with its unit, such as `256MiB` or `1GB`", hint)
    size = int(float(match[1]) * _BYTES[match[3]])
    if not smallest <= size <= largest:
        raise InvalidValue(f"must be from {smallest // 1024**2}MiB to {largest // 1024**2}MiB")
    return size


def label_value(text: str) -> str:
    """Return a name that is shown as the value of a label."""
    if not text:
        raise InvalidValue("must not be empty")
    if text != text.strip():
        raise InvalidValue("must not begin or end with a space")
    if any(unicodedata.category(character) in _NOT_IN_NAMES for character in text):
        raise InvalidValue("must not hold control characters or line breaks")
    return text


def instance_name(text: str) -> str:
    """Return the name of an instance, which is a label, a probe's target and part of a URL."""
    if "/" in text:
        raise InvalidValue("must not hold `/`: a target with `/` is taken for a URL")
    return label_value(text)


def account_name(text: str) -> str:
    """Return the part of an account's handle before the domain."""
    local = text.removeprefix("@").partition("@")[0]
    hint = f"write `{local}`" if _ACCOUNT.fullmatch(local) else ""
    if "@" in text:
        raise InvalidValue("must be the account's name alone, without `@` and domain", hint)
    if not _ACCOUNT.fullmatch(text):
        raise InvalidValue("must be an account's name: letters, digits and `_`, inside it also `.` and `-`")
    return text


def web_path(text: str) -> str:
    """Return the path of a page on the instance."""
    if not text.startswith("/") or text.startswith("//"):
        raise InvalidValue("must begin with one `/`, such as `/about`")
    if not text.isascii() or not text.isprintable() or " " in text:
        raise InvalidValue("must be ASCII without spaces; write other characters percent-encoded")
    if "?" in text or "#" in text:
        raise InvalidValue("must not hold `?` or `#`")
    return text


def keyword(text: str) -> Keyword:
    """Return a keyword that is looked for as it is."""
    if not text.strip():
        raise InvalidValue("must not be empty: an empty keyword is in every page")
    return Keyword(text)


def keyword_expression(text: str) -> Keyword:
    """Return a keyword that is an RE2 expression."""
    if not text.strip():
        raise InvalidValue("must not be empty: an empty expression matches every page")
    if len(text) > _LONGEST_EXPRESSION:
        raise InvalidValue(f"must not be longer than {_LONGEST_EXPRESSION} characters")
    pattern = Expression(text, _compiled(text))
    # No sensible keyword matches both nothing at all and a NUL: this one matches the empty text wherever it looks.
    if pattern.search("") and pattern.search("\0"):
        raise InvalidValue("matches an empty text, hence every page; ask for at least one character")
    return Keyword(text, pattern)


def _compiled(text: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(text, options)
    except re2.error as error:
        raise InvalidValue("is not an RE2 regular expression", f"RE2 says: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    reason = error.args[0] if error.args else ""
    return shown(reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason))
