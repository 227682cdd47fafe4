"""The rows of `accounts` as this remedy reads and writes them: every write of a secret is compare-and-set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from exporter.errors import DatabaseError
from exporter.mastodon.broken_connection import outlast
from exporter.mastodon.database import Database
from exporter.mastodon.shape import Shape, read_shape
from exporter.mastodon.subscription_rules import NOW

LOOKED_AT_ONCE = 1000

_LOOK = f"""
    SELECT id, secret, subscription_expires_at, {NOW} FROM accounts WHERE id = ANY(%s)
"""  # noqa: S608 - our own text
_REPLACE = """
    UPDATE accounts SET secret = %s, subscription_expires_at = %s
    WHERE id = %s AND secret = %s AND subscription_expires_at IS NOT DISTINCT FROM %s
"""
_MAY_WRITE = """
    UPDATE accounts SET secret = secret, subscription_expires_at = subscription_expires_at WHERE id IS NULL
"""


@dataclass(frozen=True)
class AccountRow:
    """What a row says of a subscription, at `seen` by the database's clock; times are UTC without a zone."""

    account_id: int
    secret: str = field(repr=False)
    expiry: datetime | None
    seen: datetime


class AccountRows:
    """The accounts of a database; any thread may use them. Every method raises DatabaseError; see outlast()."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def look(self, account_ids: Sequence[int]) -> Mapping[int, AccountRow]:
        """Return the rows of these accounts, as they are now; those that are gone are left out."""
        found: dict[int, AccountRow] = {}
        for start in range(0, len(account_ids), LOOKED_AT_ONCE):
            some = list(account_ids[start : start + LOOKED_AT_ONCE])
            found.update(outlast(partial(self._look, some)))
        return found

    def replace(self, row: AccountRow, secret: str, expiry: datetime | None) -> bool:
        """Write a secret and an expiry over what was read; return False, writing nothing, if that has changed."""
        if outlast(partial(self._replace, row, secret, expiry)):
            return True
        # The connection may have broken after the commit, and what was tried again then found its own work.
        found = outlast(partial(self._look, [row.account_id])).get(row.account_id)
        return found is not None and (found.secret, found.expiry) == (secret, expiry)

    def _look(self, account_ids: list[int]) -> Mapping[int, AccountRow]:
        with self._database.reading() as cursor:
            cursor.execute(_LOOK, (account_ids,))
            return {row[0]: AccountRow(*row) for row in cursor.fetchall()}

    def _replace(self, row: AccountRow, secret: str, expiry: datetime | None) -> bool:
        with self._database.writing() as cursor:
            cursor.execute(_REPLACE, (secret, expiry, row.account_id, row.secret, row.expiry))
            return cursor.rowcount == 1

    def check_may_write(self) -> None:
        """Raise DatabaseError, with what to do, if secrets cannot be written here: no right, or a replica."""
        with self._database.writing() as cursor:
            cursor.execute(_MAY_WRITE)


def server_name(database: Database, origin: str) -> str:
    """Return what tells a server's database from any other: the server's URL, and where the database is."""
    with database.reading() as cursor:
        info = cursor.connection.info
        return f"{origin}, database {info.dbname} at {info.host}:{info.port}"


def subscriber_shape(database: Database) -> Shape:
    """Return the shape of a database whose server subscribes to hubs; DatabaseError for any other."""
    with database.reading() as cursor:
        shape = read_shape(cursor)
    if not shape.speaks_pubsubhubbub:
        raise DatabaseError(
            "this server speaks no PubSubHubbub: its database is that of Mastodon 3.0 or newer, which delivers by"
            " ActivityPub alone, so that there is nothing to subscribe to; see `mastodon-remedy deliveries list`"
        )
    return shape
