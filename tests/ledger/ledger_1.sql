-- A ledger as the first release has made it, with a run that counted seven accounts and was killed.
CREATE TABLE runs (
    run INTEGER PRIMARY KEY AUTOINCREMENT,
    job TEXT NOT NULL,
    state TEXT NOT NULL,
    started_timestamp_seconds REAL NOT NULL,
    heartbeat_timestamp_seconds REAL NOT NULL,
    ended_timestamp_seconds REAL,
    asked_to_stop INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX runs_of_a_job ON runs (job, run);
CREATE TABLE counts (
    run INTEGER NOT NULL,
    name TEXT NOT NULL,
    labels TEXT NOT NULL,
    value INTEGER NOT NULL,
    PRIMARY KEY (run, name, labels)
) WITHOUT ROWID;
CREATE TABLE totals (
    name TEXT NOT NULL,
    labels TEXT NOT NULL,
    value INTEGER NOT NULL,
    PRIMARY KEY (name, labels)
) WITHOUT ROWID;
CREATE TABLE gauges (
    name TEXT NOT NULL,
    labels TEXT NOT NULL,
    value REAL NOT NULL,
    run INTEGER NOT NULL,
    PRIMARY KEY (name, labels)
) WITHOUT ROWID;
CREATE TABLE counted_keys (
    job TEXT NOT NULL,
    key TEXT NOT NULL,
    PRIMARY KEY (job, key)
) WITHOUT ROWID;
INSERT INTO runs VALUES (1, 'resubscribe', 'running', 1492776000.0, 1492776000.0, NULL, 0);
INSERT INTO counts VALUES (1, 'resubscribe_accounts', '["confirmed"]', 7);
INSERT INTO totals VALUES ('resubscribe_accounts', '["confirmed"]', 7);
INSERT INTO counted_keys VALUES ('resubscribe', 'a');
PRAGMA user_version = 1;
