"""Jobs and series by the names under which they are stored; what is stored once never changes its name."""

from enum import StrEnum

RESUBSCRIBE = "resubscribe"
RESUBSCRIBE_ACCOUNTS = "resubscribe_accounts"  # a counter with the label `result`
RESUBSCRIBE_PENDING = "resubscribe_pending_accounts"  # a gauge without labels


class ResubscribeResult(StrEnum):
    """What became of an account that was to be subscribed again."""

    CONFIRMED = "confirmed"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    FAILED = "failed"
    SKIPPED = "skipped"
    PLANNED = "planned"  # by a dry run, which writes nothing: it stays at 0 here
