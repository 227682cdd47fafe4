"""Settling attempts: the database is made as it must be, the result counted once, the secrets forgotten or kept."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from exporter.ledger import RESUBSCRIBE_ACCOUNTS, RESUBSCRIBE_PENDING, Job, Series
from exporter.subscriptions.account_rows import AccountRow, AccountRows
from exporter.subscriptions.attempt import AccountResult, Attempt
from exporter.subscriptions.judgement import Judgement, judge
from exporter.subscriptions.secrets_file import SecretsFile

Telling = Callable[[AccountResult], None]
"""What is told of each account as soon as it is safe; called from any thread."""


@dataclass(frozen=True)
class Settling:
    """How attempts end; any thread may use it, one at a time for an account.

    Each step can be taken again after a crash in the middle of it: what is to be told is written down, the row is
    compared and set, the result is counted under the attempt's own key, and only then the attempt is let go.
    Every method raises DatabaseError and StoreError.
    """

    rows: AccountRows
    secrets: SecretsFile
    job: Job
    tell: Telling

    def settle(
        self, attempt: Attempt, otherwise: AccountResult | None, unmoved: datetime | None = None
    ) -> AccountResult | None:
        """End an attempt by what its account's row says, and return what was told.

        `otherwise` is what is told where the subscription has not moved; with None the account may be asked again,
        by an attempt with the same secret where the hub may know it. `unmoved` is as judge() takes it.
        """
        judgement = self._apply(attempt, otherwise, unmoved)
        told = judgement.told
        if told is None:
            self.secrets.settle(attempt, None, keep=judgement.keep)
            return None
        if not attempt.has_told(told):
            self._count(attempt, told)
        self.secrets.settle(replace(attempt, decided=told), told, keep=judgement.keep)
        self.job.forget(_key(attempt, told))
        self.tell(told)
        return told

    def skip(self, run_id: str, results: Sequence[AccountResult]) -> None:
        """Tell of accounts that are not asked."""
        keys = [f"{run_id}/{result.account_id}" for result in results]
        for key, result in zip(keys, results, strict=True):
            self.job.count_once(key, Series(RESUBSCRIBE_ACCOUNTS, (result.result,)))
        self.secrets.note(run_id, results)
        self.job.forget(*keys)
        for result in results:
            self.tell(result)

    def tell_pending(self) -> None:
        """Have the ledger tell how many attempts are not settled."""
        self.job.set_gauge(Series(RESUBSCRIBE_PENDING), self.secrets.count())

    def _apply(self, attempt: Attempt, otherwise: AccountResult | None, unmoved: datetime | None) -> Judgement:
        # Whoever changes the row between the look and the write is looked at in the next round.
        while True:
            row = self.rows.look([attempt.account_id]).get(attempt.account_id)
            judgement = judge(attempt, row, otherwise, unmoved)
            if judgement.told is not None and not attempt.has_told(judgement.told):
                self.secrets.write(attempt.deciding(judgement.told))
            if self._write(row, judgement):
                return judgement

    def _write(self, row: AccountRow | None, judgement: Judgement) -> bool:
        if row is None or judgement.secret is None or (judgement.secret, judgement.expiry) == (row.secret, row.expiry):
            return True
        return self.rows.replace(row, judgement.secret, judgement.expiry)

    def _count(self, attempt: Attempt, told: AccountResult) -> None:
        self.job.count_once(_key(attempt, told), Series(RESUBSCRIBE_ACCOUNTS, (told.result,)))


def _key(attempt: Attempt, told: AccountResult) -> str:
    return f"{attempt.attempt_id}/{told.result}"
