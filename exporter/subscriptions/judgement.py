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

LONGEST_UNSEEN = timedelta(hours=1)
"""Where the row was not looked at for longer, a lease of some days that a hub granted meanwhile looks like a denial."""

# GNU social verifies without a lease; any other hub has to tell one, so that only its refusal comes without.
_HUB_OF_GNU_SOCIAL = "/main/push/hub"

_DENIED = "its hub denied the subscription, or granted a single day; the old secret is back"


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


def judge(
    attempt: Attempt, row: AccountRow | None, otherwise: AccountResult | None, unmoved: datetime | None = None
) -> Judgement:
    """Return what became of an attempt; `otherwise` is told where its subscription has not moved.

    `unmoved`: when the row was last seen with its old expiry, by the database's clock; None: when the attempt began.
    """
    if row is None:
        return Judgement(_told(attempt, ResubscribeResult.SKIPPED, "the account is gone from the database"))
    if _is_of_another(attempt, row):
        return Judgement(_taken_over(attempt))
    if not _has_moved(attempt, row):
        return Judgement(otherwise, attempt.may_be_known, attempt.old_secret, row.expiry)
    if _is_denied(attempt, row, unmoved or attempt.started):
        denied = _told(attempt, ResubscribeResult.REFUSED, _DENIED)
        # Kept, for nothing tells a denial from a lease of a single day.
        return Judgement(denied, keep=True, secret=attempt.old_secret, expiry=attempt.old_expiry)
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


def _is_denied(attempt: Attempt, row: AccountRow, unmoved: datetime) -> bool:
    """Tell whether the expiry moved as Mastodon moves it for whoever tells no lease: a day from that moment on.

    The moment lies between the last look that saw the old expiry and this one. Where these are far apart, and where
    nobody looked because the attempt was kept, most leases would fit, so that nothing is taken for a denial.
    """
    if row.expiry is None or urlsplit(attempt.hub_url).path.rstrip("/").endswith(_HUB_OF_GNU_SOCIAL):
        return False
    if not (_was_denied(attempt) or _is_awaited(attempt, row, unmoved)):
        return False
    moved = row.expiry - UNTOLD_LEASE
    return unmoved - DENIAL_SLACK <= moved <= row.seen + DENIAL_SLACK


def _was_denied(attempt: Attempt) -> bool:
    """Tell whether a run that was killed had found so, and not come to write the row."""
    decided = attempt.decided
    return attempt.stage is not Stage.KEPT and decided is not None and decided.result is ResubscribeResult.REFUSED


def _is_awaited(attempt: Attempt, row: AccountRow, unmoved: datetime) -> bool:
    if attempt.stage is Stage.KEPT or row.seen - unmoved > LONGEST_UNSEEN:
        return False
    return attempt.decided is None or attempt.decided.result is not ResubscribeResult.CONFIRMED


def _told(attempt: Attempt, result: ResubscribeResult, detail: str) -> AccountResult:
    return AccountResult(attempt.account_id, result, detail)
