"""A line that is a JSON object, as `escape=json` makes it."""

import json
import re
from typing import Any

from exporter.accesslog.entry import UnparsedReason
from exporter.accesslog.escaping import encodable
from exporter.accesslog.fields import TIMES, Fields

MOST_PARTS = 20_000
"""No log has lines of so many keys and values; to read one would take a hundred times its size in memory."""

_PART_SIGNS = (b",", b":", b"[", b"{")
_STATUS_TEXT = re.compile(r"[0-9]{3}")
_STATUS_NUMBER = re.compile(r"[0-9]{1,3}")
# A text is always taken whole, so that nothing inside one looks like a key; the end of one may be missing.
_MEMBER = re.compile(
    r'(?P<key>"(?:[^"\\]++|\\.)*+"?)'
    r"(?:(?P<colon>\s*+:\s*+)(?:(?P<nothing>(?=[,}]))|(?P<status>0[0-9]{2})(?=\s*+[,}])))?",
    re.DOTALL,
)


class _Number(str):
    """A number as it was written: any length, no rounding."""

    __slots__ = ()


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


# Control bytes are let through: a field may hold anything.
_DECODER = json.JSONDecoder(parse_int=_Number, parse_float=_Number, parse_constant=_refuse, strict=False)


def read_json(line: bytes) -> Fields | UnparsedReason:
    """Return what a JSON object says of a request, in any order of its keys, or why the line is not understood."""
    if len(line) > MOST_PARTS and sum(map(line.count, _PART_SIGNS)) > MOST_PARTS:
        return UnparsedReason.JSON
    values = _object(line.decode("utf-8", "surrogateescape"))
    if values is None:
        return UnparsedReason.JSON
    request = _request(values)
    if request is None:
        return UnparsedReason.REQUEST
    status = _status(values.get("status"))
    if status is None:
        return UnparsedReason.STATUS
    time = next((value for name in TIMES if (value := _text(values, name))), b"")
    host = _text(values, "host") if "host" in values else None
    return Fields(request, status, time, _text(values, "http_user_agent"), host)


def _object(text: str) -> dict[str, Any] | None:
    value = _value(text)
    if value is None:
        value = _value(_MEMBER.sub(_repair, text))
    return value if isinstance(value, dict) else None


def _value(text: str) -> object:
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError):
        return None


def _repair(member: re.Match[str]) -> str:
    """Mend what nginx writes into unquoted values: nothing for a variable that is missing, a status of 000 or 009."""
    if member["nothing"] is not None:
        return f"{member['key']}{member['colon']}null"
    if member["status"] and member["key"] == '"status"':
        return f'{member["key"]}{member["colon"]}"{member["status"]}"'
    return member[0]


def _request(values: dict[str, Any]) -> bytes | None:
    if _is_text(values.get("request")):
        return _text(values, "request")
    if _is_text(values.get("request_method")) and _is_text(values.get("request_uri")):
        return b"%s %s" % (_text(values, "request_method"), _text(values, "request_uri"))
    return None


def _status(value: object) -> bytes | None:
    if isinstance(value, _Number):
        return value.zfill(3).encode() if _STATUS_NUMBER.fullmatch(value) else None
    return value.encode() if isinstance(value, str) and _STATUS_TEXT.fullmatch(value) else None


def _is_text(value: object) -> bool:
    return isinstance(value, str) and not isinstance(value, _Number)


def _text(values: dict[str, Any], name: str) -> bytes:
    value = values.get(name)
    return encodable(value).encode("utf-8", "surrogateescape") if isinstance(value, str) else b""
