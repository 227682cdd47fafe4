"""Keeping the subscriptions that other servers have with ours: all rows of the table, as they were at one instant."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from psycopg2.extensions import cursor

from exporter.mastodon.database import Database
from exporter.subscriptions.backup_file import write_backup
from exporter.subscriptions.backup_header import BackupHeader
from exporter.subscriptions.hub_table import read_hub_shape

ROWS_A_PAGE = 1000

_PAGE = """
SELECT page.id, row_to_json(page)::text FROM (
    SELECT subscriptions.*, accounts.username AS account_username
    FROM subscriptions LEFT JOIN accounts ON accounts.id = subscriptions.account_id
    WHERE subscriptions.id > %s ORDER BY subscriptions.id LIMIT %s
) AS page ORDER BY page.id
"""

Progress = Callable[[int], None]
"""Told how many rows have been dealt with since it was last called."""


def dated(file: str, moment: datetime) -> Path:
    """Return the path of a file whose name may hold `{date}`: the day, such as 2017-04-21."""
    return Path(file.replace("{date}", moment.date().isoformat()))


def back_up(database: Database, path: Path, moment: datetime, progress: Progress) -> BackupHeader:
    """Write every subscription into a file, secrets included, and return its header.

    Raises BackupError where the file cannot be written, and DatabaseError.
    """
    with database.reading() as reading:
        read_hub_shape(reading)
        columns = _columns(reading)
        return write_backup(
            path,
            _rows(reading, progress),
            lambda count, sha256: BackupHeader(moment.isoformat(timespec="seconds"), count, columns, sha256),
        )


def count_subscriptions(database: Database) -> int:
    """Return how many rows a backup would have."""
    with database.reading() as reading:
        read_hub_shape(reading)
        reading.execute("SELECT count(*) FROM subscriptions")
        ((count,),) = reading.fetchall()
        return int(count)


def _columns(reading: cursor) -> tuple[str, ...]:
    reading.execute("SELECT * FROM subscriptions LIMIT 0")
    return tuple(column.name for column in reading.description or ())


def _rows(reading: cursor, progress: Progress) -> Iterator[str]:
    last_id = 0
    while True:
        reading.execute(_PAGE, (last_id, ROWS_A_PAGE))
        page = reading.fetchall()
        if not page:
            return
        yield from (row for _, row in page)
        last_id = page[-1][0]
        progress(len(page))
