"""The tables of the ledger."""

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

MIGRATIONS = (_VERSION_1,)
"""What makes version n of the ledger out of version n - 1, one after the other. Versions in use never change."""
