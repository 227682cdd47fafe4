"""What earlier runs left: attempts that a killed run broke off, and secrets kept for hubs that verify late."""

import logging
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import timedelta

from exporter.ledger import ResubscribeResult as Result
from exporter.subscriptions.account_rows import AccountRow
from exporter.subscriptions.attempt import AccountResult, Attempt, Stage
from exporter.subscriptions.confirmations import Confirmations
from exporter.subscriptions.judgement import is_settled_by
from exporter.subscriptions.settling import Settling

KEPT_FOR = timedelta(days=7)
"""So long a hub that has not verified may still do so: no hub tries for longer than the lease it was asked for."""

NOT_VERIFIED = "its hub took it, and has not verified it yet; the old secret is back, and --pending looks again"

_BROKEN_OFF = "a run was broken off before its hub answered, and nothing came since; ask again"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Leftovers:
    """What is to be settled before anything else is asked. Every method raises DatabaseError and StoreError."""

    settling: Settling
    confirm_timeout_seconds: float

    def await_broken_off(self, confirmations: Confirmations, run_id: str, chosen: AbstractSet[int] | None) -> None:
        """Settle what a killed run left, or wait for it as long as that run would have.

        What becomes of a chosen account is a result of this run; None: of every account.
        """
        unsettled = self.settling.secrets.unsettled()
        attempts = [
            replace(one, run_id=run_id) if chosen is None or one.account_id in chosen else one for one in unsettled
        ]
        rows = self.settling.rows.look([attempt.account_id for attempt in attempts])
        for attempt in attempts:
            row = rows.get(attempt.account_id)
            if row is None or attempt.decided is not None or attempt.stage is Stage.PREPARED:
                self.settling.settle(attempt, attempt.decided)
            else:
                confirmations.add(attempt, self._remaining_seconds(attempt, row), _otherwise(attempt))

    def settle_kept(self, run_id: str, chosen: AbstractSet[int]) -> None:
        """Take up the secrets that hubs came to know since, and let go of those that are of no use any more.

        What becomes of a chosen account is a result of this run.
        """
        attempts = self.settling.secrets.kept()
        rows = self.settling.rows.look([attempt.account_id for attempt in attempts])
        for attempt in attempts:
            row = rows.get(attempt.account_id)
            run = run_id if attempt.account_id in chosen else attempt.run_id
            if row is None or row.secret not in (attempt.old_secret, attempt.new_secret) or _is_too_old(attempt, row):
                _log.info("a kept secret is of no use any more", extra={"account_id": attempt.account_id})
                self.settling.secrets.settle(attempt, None, keep=False)
            elif is_settled_by(attempt, row):
                self.settling.settle(replace(attempt, run_id=run), attempt.decided)

    def settle_pending(self, run_id: str) -> None:
        """Tell of every secret that is kept what has become of it."""
        attempts = self.settling.secrets.kept()
        rows = self.settling.rows.look([attempt.account_id for attempt in attempts])
        for attempt in attempts:
            row = rows.get(attempt.account_id)
            if row is not None and not is_settled_by(attempt, row) and _is_too_old(attempt, row):
                self._give_up(replace(attempt, run_id=run_id))
            else:
                told = attempt.decided or AccountResult(attempt.account_id, Result.FAILED, _BROKEN_OFF)
                self.settling.settle(replace(attempt, run_id=run_id), told)

    def _give_up(self, attempt: Attempt) -> None:
        words = f"its hub has not verified it for {KEPT_FOR.days} days; the new secret is given up"
        self.settling.settle(
            replace(attempt, may_be_known=False), AccountResult(attempt.account_id, Result.SKIPPED, words)
        )

    def _remaining_seconds(self, attempt: Attempt, row: AccountRow) -> float:
        waited_seconds = (row.seen - attempt.started).total_seconds()
        return max(0.0, self.confirm_timeout_seconds - waited_seconds)


def _otherwise(attempt: Attempt) -> AccountResult | None:
    if attempt.stage is Stage.ACCEPTED:
        return AccountResult(attempt.account_id, Result.ACCEPTED, NOT_VERIFIED)
    return None


def _is_too_old(attempt: Attempt, row: AccountRow) -> bool:
    return not is_settled_by(attempt, row) and row.seen - attempt.started > KEPT_FOR
