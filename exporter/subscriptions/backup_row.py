"""One line of a backup: a row of the table `subscriptions`, believed only once it is known to be one."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn

from exporter.errors import BackupError

ACCOUNT_USERNAME = "account_username"
"""Beside the columns: whose account it was, so that a backup of another server is found out."""

HIGHEST_ID = 2**62
_TIMES = ("expires_at", "created_at", "updated_at", "last_successful_delivery_at", "deleted_at")
_TEXTS = ("secret", "domain", ACCOUNT_USERNAME)
_ENDLESS = ("infinity", "-infinity")


@dataclass(frozen=True)
class BackupRow:
    """A row; `content` is the rest of it as JSON in ASCII, without the id. It holds a secret, so it is never shown."""

    subscription_id: int
    content: str

    def __repr__(self) -> str:
        return f"BackupRow({self.subscription_id})"


def parse_row(line: bytes, columns: frozenset[str]) -> BackupRow:
    """Return the row of a line; BackupError tells what is wrong with it, without a word of its content."""
    values = _values(line)
    if values.keys() - {ACCOUNT_USERNAME} != columns:
        raise BackupError("its columns are not those of the first line")
    _refuse_wrong_types(values)
    subscription_id = values.pop("id")
    return BackupRow(subscription_id, json.dumps(values))


def _values(line: bytes) -> dict[str, Any]:
    try:
        values = json.loads(line, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise BackupError("it is not JSON") from None
    if not isinstance(values, dict):
        raise BackupError("it is not a row")
    return values


def _refuse(_constant: str) -> NoReturn:
    raise ValueError("JSON has no such constant")


def _refuse_wrong_types(values: dict[str, Any]) -> None:
    if not all(_is_id(values[name]) for name in ("id", "account_id")):
        raise BackupError("an id is out of range")
    if not _is_text(values["callback_url"]):
        raise BackupError("its callback is not text")
    if type(values["confirmed"]) is not bool:
        raise BackupError("`confirmed` is neither true nor false")
    if not all(_is_time(values[name]) for name in _TIMES if values.get(name) is not None):
        raise BackupError("a time in it is not one")
    if not all(_is_text(values[name]) for name in _TEXTS if values.get(name) is not None):
        raise BackupError("what should be text is not")


def _is_id(value: object) -> bool:
    return type(value) is int and 0 < value <= HIGHEST_ID


def _is_text(value: object) -> bool:
    # PostgreSQL keeps neither NUL nor half of a surrogate pair.
    return isinstance(value, str) and "\0" not in value and (value.isascii() or _is_encodable(value))


def _is_encodable(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_time(value: object) -> bool:
    if value in _ENDLESS:
        return True
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is None
    except ValueError:
        return False
