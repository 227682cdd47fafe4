"""Asks hubs for subscriptions, as Mastodon 2.9 does it."""

import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import certifi

from exporter.addresses import AddressRule
from exporter.errors import InvalidValue
from exporter.subscriptions.hub_answer import HubAnswer, Verdict, retry_after, shown, verdict_of
from exporter.subscriptions.hub_post import HubPost, Post, PostOutcome
from exporter.subscriptions.hub_request import HubRequest, hub_address, redirected_address
from exporter.subscriptions.signature import Signer

MAX_REDIRECTS = 2
"""As many as Mastodon 2.9 follows."""

_FOLLOWED = (307, 308)  # these two alone ask for the same POST at another place


@dataclass(frozen=True)
class HubClient:
    """Sends requests to hubs, any number side by side from any threads.

    `ca_file` holds the certificate authorities to trust; without it, those that Python and certifi know.
    """

    user_agent: str
    address_rule: AddressRule
    timeout_seconds: float = 10.0
    signer: Signer | None = None
    ca_file: Path | None = None
    clock: Callable[[], float] = time.time

    def subscribe(self, request: HubRequest) -> HubAnswer:
        """Return what came of one request, redirects included, at the latest when the time is up.

        Raises nothing for what a hub or its URL does. A hub that answers 2xx has only accepted: it is to
        verify the callback later.
        """
        try:
            url = hub_address(request.hub_url)
        except InvalidValue as error:
            return HubAnswer(Verdict.REFUSED, f"not asked, since its hub's URL cannot be used: {error.rule}")
        answer = self._ask(url, request, time.monotonic() + self.timeout_seconds, MAX_REDIRECTS)
        return replace(answer, detail=shown(answer.detail, request.secret))

    def _ask(self, url: str, request: HubRequest, ends: float, redirects_left: int) -> HubAnswer:
        outcome = self._send(url, request, ends - time.monotonic())
        if outcome.http_status not in _FOLLOWED:
            return self._read(url, outcome)
        if not redirects_left:
            detail = f"{_host(url)} answered {outcome.http_status}, the third redirect in a row"
            return HubAnswer(Verdict.TRY_AGAIN, detail, outcome.http_status, may_have_arrived=True)
        try:
            target = redirected_address(url, outcome.headers.get("location", ""))
        except InvalidValue as error:
            detail = f"{_host(url)} answered {outcome.http_status}, but where that leads cannot be used: {error.rule}"
            return HubAnswer(Verdict.REFUSED, detail, outcome.http_status, may_have_arrived=True)
        return replace(self._ask(target, request, ends, redirects_left - 1), may_have_arrived=True)

    def _send(self, url: str, request: HubRequest, timeout_seconds: float) -> PostOutcome:
        signature = self.signer.headers(url, self.clock()) if self.signer else ()
        ca_file = str(self.ca_file or ssl.get_default_verify_paths().cafile or certifi.where())
        post = Post(url, request.form(), signature, self.user_agent, ca_file)
        with HubPost(post, self.address_rule) as sending:
            return sending.send(timeout_seconds)

    def _read(self, url: str, outcome: PostOutcome) -> HubAnswer:
        if outcome.http_status is None:
            verdict = Verdict.REFUSED if outcome.address_refused else Verdict.TRY_AGAIN
            return HubAnswer(verdict, f"{_host(url)}: {outcome.trouble}", may_have_arrived=outcome.sent)
        verdict = verdict_of(outcome.http_status)
        words = "" if verdict is Verdict.ACCEPTED else outcome.body.strip()
        detail = f"{_host(url)} answered {outcome.http_status}" + (f": {words}" if words else "")
        wait = retry_after(outcome.headers.get("retry-after", ""), self.clock())
        wished = wait if verdict is Verdict.TRY_AGAIN else None
        return HubAnswer(verdict, detail, outcome.http_status, wished, may_have_arrived=True)


def _host(url: str) -> str:
    return urlsplit(url).netloc
