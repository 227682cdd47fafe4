"""Asks hubs for subscriptions, as Mastodon 2.9 does it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from exporter.addresses import AddressRule, known_address
from exporter.authorities import trusted_authorities
from exporter.errors import InvalidValue
from exporter.subscriptions.hub_answer import HubAnswer, Verdict, retry_after, shown, verdict_of
from exporter.subscriptions.hub_post import ASKED_FOR, HubPost, Post, PostOutcome
from exporter.subscriptions.hub_request import HubRequest
from exporter.subscriptions.signature import Signer
from exporter.third_party_connection import address_refusal
from exporter.third_party_url import redirected_url, third_party_url

MAX_REDIRECTS = 2
"""As many as Mastodon 2.9 follows."""

_FOLLOWED = (307, 308)  # these two alone ask for the same POST at another place


@dataclass(frozen=True)
class HubClient:
    """Sends requests to hubs, any number side by side from any threads.

    `ca_file` holds the certificate authorities to trust; without it, those of the system are.
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
        if refused := self.refusal(request.hub_url):
            return refused
        ends = time.monotonic() + self.timeout_seconds
        answer = self._ask(third_party_url(request.hub_url), request, ends, MAX_REDIRECTS)
        return replace(answer, detail=shown(answer.detail, request.secret))

    def refusal(self, hub_url: str) -> HubAnswer | None:
        """Return what `subscribe` answers without asking: of a URL that cannot be used, or a forbidden address in it.

        Needs no network. None where a name has to be looked up, or the hub to be asked.
        """
        try:
            url = third_party_url(hub_url)
        except InvalidValue as error:
            return HubAnswer(Verdict.REFUSED, f"not asked, since its hub's URL cannot be used: {error.rule}")
        address = known_address(urlsplit(url).hostname or "")
        if address is None or self.address_rule.permits(address):
            return None
        return HubAnswer(Verdict.REFUSED, shown(f"{_host(url)}: {address_refusal(address, ASKED_FOR)}", ""))

    def _ask(self, url: str, request: HubRequest, ends: float, redirects_left: int) -> HubAnswer:
        outcome = self._send(url, request, ends - time.monotonic())
        if outcome.http_status not in _FOLLOWED:
            return self._read(url, outcome)
        if not redirects_left:
            detail = f"{_host(url)} answered {outcome.http_status}, the third redirect in a row"
            return HubAnswer(Verdict.TRY_AGAIN, detail, outcome.http_status, may_have_arrived=True)
        try:
            target = redirected_url(url, outcome.headers.get("location", ""))
        except InvalidValue as error:
            detail = f"{_host(url)} answered {outcome.http_status}, but where that leads cannot be used: {error.rule}"
            return HubAnswer(Verdict.REFUSED, detail, outcome.http_status, may_have_arrived=True)
        return replace(self._ask(target, request, ends, redirects_left - 1), may_have_arrived=True)

    def _send(self, url: str, request: HubRequest, timeout_seconds: float) -> PostOutcome:
        signature = self.signer.headers(url, self.clock()) if self.signer else ()
        ca_file = str(self.ca_file or trusted_authorities())
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
