"""The first line of a backup: what the rows below it must be."""

import json
from dataclasses import asdict, dataclass
from typing import Any, Self

from exporter.errors import BackupError

FORMAT = "mastodon-subscriptions"
FORMAT_VERSION = 1
MOST_ROWS = 20_000_000
MOST_COLUMNS = 100
NEEDED_COLUMNS = frozenset({"id", "account_id", "callback_url", "expires_at", "confirmed"})


@dataclass(frozen=True)
class BackupHeader:
    """`created` is a time in ISO 8601; `columns` are those of the table; `sha256` is that of all lines below it."""

    created: str
    count: int
    columns: tuple[str, ...]
    sha256: str

    def line(self) -> bytes:
        """Return the line of the file, line feed included."""
        fields = {"format": FORMAT, "version": FORMAT_VERSION, **asdict(self)}
        return json.dumps(fields).encode() + b"\n"

    @classmethod
    def parse(cls, line: bytes) -> Self:
        """Return the header that a line holds; BackupError, without the name of the file, if it holds none."""
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError):
            raise BackupError("it is not a backup of subscriptions") from None
        if not isinstance(fields, dict) or fields.get("format") != FORMAT:
            raise BackupError("it is not a backup of subscriptions")
        if fields.get("version") != FORMAT_VERSION:
            raise BackupError("a newer mastodon-remedy has written it; restore it with that one")
        header = cls(
            fields.get("created", ""), fields.get("count", -1), tuple(_columns(fields)), fields.get("sha256", "")
        )
        if not header.is_sound():
            raise BackupError("its first line is damaged")
        return header

    def is_sound(self) -> bool:
        """Tell whether every field has a value that it can have."""
        texts = (self.created, self.sha256, *self.columns)
        counted = type(self.count) is int and 0 <= self.count <= MOST_ROWS
        return counted and all(isinstance(text, str) for text in texts) and NEEDED_COLUMNS.issubset(self.columns)


def _columns(fields: dict[str, Any]) -> list[Any]:
    columns = fields.get("columns")
    return columns[:MOST_COLUMNS] if isinstance(columns, list) else []
