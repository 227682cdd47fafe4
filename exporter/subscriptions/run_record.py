"""What a run has told of each account, so that one that was broken off is carried on and asks nobody twice."""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from exporter.ledger import ResubscribeResult
from exporter.subscriptions.attempt import AccountResult
from exporter.subscriptions.secrets_file import SecretsFile

CARRIED_ON_SECONDS = 86400.0
"""A run that was broken off longer ago is not carried on: what it confirmed may have broken since."""
PAGE_SIZE = 1000


@dataclass(frozen=True)
class RunRecord:
    """The record of one run, and of what it carries on."""

    secrets: SecretsFile
    run_id: str

    @classmethod
    def begin(cls, secrets: SecretsFile, selection: str, now: float) -> "RunRecord":
        """Return the record of an unfinished run on the same selection of the same server, else that of a new one."""
        with secrets.file.writing() as connection:
            old = now - CARRIED_ON_SECONDS
            connection.execute("DELETE FROM runs WHERE is_finished OR started_timestamp_seconds < ?", (old,))
            connection.execute("DELETE FROM results WHERE run_id NOT IN (SELECT run_id FROM runs)")
            query = "SELECT run_id FROM runs WHERE server = ? AND selection = ?"
            found = connection.execute(query, (secrets.server, selection)).fetchone()
            run_id = found[0] if found else uuid.uuid4().hex
            query = (
                "INSERT OR IGNORE INTO runs (run_id, server, selection, started_timestamp_seconds) VALUES (?, ?, ?, ?)"
            )
            connection.execute(query, (run_id, secrets.server, selection, now))
        return cls(secrets, run_id)

    def told(self) -> frozenset[int]:
        """Return the accounts of which a result has been told."""
        with self.secrets.file.writing() as connection:
            rows = connection.execute("SELECT account_id FROM results WHERE run_id = ?", (self.run_id,))
            return frozenset(account_id for (account_id,) in rows)

    def counts(self) -> Mapping[ResubscribeResult, int]:
        """Return how many accounts had each result; results that none had are left out."""
        query = "SELECT result, count(*) FROM results WHERE run_id = ? GROUP BY result"
        with self.secrets.file.writing() as connection:
            return {ResubscribeResult(name): number for name, number in connection.execute(query, (self.run_id,))}

    def results(self) -> Iterator[AccountResult]:
        """Yield what became of each account, by id."""
        query = "SELECT account_id, result, detail FROM results WHERE run_id = ? AND account_id > ? ORDER BY 1 LIMIT ?"
        last = -1
        while True:
            with self.secrets.file.writing() as connection:
                page = connection.execute(query, (self.run_id, last, PAGE_SIZE)).fetchall()
            yield from (AccountResult(number, ResubscribeResult(name), detail) for number, name, detail in page)
            if len(page) < PAGE_SIZE:
                return
            last = page[-1][0]

    def finish(self) -> None:
        """Note that the run came to its end: the next one begins anew."""
        with self.secrets.file.writing() as connection:
            connection.execute("UPDATE runs SET is_finished = 1 WHERE run_id = ?", (self.run_id,))
