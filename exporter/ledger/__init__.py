"""What repairs have done: written by `mastodon-remedy` as it goes, read by the exporter at each scrape."""

from exporter.ledger.job import Job, JobCancelled
from exporter.ledger.ledger import Ledger
from exporter.ledger.names import RESUBSCRIBE, RESUBSCRIBE_ACCOUNTS, RESUBSCRIBE_PENDING, ResubscribeResult
from exporter.ledger.reader import read_ledger
from exporter.ledger.record import JobRecord, JobState, LedgerRecord, Series
from exporter.ledger.stopping import ask_to_stop

__all__ = [
    "RESUBSCRIBE",
    "RESUBSCRIBE_ACCOUNTS",
    "RESUBSCRIBE_PENDING",
    "Job",
    "JobCancelled",
    "JobRecord",
    "JobState",
    "Ledger",
    "LedgerRecord",
    "ResubscribeResult",
    "Series",
    "ask_to_stop",
    "read_ledger",
]
