"""What a sender does with the answer to a delivery: whether a subscription, or a message, is lost by it.

PuSH: app/workers/pubsubhubbub/delivery_worker.rb of Mastodon 1.1 to 2.9. ActivityPub:
app/workers/activitypub/delivery_worker.rb, where 4xx save 401, 408 and 429, and from 3.0 on 501, lose the message.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from exporter.mastodon.answers import came_through

_REDIRECTION = 3
_TOO_MANY_REQUESTS = 429
_NOT_IMPLEMENTED = 501
_UNAVAILABLE = 503
_RETRIED_SINCE_2_9 = frozenset({401, 408})
_FOLLOWED = frozenset({303, 307, 308})
_NGINX_REQUEST_ID = re.compile(r"[0-9a-f]{32}")
_UNLESS_NEWER = ", unless this server is 3.0 or newer, which could not be found out"


class Verdict(StrEnum):
    """Whether an answer does harm; UNKNOWN where none of the server's own could be had."""

    SAFE = "safe"
    HARM = "harm"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Judgement:
    """A verdict and, in words, what the sender makes of the answer."""

    verdict: Verdict
    detail: str


@dataclass(frozen=True)
class Delivery:
    """A request that a sender would make. `beside_https`: over plain http, at a server that lives at https."""

    method: str
    to_inbox: bool
    beside_https: bool = False


@dataclass(frozen=True)
class DeliveryAnswer:
    """What was answered; header names in lower case."""

    status: int
    headers: Mapping[str, str]


def judge(delivery: Delivery, answer: DeliveryAnswer, takes_subscriptions: bool | None) -> Judgement:
    """Return what a sender makes of an answer; `takes_subscriptions` None: the server's version is not known."""
    if _is_tried_again(delivery, answer.status):
        return Judgement(Verdict.SAFE, _tried_again(delivery, answer))
    nobody = _why_nobody_asks(delivery, takes_subscriptions)
    if nobody is not None:
        return Judgement(Verdict.SAFE, nobody)
    if answer.status // 100 != _REDIRECTION and is_from_mastodon(answer.headers):
        return Judgement(Verdict.SAFE, "Mastodon itself answered")
    whose = "" if answer.status // 100 == _REDIRECTION else "not from Mastodon: "
    return Judgement(Verdict.HARM, whose + _harm(delivery, answer.status, takes_subscriptions is None))


def is_from_mastodon(headers: Mapping[str, str]) -> bool:
    """Tell whether Rails wrote an answer, and not nginx or a CDN in front of it.

    An identifier of 32 hexadecimal digits alone proves nothing: nginx's own $request_id looks so.
    """
    if "x-runtime" in headers or headers.get("server", "").lower() == "mastodon":
        return True
    request_id = headers.get("x-request-id", "")
    return bool(request_id) and _NGINX_REQUEST_ID.fullmatch(request_id) is None


def _is_tried_again(delivery: Delivery, status: int) -> bool:
    if delivery.to_inbox and status == _NOT_IMPLEMENTED:
        return False
    return status // 100 not in {2, 3, 4} or status == _TOO_MANY_REQUESTS


def _tried_again(delivery: Delivery, answer: DeliveryAnswer) -> str:
    again = "the sender tries again" if delivery.method == "POST" else "the subscription stays"
    if answer.status == _UNAVAILABLE and "retry-after" not in answer.headers:
        return f"{again}; there is no Retry-After to say when"
    return again


def _why_nobody_asks(delivery: Delivery, takes_subscriptions: bool | None) -> str | None:
    if delivery.to_inbox:
        return "no harm: inboxes are asked over https" if delivery.beside_https else None
    return "no harm: Mastodon 3.0 and newer has no subscriptions" if takes_subscriptions is False else None


def _harm(delivery: Delivery, status: int, maybe_newer: bool) -> str:
    if delivery.to_inbox:
        return _lost_message(status)
    return _lost_subscription(delivery, status) + (_UNLESS_NEWER if maybe_newer else "")


def _lost_subscription(delivery: Delivery, status: int) -> str:
    if delivery.method == "GET":
        return "a hub that verifies a subscription takes this for a refusal"
    if came_through(status):
        return "taken for delivered, and lost"
    whose = ", if its callback was registered as http" if delivery.beside_https else ""
    return f"Mastodon 1.1 to 1.3 drops the subscription{whose}"


def _lost_message(status: int) -> str:
    if came_through(status):
        return "taken for delivered, and lost"
    if status in _FOLLOWED:
        return "the sender follows, and what answers there takes the message"
    if status // 100 == _REDIRECTION:
        return "not delivered: Mastodon tries again for days, other senders may not"
    if status in _RETRIED_SINCE_2_9:
        return "Mastodon 2.4 to 2.8 and other senders drop the message; newer Mastodon tries again"
    return "the sender drops the message"
