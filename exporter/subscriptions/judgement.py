"""What became of an attempt, told by the account's row: pure rules, and what is then to be written."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from exporter.ledger import ResubscribeResult
from exporter.subscriptions.account_rows import AccountRow
from exporter.subscriptions.attempt import AccountResult, Attempt, Stage

UNTOLD_LEASE = timedelta(seconds=86400)
"""What Mastodon takes for the lease where the request that it answers tells none (its callback, facts 1.4)."""
DENIAL_SLACK = timedelta(seconds=60)
"""Between the moments that two clocks, and two machines, tell."""

# GNU social verifies without a lease; any other hub has to tell one, so that only its refusal comes without.
_HUB_OF_GNU_SOCIAL = "/main/push/hub"


@dataclass(frozen=True)
class Judgement:
    """What is to be told of an attempt (None: nothing yet), whether to keep its new secret, and the row as it must be.

    `secret` None: the row is to be left as it is.
    """

    told: AccountResult | None
    keep: bool = False
    secret: str | None = field(default=None, repr=False)
    expiry: datetime | None = None


def is_settled_by(attempt: Attempt, row: AccountRow | None) -> bool:
    """Tell whether an account's row tells already what became of an attempt, so that waiting is over."""
    return row is None or _is_of_another(attempt, row) or _has_moved(attempt, row)


def judge(attempt: Attempt, row: AccountRow | None, otherwise: AccountResult | None) -> Judgement:
    """Return what became of an attempt; `otherwise` is told where its subscription has not moved."""
    if row is None:
        return Judgement(_told(attempt, ResubscribeResult.SKIPPED, "the account is gone from the database"))
    if _is_of_another(attempt, row):
        return Judgement(_taken_over(attempt))
    if not _has_moved(attempt, row):
        return Judgement(otherwise, attempt.may_be_known, attempt.old_secret, row.expiry)
    if _is_denied(attempt, row):
        denied = _told(attempt, ResubscribeResult.REFUSED, "its hub denied the subscription; the old secret is back")
        return Judgement(denied, secret=attempt.old_secret, expiry=attempt.old_expiry)
    until = f"its hub verified it; subscribed until {row.expiry:%Y-%m-%d %H:%M:%S} UTC"
    return Judgement(_told(attempt, ResubscribeResult.CONFIRMED, until), secret=attempt.new_secret, expiry=row.expiry)


def _is_of_another(attempt: Attempt, row: AccountRow) -> bool:
    return row.secret not in (attempt.old_secret, attempt.new_secret)


def _has_moved(attempt: Attempt, row: AccountRow) -> bool:
    return attempt.may_be_known and row.expiry is not None and row.expiry != attempt.old_expiry


def _taken_over(attempt: Attempt) -> AccountResult:
    words = "the server stored a secret of its own meanwhile, which stays"
    if attempt.stage in (Stage.ASKED, Stage.ACCEPTED):
        return _told(attempt, ResubscribeResult.FAILED, f"{words}; its hub may know either, so ask once more")
    return _told(attempt, ResubscribeResult.SKIPPED, words)


def _is_denied(attempt: Attempt, row: AccountRow) -> bool:
    """Tell whether the expiry moved as Mastodon moves it for whoever tells no lease: a day from that moment on.

    The moment lies between the attempt's start and now.
    """
    if row.expiry is None or urlsplit(attempt.hub_url).path.rstrip("/").endswith(_HUB_OF_GNU_SOCIAL):
        return False
    moved = row.expiry - UNTOLD_LEASE
    return attempt.started - DENIAL_SLACK <= moved <= row.seen + DENIAL_SLACK


def _told(attempt: Attempt, result: ResubscribeResult, detail: str) -> AccountResult:
    return AccountResult(attempt.account_id, result, detail)
