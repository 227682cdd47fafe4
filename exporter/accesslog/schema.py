"""The tables of the store."""

STORE_NAME = "accesslogs.sqlite3"
LOCK_NAME = "accesslogs.lock"
"""Held by the one process that follows the logs of a state folder."""

# `place` grows with each write, so that it tells the order of what was used when. It is unique over all logs.
_VERSION_1 = (
    """
    CREATE TABLE logs (
        log TEXT PRIMARY KEY,
        progress TEXT NOT NULL,
        lag_bytes INTEGER NOT NULL,
        troubles TEXT NOT NULL,
        broken_accounts INTEGER NOT NULL,
        last_line_timestamp_seconds REAL
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE counts (
        log TEXT NOT NULL,
        counted TEXT NOT NULL,
        labels TEXT NOT NULL,
        value INTEGER NOT NULL,
        PRIMARY KEY (log, counted, labels)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE failing_domains (
        place INTEGER PRIMARY KEY,
        log TEXT NOT NULL,
        domain TEXT NOT NULL,
        failures INTEGER NOT NULL,
        used_seconds REAL NOT NULL,
        listed INTEGER NOT NULL,
        UNIQUE (log, domain)
    )
    """,
    """
    CREATE TABLE learnt_domains (
        log TEXT NOT NULL,
        domain TEXT NOT NULL,
        generation INTEGER NOT NULL,
        PRIMARY KEY (log, domain)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE accounts (
        place INTEGER PRIMARY KEY,
        log TEXT NOT NULL,
        account_id INTEGER NOT NULL,
        failures INTEGER NOT NULL,
        last_code INTEGER NOT NULL,
        last_seen_timestamp_seconds REAL,
        last_seen TEXT,
        recovered INTEGER NOT NULL,
        UNIQUE (log, account_id)
    )
    """,
)

MIGRATIONS = (_VERSION_1,)
"""What makes version n of the store out of version n - 1, one after the other. Versions in use never change."""
