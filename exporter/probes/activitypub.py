"""`activitypub`: can other servers find an account here? host-meta, webfinger, actor, each by its own rules."""

from urllib.parse import quote

from exporter.mastodon.discovery import (
    ACTIVITY_JSON,
    NotXml,
    fill_template,
    is_actor,
    read_webfinger,
    webfinger_template,
)
from exporter.mastodon.documents import is_error
from exporter.probes.account import ProbedAccount, probed_account
from exporter.probes.exchange import GONE, NOT_FOUND, UNAUTHORIZED, Exchange
from exporter.probes.look import Look
from exporter.probes.result import Failure, Reason
from exporter.probes.verdict import Verdict, absent, failed, passed, restricted, unless_keywords
from exporter.probes.visit import Ask, Visit

_MISSING = frozenset({NOT_FOUND, GONE})
_UNKNOWN_RESOURCE = frozenset({400, NOT_FOUND, GONE})


async def check(visit: Visit, look: Look) -> Verdict:
    """Walk the way a remote server walks to an account; the detail names the hop that failed."""
    account = await probed_account(look)
    if isinstance(account, Failure):
        return failed(account)
    template = await _host_meta(visit, look)
    if isinstance(template, Failure):
        return failed(template, "host-meta")
    finger = await _webfinger(visit, look, account, template)
    if not account.must_exist and finger.failure is None and finger.status in _UNKNOWN_RESOURCE:
        return absent("the server names no contact account, and has no instance actor in webfinger: set `account:`")
    actor_url = _actor_url(finger, account, look)
    if isinstance(actor_url, Failure):
        return failed(actor_url, "webfinger")
    return _judge_actor(await visit.get(actor_url, Ask(accept=ACTIVITY_JSON)), account, look)


def _base(look: Look) -> str:
    return f"{look.instance.scheme}://{look.instance.domain}"


async def _host_meta(visit: Visit, look: Look) -> str | Failure | None:
    """Return the template for webfinger, or None where the domain has no host-meta."""
    ask = Ask(accept="application/xrd+xml", trusted=True)
    exchange = await visit.get(f"{_base(look)}/.well-known/host-meta", ask)
    if exchange.failure is None and exchange.status in _MISSING:
        return None
    failure = exchange.unless_whole()
    if failure is not None:
        return failure
    template = webfinger_template(exchange.body)
    if isinstance(template, NotXml):
        return Failure(Reason.XML, "the answer is not XML")
    return template or Failure(Reason.TEMPLATE, "no link with rel `lrdd` and a template that holds {uri}")


async def _webfinger(visit: Visit, look: Look, account: ProbedAccount, template: str | None) -> Exchange:
    resource = f"acct:{account.name}@{look.instance.domain}"
    # 2.9 answers in XML to whoever accepts it.
    accept = "application/jrd+json"
    if template is not None:
        return await visit.get(fill_template(template, resource), Ask(accept=accept))
    url = f"{_base(look)}/.well-known/webfinger?resource={quote(resource, safe='')}"
    return await visit.get(url, Ask(accept=accept, trusted=True))


def _actor_url(exchange: Exchange, account: ProbedAccount, look: Look) -> str | Failure:
    failure = exchange.unless_whole()
    if failure is not None:
        return failure
    answer = read_webfinger(exchange.text)
    if answer is None:
        return Failure(Reason.JSON, "the answer is not a JSON object")
    expected = f"acct:{account.name}@{look.instance.domain}"
    if not _is_about(answer.subject, expected, account):
        return Failure(Reason.SUBJECT, _other_subject(expected, answer.subject))
    failure = unless_keywords(exchange, look.settings("activitypub"))
    if failure is not None:
        return failure
    return answer.actor_url or Failure(Reason.SELF_LINK, f"no link with rel `self` and type {ACTIVITY_JSON}")


def _is_about(subject: str | None, expected: str, account: ProbedAccount) -> bool:
    """Servers set up with 4.1 or newer call their instance actor mastodon.internal (mastodon PR #22307)."""
    said, wanted = (subject or "").lower(), expected.lower()
    if account.is_instance_actor:
        return said.startswith("acct:") and said.rpartition("@")[2] == wanted.rpartition("@")[2]
    return said == wanted


def _other_subject(expected: str, subject: str | None) -> str:
    if subject is None:
        return f"asked about {expected}, the answer names nobody"
    return f"asked about {expected}, the answer is about {subject[:100]!r} (is `domain:` the part after the @?)"


def _judge_actor(exchange: Exchange, account: ProbedAccount, look: Look) -> Verdict:
    if exchange.failure is None and exchange.status == UNAUTHORIZED and _wants_signature(exchange.text):
        return restricted("secure mode: the actor is shown to servers that sign their requests only")
    failure = exchange.unless_whole()
    if failure is None and not is_actor(exchange.text):
        failure = Failure(Reason.JSON, "the answer is not an actor: no JSON object with an id and a type")
    return failed(failure, "actor") if failure else passed(f"{account.name}@{look.instance.domain}")


def _wants_signature(body: str) -> bool:
    """Up to 4.0 the refusal is this text, later an error document (mastodon PR #21617)."""
    return body.strip() == "Request not signed" or is_error(body)
