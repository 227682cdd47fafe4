"""nginx's escaping of what a client sent, undone."""

import json
import re

from exporter.config.log_format import Escaping

_HEXADECIMAL = re.compile(rb"\\x([0-9A-Fa-f]{2})")
_NOT_AN_ESCAPED_BYTE = re.compile("[\ud800-\udc7f\udd00-\udfff]")
_JSON_TEXT = json.JSONDecoder(strict=False)


def unescape(raw: bytes, escaping: Escaping) -> str:
    """Return the text that nginx logged as `raw`; bytes that are not UTF-8 are kept as surrogate escapes.

    What is not an escape of this kind stays as it is.
    """
    if escaping is Escaping.DEFAULT:
        raw = _HEXADECIMAL.sub(_byte, raw)
    text = raw.decode("utf-8", "surrogateescape")
    return _without_json_escapes(text) if escaping is Escaping.JSON else text


def encodable(text: str) -> str:
    """Return text that came from JSON, a lone surrogate that stands for no byte replaced by U+FFFD."""
    return _NOT_AN_ESCAPED_BYTE.sub("\ufffd", text)


def _byte(match: re.Match[bytes]) -> bytes:
    return bytes((int(match[1], 16),))


def _without_json_escapes(text: str) -> str:
    if "\\" not in text:
        return text
    try:
        return encodable(str(_JSON_TEXT.decode(f'"{text}"')))
    except ValueError:
        return text
