"""One look at a configured database, before anything relies on it: can it be read, what is it, what may its role do?"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from psycopg2.extensions import cursor

from exporter.config import DatabaseSettings
from exporter.errors import DatabaseError
from exporter.mastodon.database import Database
from exporter.mastodon.shape import Shape, read_shape

_GRANTS = "docs/database.md has the statements for a role that may read only"

# Of a superuser and of the owner of a table, every privilege is true.
_ROLE = """
SELECT current_user, rolsuper, pg_is_in_recovery() FROM pg_roles WHERE rolname = current_user
"""
_RIGHTS = """
SELECT has_any_column_privilege(oid, 'SELECT'),
    has_any_column_privilege(oid, 'INSERT, UPDATE') OR has_table_privilege(oid, 'DELETE, TRUNCATE')
FROM pg_class WHERE oid = to_regclass(%s)
"""
_READ = ("accounts", "follows", "subscriptions", "unavailable_domains")
_WRITTEN = ("accounts", "subscriptions")


@dataclass(frozen=True)
class DatabaseFindings:
    """What there is of a database, in one line of words, and what somebody should do about it."""

    summary: str
    warnings: tuple[str, ...] = ()


def look_over_database(settings: DatabaseSettings) -> DatabaseFindings:
    """Return what a database looks like now; one that cannot be used is a warning."""
    try:
        with closing(Database(settings, "mastodon-exporter check-config")) as database, database.reading() as reading:
            return _findings(reading, read_shape(reading))
    except DatabaseError as error:
        return DatabaseFindings("database: cannot be used", (f"database: {error}",))


def shape_in_words(shape: Shape) -> str:
    """Return what a server with this database speaks, and which Mastodon that is."""
    if not shape.speaks_pubsubhubbub:
        gives_up = "" if shape.has("unavailable_domains") else ", keeps no list of servers it has given up"
        return f"speaks ActivityPub only (Mastodon 3.0 or newer){gives_up}"
    versions = "1.6 to 2.9" if shape.asks_only_the_subscribed else "1.1 to 1.5"
    kept = ", keeps subscriptions that were given up" if shape.soft_deletes_subscriptions else ""
    return f"speaks PubSubHubbub (Mastodon {versions}){kept}"


def _findings(reading: cursor, shape: Shape) -> DatabaseFindings:
    reading.execute(_ROLE)
    ((role, is_superuser, is_replica),) = reading.fetchall()
    replica = ", a read-only replica" if is_replica else ""
    return DatabaseFindings(
        f"database: {shape_in_words(shape)}; the role is `{role}`{replica}",
        tuple(f"database: {warning}" for warning in _warnings(reading, shape, role, is_superuser=is_superuser)),
    )


def _warnings(reading: cursor, shape: Shape, role: str, *, is_superuser: bool) -> Iterator[str]:
    rights = {table: _rights(reading, table) for table in _READ if shape.has(table)}
    unread = [table for table, (may_read, _) in rights.items() if not may_read]
    written = [table for table in _WRITTEN if table in rights and rights[table][1]]
    if unread:
        yield f"the role `{role}` may not read {_listed(unread)}; {_GRANTS}"
    if is_superuser:
        yield f"the role `{role}` is a superuser, and may do anything; {_GRANTS}"
    elif written:
        yield f"the role `{role}` may write to {_listed(written)}, which the exporter never does; {_GRANTS}"


def _rights(reading: cursor, table: str) -> tuple[bool, bool]:
    """Return whether the role may read of a table, and whether it may write to it."""
    reading.execute(_RIGHTS, (table,))
    ((may_read, may_write),) = reading.fetchall()
    return may_read, may_write


def _listed(tables: list[str]) -> str:
    return " and ".join(f"`{table}`" for table in tables)
