"""Asking one account's hub: the new secret is kept, then stored, then sent; each step is written down beforehand."""

import uuid
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Protocol

from exporter.config import SubscriptionSettings
from exporter.ledger import ResubscribeResult as Result
from exporter.subscriptions.account_rows import AccountRow
from exporter.subscriptions.attempt import AccountResult, Attempt, Stage, new_secret
from exporter.subscriptions.callbacks import callback_url
from exporter.subscriptions.hub_answer import HubAnswer, Verdict
from exporter.subscriptions.hub_request import HubRequest
from exporter.subscriptions.judgement import is_settled_by
from exporter.subscriptions.selection import Candidate, Candidates
from exporter.subscriptions.settling import Settling

LONGEST_WAIT_SECONDS = 900.0
LONGEST_HOST_PAUSE_SECONDS = 300.0
"""A hub that wishes to be left alone for longer is asked nevertheless, and may refuse again."""

_CHANGED = "the server itself changed it meanwhile"


class Hubs(Protocol):
    """Whoever asks hubs; see HubClient."""

    def subscribe(self, request: HubRequest) -> HubAnswer:
        """Return what a hub answers."""


@dataclass(frozen=True)
class Postponed:
    """The account is to be asked again after a while, and its host left alone for so long."""

    wait_seconds: float
    host_pause_seconds: float


@dataclass(frozen=True)
class Asking:
    """How hubs are asked in a run; any thread may use it. `origin` is scheme and host of our own server."""

    run_id: str
    origin: str
    settings: SubscriptionSettings
    hubs: Hubs
    candidates: Candidates
    settling: Settling

    def ask(self, account_id: int, tried: int = 0) -> Attempt | Postponed | None:
        """Ask an account's hub, and return the attempt if its verification is to be awaited; None if it has ended."""
        candidate = self.candidates.read([account_id])[account_id]
        if candidate.why_not is not None:
            self._skip(account_id, candidate.why_not)
            return None
        attempt = self._begun(candidate)
        if attempt is None:
            return None
        before = attempt.may_be_known
        asked = attempt.reached(Stage.ASKED, may_be_known=True)
        self.settling.secrets.write(asked)
        answer = self._answer(candidate, asked)
        if answer.verdict is Verdict.ACCEPTED:
            accepted = asked.reached(Stage.ACCEPTED)
            self.settling.secrets.write(accepted)
            return accepted
        known = before or _may_have_been_taken(answer)
        return self._turned_down(
            asked.reached(Stage.ASKED if known else Stage.PREPARED, may_be_known=known), answer, tried
        )

    def _begun(self, candidate: Candidate) -> Attempt | None:
        """Return an attempt whose new secret is stored; None if the row has ended the last one, or this one."""
        row = self.settling.rows.look([candidate.account_id]).get(candidate.account_id)
        if row is None:
            self._skip(candidate.account_id, "the account is gone from the database")
            return None
        last = self.settling.secrets.of_account(candidate.account_id)
        if last is not None and row.secret not in (last.old_secret, last.new_secret):
            last = None
        if last is not None and is_settled_by(last, row):
            self.settling.settle(replace(last, run_id=self.run_id), None)
            return None
        attempt = self._attempt(candidate, row, last)
        self.settling.secrets.write(attempt)
        if self.settling.rows.replace(row, attempt.new_secret, row.expiry):
            return attempt
        self.settling.settle(attempt, AccountResult(row.account_id, Result.SKIPPED, _CHANGED))
        return None

    def _attempt(self, candidate: Candidate, row: AccountRow, last: Attempt | None) -> Attempt:
        """Return an attempt; with the last one's secret, so that it is known whichever request a hub verifies."""
        return Attempt(
            attempt_id=uuid.uuid4().hex,
            run_id=self.run_id,
            account_id=row.account_id,
            hub_url=candidate.hub_url,
            old_secret=last.old_secret if last is not None else row.secret,
            new_secret=last.new_secret if last is not None else new_secret(),
            old_expiry=row.expiry,
            started=row.seen,
            may_be_known=last is not None,
        )

    def _skip(self, account_id: int, why_not: str) -> None:
        self.settling.skip(self.run_id, [AccountResult(account_id, Result.SKIPPED, why_not)])

    def _answer(self, candidate: Candidate, attempt: Attempt) -> HubAnswer:
        callback = callback_url(self.origin, candidate.account_id)
        return self.hubs.subscribe(HubRequest(candidate.hub_url, candidate.topic, callback, attempt.new_secret))

    def _turned_down(self, attempt: Attempt, answer: HubAnswer, tried: int) -> Postponed | None:
        detail = attempt.conceal(answer.detail)
        if answer.verdict is Verdict.REFUSED:
            self.settling.settle(attempt, AccountResult(attempt.account_id, Result.REFUSED, detail))
            return None
        if tried >= self.settings.retries:
            detail = f"{detail}; asked {tried + 1} times" if tried else detail
            self.settling.settle(attempt, AccountResult(attempt.account_id, Result.FAILED, detail))
            return None
        if self.settling.settle(attempt, None) is not None:
            return None
        pause_seconds = min(answer.retry_after_seconds or 0.0, LONGEST_HOST_PAUSE_SECONDS)
        wait_seconds = min(self.settings.retry_wait_seconds * 2**tried, LONGEST_WAIT_SECONDS)
        return Postponed(max(wait_seconds, pause_seconds), pause_seconds)


def _may_have_been_taken(answer: HubAnswer) -> bool:
    """Tell whether a hub may have taken a request all the same: it broke off, or failed after it had it."""
    said_no = answer.http_status is not None and answer.http_status < HTTPStatus.INTERNAL_SERVER_ERROR
    return answer.may_have_arrived and not said_no
