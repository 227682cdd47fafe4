"""Logging: readable lines on a terminal, one JSON object a line for machines."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TextIO

FORMATS = ("text", "json")

_OWN_LOGGER = "exporter"
_HANDLER_NAME = "mastodon-exporter"
_RECORD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def configure(
    level: str,
    format: str | None = None,  # noqa: A002 - the name users know from --log-format
    stream: TextIO | None = None,
) -> None:
    """Send every log line to a stream, standard error by default; a second call replaces the first.

    Without a format, lines are text on a terminal and JSON elsewhere. The level is that of this
    program alone: libraries write warnings and worse, because their debug lines can hold credentials.
    """
    target = stream if stream is not None else sys.stderr
    chosen = format or ("text" if target.isatty() else "json")
    handler = logging.StreamHandler(target)
    handler.set_name(_HANDLER_NAME)
    handler.setFormatter(JsonFormatter() if chosen == "json" else TextFormatter())
    _install(handler)
    logging.getLogger(_OWN_LOGGER).setLevel(level.upper())


def configured() -> tuple[str, str | None]:
    """Return the level and the format in force, as `configure` takes them, for a process of the same program."""
    handlers = (one for one in logging.getLogger().handlers if one.get_name() == _HANDLER_NAME)
    formats = ["json" if isinstance(one.formatter, JsonFormatter) else "text" for one in handlers]
    level = logging.getLevelName(logging.getLogger(_OWN_LOGGER).getEffectiveLevel())
    return level.lower(), next(iter(formats), None)


def _install(handler: logging.Handler) -> None:
    root = logging.getLogger()
    for one in [one for one in root.handlers if one.get_name() == _HANDLER_NAME]:
        root.removeHandler(one)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)


class TextFormatter(logging.Formatter):
    """Time, level, logger, message, then the extra fields as key=value; only a traceback takes further lines."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; characters that could forge another line or steer a terminal are escaped."""
        head = f"{_time(record)} {_level(record)} {record.name} {_escaped(record.getMessage())}"
        fields = [f"{_escaped(key)}={_quoted(str(value))}" for key, value in _extra(record).items()]
        traceback = [f"  {_escaped(line)}" for line in self._traceback(record).splitlines()]
        return "\n".join([" ".join([head, *fields]), *traceback])

    def _traceback(self, record: logging.LogRecord) -> str:
        return self.formatException(record.exc_info) if record.exc_info else ""


class JsonFormatter(logging.Formatter):
    """One JSON object: time (RFC 3339, UTC), level, logger, message, the extra fields, and any traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the object in one line of ASCII; what JSON has no type for is written as text."""
        document: dict[str, object] = {
            "time": _time(record),
            "level": _level(record),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            document["exception"] = self.formatException(record.exc_info)
        extra = {key: value for key, value in _extra(record).items() if key not in document}
        return json.dumps(document | extra, default=str)


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _level(record: logging.LogRecord) -> str:
    return record.levelname.lower()


def _extra(record: logging.LogRecord) -> dict[str, object]:
    return {key: value for key, value in vars(record).items() if key not in _RECORD_FIELDS}


def _quoted(value: str) -> str:
    if value and value.isprintable() and not set(value) & set(' "=\\'):
        return value
    return '"' + _escaped(value.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def _escaped(text: str) -> str:
    # Not printable are, among others, line ends, escape sequences and marks that turn the writing direction.
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )
