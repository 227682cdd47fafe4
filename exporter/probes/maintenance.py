"""Whether what stands before a server would do harm now: what the senders of deliveries would be answered."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from exporter.config.model import AddressFamilies, Instance
from exporter.mastodon.delivery import Delivery, DeliveryAnswer, Judgement, Verdict, judge
from exporter.mastodon.documents import is_error, lookup_text, parse_json
from exporter.mastodon.routes import MAINTENANCE_ACCOUNT_ID
from exporter.mastodon.versions import PUBSUBHUBBUB_GONE_SINCE, parse_version
from exporter.probes.curl_failure import clean
from exporter.probes.exchange import REDIRECTS, UNAUTHORIZED, Exchange
from exporter.probes.look import Look, Surroundings
from exporter.probes.request import Method
from exporter.probes.result import Failure, Reason
from exporter.probes.urls import follow, shown
from exporter.probes.visit import Ask

_SOMEBODY = "maintenance"
_NOT_ASKED = frozenset({Reason.DNS, Reason.ADDRESS, Reason.INTERNAL})
_INSTANCE_API = ("/api/v2/instance", "/api/v1/instance")


@dataclass(frozen=True)
class Finding:
    """What came of one request, and what a sender makes of it; `http_status` None: there was no answer.

    `beside_https`: it was asked over plain http, at a server that lives at https.
    """

    method: Method
    url: str
    judgement: Judgement
    beside_https: bool = False
    http_status: int | None = None
    retry_after: str | None = None

    @property
    def verdict(self) -> Verdict:
        """Whether the answer does harm."""
        return self.judgement.verdict


@dataclass(frozen=True)
class MaintenanceReport:
    """What the senders of deliveries would be answered by one instance now."""

    instance: str
    url: str
    findings: tuple[Finding, ...]

    @property
    def safe(self) -> bool:
        """Whether every answer could be judged, and none does harm."""
        return all(finding.verdict is Verdict.SAFE for finding in self.findings)


@dataclass(frozen=True)
class _Question:
    method: Method
    url: str

    @property
    def to_inbox(self) -> bool:
        return self.url.endswith("/inbox")


def entrances(instance: Instance) -> tuple[str, ...]:
    """Return where deliveries may come in: the server's URL and, where that is https on its own port, plain http."""
    parts = urlsplit(instance.url)
    if parts.scheme != "https" or parts.port is not None:
        return (instance.url,)
    return (instance.url, f"http{instance.url.removeprefix('https')}")


async def look_for_harm(surroundings: Surroundings, instance: Instance, origins: Sequence[str]) -> MaintenanceReport:
    """Return what senders would be answered at these origins; takes at most the instance's `timeout`.

    No path is asked twice by one method, and no redirect is followed. Where the server's version is not
    remembered, the instance API is asked for it.
    """
    families = AddressFamilies.AUTO if instance.families is AddressFamilies.BOTH else instance.families
    look = Look(surroundings, instance, families, asyncio.get_running_loop().time() + instance.timeout_seconds)
    remembered = surroundings.memory.recall(instance)
    account = instance.account or (remembered and remembered.account) or _SOMEBODY
    questions = [question for start in origins for question in _questions(start, account)]
    try:
        asking = asyncio.gather(*(_ask(look, question) for question in questions))
        takes_subscriptions = await _takes_subscriptions(look, remembered.version if remembered else None)
        exchanges = await asking
    finally:
        await look.close()
    findings = (
        _finding(instance, question, exchange, takes_subscriptions)
        for question, exchange in zip(questions, exchanges, strict=True)
    )
    return MaintenanceReport(instance.name, instance.url, tuple(findings))


def _questions(start: str, account: str) -> list[_Question]:
    callback = f"{start}/api/subscriptions/{MAINTENANCE_ACCOUNT_ID}"
    paths = ("", "/actor", f"/users/{quote(account, safe='')}", f"/ap/users/{MAINTENANCE_ACCOUNT_ID}")
    inboxes = [_Question("POST", f"{start}{path}/inbox") for path in paths]
    return [_Question("GET", callback), _Question("POST", callback), *inboxes]


async def _ask(look: Look, question: _Question) -> Exchange:
    content = "activity+json" if question.to_inbox else "atom+xml"
    headers = (f"Content-Type: application/{content}",) if question.method == "POST" else ()
    return await look.visit().ask_once(question.url, Ask(trusted=True, method=question.method, headers=headers))


async def _takes_subscriptions(look: Look, remembered_version: str | None) -> bool | None:
    """Tell whether the server is of a version that takes PuSH subscriptions; None: it is not known."""
    if remembered_version is not None:
        return _is_before_3(remembered_version)
    visit = look.visit()
    for path in _INSTANCE_API:
        exchange = await visit.ask_once(look.instance.url + path, Ask(accept="application/json", trusted=True))
        if exchange.status == UNAUTHORIZED and is_error(exchange.text):
            return False  # limited federation, which 3.0 brought
        version = lookup_text(parse_json(exchange.text), "version")
        if version is not None:
            return _is_before_3(version)
    return None


def _is_before_3(version: str) -> bool | None:
    parsed = parse_version(version)
    return None if parsed is None else parsed < PUBSUBHUBBUB_GONE_SINCE


def _finding(instance: Instance, question: _Question, exchange: Exchange, takes_subscriptions: bool | None) -> Finding:
    if exchange.status is None:
        return Finding(question.method, question.url, _unanswered(exchange.failure))
    answer = DeliveryAnswer(exchange.status, dict(reversed(exchange.headers)))
    target = follow(exchange.url, exchange.header("location")) if exchange.status in REDIRECTS else None
    beside_https = _is_beside_https(instance, question.url, target)
    judgement = judge(Delivery(question.method, question.to_inbox, beside_https), answer, takes_subscriptions)
    if isinstance(target, str):
        judgement = Judgement(judgement.verdict, f"to {shown(target)}: {judgement.detail}")
    retry_after = clean(exchange.header("retry-after")) or None
    return Finding(question.method, question.url, judgement, beside_https, exchange.status, retry_after)


def _is_beside_https(instance: Instance, url: str, redirected_to: str | Failure | None) -> bool:
    """Tell whether plain http was asked at a server of https; one that only leads there counts as such, too."""
    if not url.startswith("http:"):
        return False
    if instance.scheme == "https":
        return True
    if not isinstance(redirected_to, str):
        return False
    target = urlsplit(redirected_to)
    return target.scheme == "https" and target.hostname == instance.host


def _unanswered(failure: Failure | None) -> Judgement:
    detail = failure.detail if failure else "no answer"
    if failure is not None and failure.reason in _NOT_ASKED:
        return Judgement(Verdict.UNKNOWN, f"could not be asked: {detail}")
    return Judgement(Verdict.SAFE, f"{detail}; the sender tries again")
