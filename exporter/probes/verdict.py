"""What a check concludes from what it was answered."""

from dataclasses import dataclass

from exporter.config.model import CheckSettings
from exporter.probes.exchange import Exchange, too_large
from exporter.probes.result import Failure, Reason


@dataclass(frozen=True)
class Verdict:
    """The end of a check: passed, failed, or absent because the server cannot have it (`absent` says why)."""

    failure: Failure | None = None
    detail: str = ""
    restricted: bool = False
    absent: str | None = None
    bucket_listing_open: bool | None = None


def passed(detail: str = "") -> Verdict:
    """The check found what it looked for."""
    return Verdict(detail=detail)


def failed(failure: Failure, where: str = "") -> Verdict:
    """The check failed; `where` names the step, for checks that have several."""
    return Verdict(failure=Failure(failure.reason, f"{where}: {failure.detail}") if where else failure)


def restricted(detail: str) -> Verdict:
    """The server answered as a server does that shows nothing to strangers, which is not down."""
    return Verdict(detail=detail, restricted=True)


def absent(why: str) -> Verdict:
    """The server cannot have this check."""
    return Verdict(absent=why)


def unless_keywords(exchange: Exchange, settings: CheckSettings) -> Failure | None:
    """Return the failure of a body that lacks the configured keyword or holds the one that must be absent.

    A keyword found counts even where the body was cut; that one is absent cannot be told of a cut body.
    """
    if settings.keyword is not None and not settings.keyword.found_in(exchange.text):
        return unless_truncated(exchange, f"{settings.keyword} is not in the answer")
    if settings.absent is None:
        return None
    if settings.absent.found_in(exchange.text):
        return Failure(Reason.KEYWORD, f"{settings.absent} must not be in the answer, but is")
    return too_large(exchange) if exchange.truncated else None


def unless_truncated(exchange: Exchange, detail: str) -> Failure:
    """Return the failure of a body without what was looked for: too large if it was cut, else `keyword`."""
    return too_large(exchange) if exchange.truncated else Failure(Reason.KEYWORD, detail)
