"""`streaming`: does the streaming process answer, which is another program than the web process?"""

import base64
import secrets
from dataclasses import dataclass
from urllib.parse import urlsplit

from exporter.config.model import origin
from exporter.probes.exchange import NOT_FOUND, UNAUTHORIZED, Exchange
from exporter.probes.look import Look
from exporter.probes.result import Failure, Reason
from exporter.probes.verdict import Verdict, failed, passed, unless_keywords
from exporter.probes.visit import Ask, Visit

_HTTP_SCHEME = {"wss": "https", "ws": "http", "https": "https", "http": "http"}
_BASE_PATH = "/api/v1/streaming"
_SWITCHING_PROTOCOLS = 101
_HANDSHAKE_DONE = frozenset({_SWITCHING_PROTOCOLS, UNAUTHORIZED})


@dataclass(frozen=True)
class StreamingHost:
    """Where streaming is asked: an http or https URL without path; `trusted` = written by the administrator."""

    url: str
    trusted: bool


async def check(visit: Visit, look: Look) -> Verdict:
    """Ask the announced host for its health, and, where configured, for a websocket."""
    host = await _streaming_host(look)
    if isinstance(host, Failure):
        return failed(host)
    exchange = await visit.get(f"{host.url}{_BASE_PATH}/health", Ask(trusted=host.trusted))
    failure = _misrouted(exchange, host, look) or exchange.unless_ok() or _unless_healthy(exchange, look)
    if failure is None and look.settings("streaming").websocket:
        failure = await _handshake(visit, host)
    return failed(failure) if failure else passed(urlsplit(host.url).netloc)


async def _streaming_host(look: Look) -> StreamingHost | Failure:
    configured = look.instance.streaming
    if configured is not None:
        return StreamingHost(_over_http(configured) or look.instance.url, trusted=True)
    announced = (await look.knowledge()).streaming
    if announced is None:
        return StreamingHost(look.instance.url, trusted=True)
    url = _over_http(announced)
    if url is None:
        return Failure(Reason.DISCOVERY, f"the announced streaming address is no wss or https URL: {announced[:100]!r}")
    return StreamingHost(url, trusted=False)


def _over_http(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        if parts.scheme not in _HTTP_SCHEME or not parts.hostname:
            return None
        return origin(parts._replace(scheme=_HTTP_SCHEME[parts.scheme]).geturl()) + parts.path.rstrip("/")
    except ValueError:
        return None


def _misrouted(exchange: Exchange, host: StreamingHost, look: Look) -> Failure | None:
    """Tell a proxy that passes streaming to the web process from a streaming process that is dead.

    The web process answers 404, or a redirect that leads back to itself (2.9 to 4.2).
    """
    on_main_host = origin(host.url) == origin(look.instance.url)
    circular = exchange.failure is not None and exchange.failure.reason is Reason.REDIRECT
    missing = exchange.failure is None and exchange.status == NOT_FOUND
    if not on_main_host or not (circular or missing):
        return None
    reason = Reason.REDIRECT if circular else Reason.HTTP_STATUS
    answered = "a redirect in a circle" if circular else "404"
    return Failure(reason, f"the proxy passes {_BASE_PATH} to the web process, which answers {answered}; "
                           "whether the streaming process runs cannot be seen from outside")  # fmt: skip


def _unless_healthy(exchange: Exchange, look: Look) -> Failure | None:
    settings = look.settings("streaming")
    failure = unless_keywords(exchange, settings)
    if failure is not None or settings.keyword is not None or exchange.text.strip() == "OK":
        return failure
    return Failure(Reason.KEYWORD, "the answer is not OK, so it does not come from the streaming process")


async def _handshake(visit: Visit, host: StreamingHost) -> Failure | None:
    """Ask for a websocket without a token: 401 (from 4.2 on) and 101 both prove that requests are parsed."""
    key = base64.b64encode(secrets.token_bytes(16)).decode("ascii")
    upgrade = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}")
    ask = Ask(trusted=host.trusted, headers=upgrade, headers_only=True)
    exchange = await visit.get(host.url + _BASE_PATH, ask)
    if exchange.failure is not None or exchange.status in _HANDSHAKE_DONE:
        return exchange.failure
    return Failure(Reason.HTTP_STATUS, f"the websocket handshake was answered {exchange.status}, not 101 or 401")
