"""What repairs have done: written by `mastodon-remedy` as it goes, read by the exporter at each scrape."""

from exporter.ledger.job import Job, JobCancelled
from exporter.ledger.ledger import Ledger
from exporter.ledger.media_ranges import IdRange, Scope
from exporter.ledger.media_record import MediaRecord, MediaRun, RangeResult
from exporter.ledger.media_troubles import Asked, Trouble
from exporter.ledger.names import (
    MEDIA_SYNC,
    MEDIA_SYNC_BYTES,
    MEDIA_SYNC_OBJECTS,
    REOPENED,
    RESUBSCRIBE,
    RESUBSCRIBE_ACCOUNTS,
    RESUBSCRIBE_PENDING,
    MediaResult,
    ResubscribeResult,
)
from exporter.ledger.reader import read_ledger
from exporter.ledger.record import JobRecord, JobState, LedgerRecord, Progress, Series
from exporter.ledger.stopping import ask_to_stop

__all__ = [
    "MEDIA_SYNC",
    "MEDIA_SYNC_BYTES",
    "MEDIA_SYNC_OBJECTS",
    "REOPENED",
    "RESUBSCRIBE",
    "RESUBSCRIBE_ACCOUNTS",
    "RESUBSCRIBE_PENDING",
    "Asked",
    "IdRange",
    "Job",
    "JobCancelled",
    "JobRecord",
    "JobState",
    "Ledger",
    "LedgerRecord",
    "MediaRecord",
    "MediaResult",
    "MediaRun",
    "Progress",
    "RangeResult",
    "ResubscribeResult",
    "Scope",
    "Series",
    "Trouble",
    "ask_to_stop",
    "read_ledger",
]
