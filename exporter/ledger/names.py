"""Jobs and series by the names under which they are stored; what is stored once never changes its name."""

from enum import StrEnum

RESUBSCRIBE = "resubscribe"
RESUBSCRIBE_ACCOUNTS = "resubscribe_accounts"  # a counter with the label `result`
RESUBSCRIBE_PENDING = "resubscribe_pending_accounts"  # a gauge without labels

MEDIA_SYNC = "media_sync"
MEDIA_SYNC_OBJECTS = "media_sync_objects"  # a counter with the labels `class` and `result`
MEDIA_SYNC_BYTES = "media_sync_bytes"  # a counter with the label `class`


class ResubscribeResult(StrEnum):
    """What became of an account that was to be subscribed again."""

    CONFIRMED = "confirmed"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    FAILED = "failed"
    SKIPPED = "skipped"
    PLANNED = "planned"  # by a dry run, which writes nothing: it stays at 0 here


class MediaResult(StrEnum):
    """What became of an object that was to be moved."""

    COPIED = "copied"
    PRESENT = "present"
    REPAIRED = "repaired"  # it lay under another key than the one that is asked for
    REFETCHED = "refetched"
    MISSING = "missing"
    GONE = "gone"  # its row has lost it while it was looked for
    FAILED = "failed"


REOPENED = "reopened"
"""Stands where a trouble has its result: nobody has counted it, and nobody may take it for present by its size."""
