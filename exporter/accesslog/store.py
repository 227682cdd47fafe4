"""The store: how far each log has been read and what was counted until there, committed together.

One process writes (see `lock`), any number read (see `reader`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from exporter.accesslog.accounts import AccountDeliveries, Accounts
from exporter.accesslog.counts import Counts
from exporter.accesslog.domains import FailingDomain, LearntDomains
from exporter.accesslog.position import Progress
from exporter.accesslog.progress_text import progress_text, read_progress_text
from exporter.accesslog.reader import stored_accounts, stored_counts, stored_troubles
from exporter.accesslog.schema import MIGRATIONS, STORE_NAME
from exporter.accesslog.tally import Tally, TallyState
from exporter.sqlite_file import SqliteFile, explained


@dataclass(frozen=True)
class _Written:
    """What the store holds of a log, so that only what differs is written."""

    counts: Counts = field(default_factory=dict)
    failing: Mapping[str, FailingDomain] = field(default_factory=dict)


_NOTHING_WRITTEN = _Written()


class Store:
    """The writer's side of the store. Whatever it raises is a StateError that says what to do.

    A log is loaded before it is committed. After an error nothing of that commit is in the store, and what
    has been counted since the last one is to be thrown away: load again, and read on from there.
    """

    def __init__(self, path: Path, file: SqliteFile) -> None:
        self._path = path
        self._file = file
        self._connection = file.connection
        self._written: dict[str, _Written] = {}

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Return the store of a state folder, created or brought up to date if need be."""
        path = folder / STORE_NAME
        return cls(path, SqliteFile.open(path, MIGRATIONS))

    def close(self) -> None:
        """Let go of the file; what was committed is safe without it."""
        self._file.close()

    def load(self, log: str) -> tuple[Progress | None, TallyState]:
        """Return what was committed last of a log: None and an empty state if nothing ever was."""
        with explained(self._path):
            counts = stored_counts(self._connection, log)
            failing = self._failing_domains(log)
            self._written[log] = _Written(counts, {place.domain: place for place in failing})
            progress, timestamp_seconds = self._progress(log)
            state = TallyState(counts, timestamp_seconds, self._accounts(log), self._learnt_domains(log), failing)
        return progress, state

    def commit(self, logs: Mapping[str, tuple[Progress, Tally]]) -> None:
        """Write what has changed in all these logs, in one transaction; their tallies' changes are then cleared."""
        written = {
            log: _Written(tally.counts(), {place.domain: place for place in tally.failing})
            for log, (_, tally) in logs.items()
        }
        with self._file.writing():
            for log, (progress, tally) in logs.items():
                self._write_log(log, progress, tally)
                self._write_counts(log, written[log].counts)
                self._write_failing_domains(log, written[log].failing)
                self._write_learnt_domains(log, tally.learnt)
                self._write_accounts(log, tally.accounts)
        self._written.update(written)
        for _, tally in logs.values():
            tally.clear_changes()

    def _progress(self, log: str) -> tuple[Progress | None, float | None]:
        query = "SELECT progress, lag_bytes, troubles, last_line_timestamp_seconds FROM logs WHERE log = ?"
        row = self._connection.execute(query, (log,)).fetchone()
        if row is None:
            return None, None
        text, lag_bytes, troubles, timestamp_seconds = row
        progress = replace(read_progress_text(text), lag_bytes=lag_bytes, troubles=stored_troubles(troubles))
        return progress, timestamp_seconds

    def _failing_domains(self, log: str) -> tuple[FailingDomain, ...]:
        query = (
            "SELECT domain, failures, used_seconds, listed FROM failing_domains WHERE log = ?"
            " ORDER BY used_seconds, place"
        )
        rows = self._connection.execute(query, (log,))
        return tuple(FailingDomain(domain, count, seconds, bool(listed)) for domain, count, seconds, listed in rows)

    def _learnt_domains(self, log: str) -> LearntDomains:
        learnt = LearntDomains()
        query = "SELECT domain, generation FROM learnt_domains WHERE log = ?"
        for domain, generation in self._connection.execute(query, (log,)):
            learnt.restore(domain, generation)
        return learnt

    def _accounts(self, log: str) -> Accounts:
        accounts = Accounts()
        for account in stored_accounts(self._connection, log):
            accounts.restore(account)
        return accounts

    def _write_log(self, log: str, progress: Progress, tally: Tally) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO logs"
            " (log, progress, lag_bytes, troubles, broken_accounts, last_line_timestamp_seconds)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (
                log,
                progress_text(progress),
                progress.lag_bytes,
                " ".join(sorted(progress.troubles)),
                tally.accounts.broken,
                tally.last_line_timestamp_seconds,
            ),
        )

    def _write_counts(self, log: str, counts: Counts) -> None:
        before = self._written.get(log, _NOTHING_WRITTEN).counts
        self._connection.executemany(
            "INSERT OR REPLACE INTO counts (log, counted, labels, value) VALUES (?, ?, ?, ?)",
            [
                (log, series.counted.value, " ".join(series.labels), value)
                for series, value in counts.items()
                if before.get(series) != value
            ],
        )

    def _write_failing_domains(self, log: str, failing: Mapping[str, FailingDomain]) -> None:
        before = self._written.get(log, _NOTHING_WRITTEN).failing
        self._connection.executemany(
            "DELETE FROM failing_domains WHERE log = ? AND domain = ?",
            [(log, domain) for domain in before if domain not in failing],
        )
        self._connection.executemany(
            "INSERT OR REPLACE INTO failing_domains (log, domain, failures, used_seconds, listed)"
            " VALUES (?, ?, ?, ?, ?)",
            [(log, *place) for domain, place in failing.items() if before.get(domain) != place],
        )

    def _write_learnt_domains(self, log: str, learnt: LearntDomains) -> None:
        for domain, generation in learnt.changes():
            if generation is None:
                self._connection.execute("DELETE FROM learnt_domains WHERE log = ? AND domain = ?", (log, domain))
            else:
                self._connection.execute(
                    "INSERT OR REPLACE INTO learnt_domains (log, domain, generation) VALUES (?, ?, ?)",
                    (log, domain, generation),
                )

    def _write_accounts(self, log: str, accounts: Accounts) -> None:
        for account_id, account in accounts.changes():
            if account is None:
                self._connection.execute("DELETE FROM accounts WHERE log = ? AND account_id = ?", (log, account_id))
            else:
                self._write_account(log, account)

    def _write_account(self, log: str, account: AccountDeliveries) -> None:
        seen = account.last_seen
        self._connection.execute(
            "INSERT OR REPLACE INTO accounts"
            " (log, account_id, failures, last_code, last_seen_timestamp_seconds, last_seen, recovered)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                log,
                account.account_id,
                account.failures,
                account.last_code,
                seen and seen.timestamp_seconds,
                seen and seen.text,
                account.recovered,
            ),
        )
