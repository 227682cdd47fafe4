"""Deliveries that failed and will be tried again, as they lie in Sidekiq's set of retries."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from exporter.mastodon.delivery_failures import inbox_host
from exporter.mastodon.redis_server import Keys
from exporter.mastodon.sidekiq import RETRY, read_job

MOST_RETRIES = 200_000

_WORKERS = frozenset({"ActivityPub::DeliveryWorker", "ActivityPub::LowPriorityDeliveryWorker"})
_MARK = "DeliveryWorker"
_INBOX_PLACE = 2
_CODE = re.compile(r"returned code (\d{3})\Z")
_REASONS = (
    ("Timeout", "timeout"),
    ("SSL", "tls"),
    ("RedLight", "paused"),
    ("Resolv", "dns"),
    ("HostValidation", "address"),
    ("Connection", "connect"),
)
_OTHER = "other"


@dataclass(frozen=True)
class PendingDeliveries:
    """Deliveries to be tried again, counted by the inbox's host, and there by what the last attempt came to.

    That is a status code, or one of timeout, tls, dns, address, connect, other, and paused: Mastodon waits a minute
    after ten failures. `complete` is False where there are more than were looked at.
    """

    by_host: Mapping[str, Counter[str]]
    complete: bool = True


NONE_PENDING = PendingDeliveries({})


def read_pending(keys: Keys, limit: int = MOST_RETRIES) -> PendingDeliveries:
    """Return what is pending, of so many retries of any kind at most. Raises redis-py's errors."""
    by_host: defaultdict[str, Counter[str]] = defaultdict(Counter)
    scan = keys.ranked(RETRY, limit)
    for text in scan:
        # Redis itself would take longer to compare a thousand texts than to hand them over, and serve nobody meanwhile.
        job = read_job(text) if _MARK in text else {}
        host = _host(job)
        if host:
            by_host[host][_reason(job)] += 1
    return PendingDeliveries(by_host, scan.complete)


def _host(job: Mapping[str, object]) -> str:
    arguments = job.get("args")
    if job.get("class") not in _WORKERS or not isinstance(arguments, list) or len(arguments) <= _INBOX_PLACE:
        return ""
    inbox = arguments[_INBOX_PLACE]
    return inbox_host(inbox) if isinstance(inbox, str) else ""


def _reason(job: Mapping[str, object]) -> str:
    answered = _CODE.search(str(job.get("error_message", "")))
    if answered:
        return answered[1]
    kind = str(job.get("error_class", ""))
    return next((reason for part, reason in _REASONS if part in kind), _OTHER)
