"""The tables of the ledger."""

import sqlite3

LEDGER_NAME = "ledger.sqlite3"

# `totals` outlive the runs that they are the sums of. A key in `counted_keys` has been counted and never is again.
_VERSION_1 = (
    """
    CREATE TABLE runs (
        run INTEGER PRIMARY KEY AUTOINCREMENT,
        job TEXT NOT NULL,
        state TEXT NOT NULL,
        started_timestamp_seconds REAL NOT NULL,
        heartbeat_timestamp_seconds REAL NOT NULL,
        ended_timestamp_seconds REAL,
        asked_to_stop INTEGER NOT NULL DEFAULT 0
    )
    """,
    "CREATE INDEX runs_of_a_job ON runs (job, run)",
    """
    CREATE TABLE counts (
        run INTEGER NOT NULL,
        name TEXT NOT NULL,
        labels TEXT NOT NULL,
        value INTEGER NOT NULL,
        PRIMARY KEY (run, name, labels)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE totals (
        name TEXT NOT NULL,
        labels TEXT NOT NULL,
        value INTEGER NOT NULL,
        PRIMARY KEY (name, labels)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE gauges (
        name TEXT NOT NULL,
        labels TEXT NOT NULL,
        value REAL NOT NULL,
        run INTEGER NOT NULL,
        PRIMARY KEY (name, labels)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE counted_keys (
        job TEXT NOT NULL,
        key TEXT NOT NULL,
        PRIMARY KEY (job, key)
    ) WITHOUT ROWID
    """,
)

# A run with a `carry_on_key` goes on under its own entry when it was cut short and the same work is begun again.
# `media_ranges` of run 0 are what is known of a destination, `found_by` tells which run found it out; those of another
# run are what that run has done, and are dropped with it. `acls` are those under which their objects were written.
# `counted` is what `run` has counted an object in trouble as, while it saw to that `part` of the rows; both are empty
# where no run has.
# Keys are stored as UTF-8, so that they sort as the listings of stores do.
_VERSION_2 = (
    "ALTER TABLE runs ADD COLUMN carry_on_key TEXT",
    """
    CREATE TABLE progress (
        run INTEGER NOT NULL,
        part TEXT NOT NULL,
        total INTEGER NOT NULL,
        done INTEGER NOT NULL,
        PRIMARY KEY (run, part)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE media_ranges (
        run INTEGER NOT NULL,
        destination TEXT NOT NULL,
        class TEXT NOT NULL,
        part TEXT NOT NULL,
        last INTEGER NOT NULL,
        after INTEGER NOT NULL,
        read_timestamp_seconds REAL NOT NULL,
        acls TEXT NOT NULL,
        found_by INTEGER NOT NULL,
        PRIMARY KEY (run, destination, class, part, last)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE media_troubles (
        destination TEXT NOT NULL,
        key BLOB NOT NULL,
        class TEXT NOT NULL,
        record_id INTEGER NOT NULL,
        part TEXT NOT NULL,
        result TEXT NOT NULL,
        domain TEXT,
        detail TEXT NOT NULL,
        run INTEGER NOT NULL,
        counted TEXT,
        is_wrong INTEGER NOT NULL,
        PRIMARY KEY (destination, key)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX media_troubles_in_order ON media_troubles (destination, class, record_id, key)",
    """
    CREATE TABLE media_hidden (
        destination TEXT NOT NULL,
        key BLOB NOT NULL,
        PRIMARY KEY (destination, key)
    ) WITHOUT ROWID
    """,
)

_WITH_MEDIA = 2

MIGRATIONS = (_VERSION_1, _VERSION_2)
"""What makes version n of the ledger out of version n - 1, one after the other. Versions in use never change."""


def has_media(connection: sqlite3.Connection) -> bool:
    """Return whether a ledger that is only read, so that nothing brings it up to date, has the tables of version 2."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version) >= _WITH_MEDIA
