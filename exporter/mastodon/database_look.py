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
_MAY_READ = "SELECT has_any_column_privilege(to_regclass(%s), 'SELECT')"
_MAY_WRITE = """
SELECT relname FROM pg_class
WHERE relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('accounts'))
    AND relkind IN ('r', 'p', 'v', 'f')
    AND (has_any_column_privilege(oid, 'INSERT, UPDATE') OR has_table_privilege(oid, 'DELETE, TRUNCATE'))
ORDER BY relname
"""
_READ = ("accounts", "follows", "subscriptions", "unavailable_domains")
_MOST_NAMED = 5


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
    unread = [table for table in _READ if shape.has(table) and not _may_read(reading, table)]
    if unread:
        yield f"the role `{role}` may not read {_listed(unread)}; {_GRANTS}"
    if is_superuser:
        yield f"the role `{role}` is a superuser, and may do anything; {_GRANTS}"
    elif written := _written(reading):
        yield f"the role `{role}` may write to {_listed(written)}, which the exporter never does; {_GRANTS}"


def _may_read(reading: cursor, table: str) -> bool:
    """Return whether the role may read anything of a table."""
    reading.execute(_MAY_READ, (table,))
    return reading.fetchall() == [(True,)]


def _written(reading: cursor) -> list[str]:
    """Return the tables of Mastodon's schema that the role may write to, if only to a column."""
    reading.execute(_MAY_WRITE)
    return [table for (table,) in reading.fetchall()]


def _listed(tables: list[str]) -> str:
    *first, last = [f"`{table}`" for table in tables[:_MOST_NAMED]]
    if len(tables) > _MOST_NAMED:
        others = len(tables) - _MOST_NAMED
        first, last = [*first, last], f"{others} other{'' if others == 1 else 's'}"
    return f"{', '.join(first)} and {last}" if first else last
