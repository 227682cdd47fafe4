"""A server's table of subscriptions, as the tests of backup, restore and undelete fill it and look at it."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from exporter.config import DatabaseSettings, Secret
from exporter.mastodon.database import Database
from exporter.subscriptions.backup import back_up
from exporter.subscriptions.backup_file import open_backup
from exporter.subscriptions.backup_header import BackupHeader
from exporter.subscriptions.restore import plan_restore, restore
from exporter.subscriptions.row_outcome import Outcomes, Reason
from exporter.subscriptions.undelete import plan_undelete, undelete
from tests.postgres import Postgres

# The patch of servers that soft-delete: NULLs are distinct, so the index forbids no second live row.
SOFT_DELETION = """
ALTER TABLE subscriptions ADD COLUMN deleted_at timestamp without time zone;
DROP INDEX index_subscriptions_on_account_id_and_callback_url;
CREATE UNIQUE INDEX index_subscriptions_on_account_and_callback
    ON subscriptions (account_id, callback_url, deleted_at);
"""

Results = dict[int, Reason | None]


@dataclass(frozen=True)
class HubDatabase:
    """The database of a server that others subscribe to, and a file for a backup of it."""

    postgres: Postgres
    url: str
    file: Path

    def run(self, statement: str, *parameters: object) -> list[tuple[object, ...]]:
        """Return the rows of a statement, which is committed."""
        return list(self.postgres.run(self.url, statement, parameters or None))

    def table(self) -> list[tuple[object, ...]]:
        """Return every column of every subscription, as PostgreSQL itself writes it."""
        return self.run("SELECT subscriptions::text FROM subscriptions ORDER BY id")

    @contextmanager
    def database(self) -> Iterator[Database]:
        with closing(Database(DatabaseSettings(url=Secret(self.url)), "tests", 60)) as database:
            yield database

    def back_up(self) -> BackupHeader:
        with self.database() as database:
            return back_up(database, self.file, datetime(2017, 4, 21, 3, 0, tzinfo=UTC), _silent)

    def plan(self) -> Results:
        with self.database() as database, open_backup(self.file) as backup:
            return results(plan_restore(database, backup, _silent))

    def restore(self) -> Results:
        with self.database() as database, open_backup(self.file) as backup:
            return results(restore(database, backup, _silent))

    def plan_undelete(self) -> Results:
        with self.database() as database:
            return results(plan_undelete(database))

    def undelete(self) -> Results:
        with self.database() as database:
            return results(undelete(database))


def hub_database(postgres: Postgres, shape: str, folder: Path) -> HubDatabase:
    """Return an empty one: the shape of a version, or `soft` for 2.9 with soft deletion. Each shape has one a run."""
    url = _database(postgres, shape)
    tables = "SELECT string_agg(name, ', ') FROM unnest('{accounts,subscriptions}'::text[]) name"
    ((emptied,),) = postgres.run(url, f"{tables} WHERE to_regclass(name) IS NOT NULL")
    postgres.run(url, f"TRUNCATE {emptied} RESTART IDENTITY CASCADE")
    return HubDatabase(postgres, url, folder / "subscriptions.gz")


@cache
def _database(postgres: Postgres, shape: str) -> str:
    url = postgres.new_database("2.9" if shape == "soft" else shape)
    if shape == "soft":
        postgres.run(url, SOFT_DELETION)
    return url


def results(outcomes: Outcomes) -> Results:
    """Return the reason by id, and close them."""
    with closing(outcomes):
        return {outcome.subscription_id: outcome.reason for outcome in outcomes}


def _silent(_rows: int) -> None:
    pass
