"""What a hub's answer to a request for a subscription means."""

import re
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http import HTTPStatus

SHOWN_CHARACTERS = 300
"""So much is shown of a sentence that may hold a hub's own words."""

_SECONDS = re.compile(r"[0-9]{1,9}")


class Verdict(StrEnum):
    """What follows for the one who asked."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    TRY_AGAIN = "try again"


_VERDICTS = {"2": Verdict.ACCEPTED, "3": Verdict.REFUSED, "4": Verdict.REFUSED}


@dataclass(frozen=True)
class HubAnswer:
    """What came of a request. `http_status` is None where no whole header came.

    `may_have_arrived` is False only where the request surely never left: the hub then knows nothing of its secret.
    `retry_after_seconds` is what the hub wishes, unbounded; None where it says nothing, or need not be asked again.
    """

    verdict: Verdict
    detail: str
    http_status: int | None = None
    retry_after_seconds: float | None = None
    may_have_arrived: bool = False


def verdict_of(http_status: int) -> Verdict:
    """Return what Mastodon's SubscribeService makes of a status: 2xx is success, 3xx and 4xx but 429 are final."""
    if http_status == HTTPStatus.TOO_MANY_REQUESTS:
        return Verdict.TRY_AGAIN
    return _VERDICTS.get(str(http_status)[0], Verdict.TRY_AGAIN)


def retry_after(value: str, now: float) -> float | None:
    """Return how many seconds a Retry-After header asks to wait (RFC 9110, 10.2.3); None for one that is not valid."""
    value = value.strip()
    if _SECONDS.fullmatch(value):
        return float(value)
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    # An HTTP date is in GMT; "-0000" there is read as a time without a zone.
    return max(date.replace(tzinfo=date.tzinfo or UTC).timestamp() - now, 0.0)


def shown(text: str, secret: str) -> str:
    """Return a text with a third party's words in it on one line: the secret masked, the unprintable spelled out."""
    masked = re.sub(re.escape(secret), "***", text, flags=re.IGNORECASE) if secret else text
    words = " ".join(masked.split())
    printable = "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in words)
    return printable if len(printable) <= SHOWN_CHARACTERS else f"{printable[:SHOWN_CHARACTERS]}…"
