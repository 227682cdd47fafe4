"""One check's way through the network: what it asks, where that leads, and what is kept of it for people."""

import asyncio
import secrets
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from exporter.addresses import AddressRule, rule_for_own_addresses
from exporter.config.model import AddressFamilies, Instance, origin
from exporter.mastodon.documents import MAX_TEXT_LENGTH
from exporter.probes.connections import Connections
from exporter.probes.curl_failure import clean
from exporter.probes.exchange import CACHE_HEADERS, REDIRECTS, CacheUse, Exchange, cache_use
from exporter.probes.request import Answer, Method, Request
from exporter.probes.resolver import Addresses, Resolver, is_address, literal
from exporter.probes.result import Failure, Hop, Phases, Reason
from exporter.probes.transfer import Transfers
from exporter.probes.urls import canonical, follow, make_unique, shown, without_nonce

MAX_REDIRECTS = 5
EXCERPT_LENGTH = 300
ACCEPT_LANGUAGE = "Accept-Language: en"
_SHOWN_HEADERS = frozenset({"content-type", "location", "server", "retry-after", "age", *CACHE_HEADERS})


@dataclass(frozen=True)
class Network:
    """What probes share: the transfers, the resolver, and the authorities trusted where nothing else is configured."""

    transfers: Transfers
    resolver: Resolver
    ca_file: str


class Route:
    """The way to one instance during one probe: each name is looked up once, and the address rule holds.

    Looking up once is also what keeps a name from pointing elsewhere a moment later.
    """

    def __init__(self, network: Network, instance: Instance, families: AddressFamilies) -> None:
        self._network = network
        self._instance = instance
        self._families = families
        self._found: dict[str, asyncio.Task[Addresses | Failure]] = {}

    async def addresses(self, host: str) -> Addresses | Failure:
        """Return the addresses of a host: those configured, else what the resolver says, the same all through."""
        configured = self._instance.resolve.get(host)
        if configured is not None:
            return literal(configured, self._families)
        if host not in self._found:
            self._found[host] = asyncio.create_task(
                self._network.resolver.resolve(host, self._families, self._instance.name)
            )
        return await asyncio.shield(self._found[host])

    async def rule(self) -> AddressRule:
        """Return the rule for hosts that third-party text names."""
        if not self._instance.listed:
            return AddressRule()
        own = await self.addresses(self._instance.host)
        return AddressRule() if isinstance(own, Failure) else rule_for_own_addresses(own)

    async def request(self, url: str, headers: tuple[str, ...], *, trusted: bool) -> Request | Failure:
        """Return the request for a URL; `trusted` means that the administrator wrote its host."""
        addresses = await self.addresses(urlsplit(url).hostname or "")
        if isinstance(addresses, Failure):
            return addresses
        named = self._instance.listed and (trusted or self._is_own(url))
        rule = None if named else await self.rule()
        ca_file = str(self._instance.ca_file or self._network.ca_file)
        return Request(url, addresses, ca_file, headers, rule)

    def _is_own(self, url: str) -> bool:
        """Tell whether a URL leads to the server itself, where its certificate proves that nobody else answers.

        So a redirect within a server whose name has a private address beside a public one is followed.
        """
        return origin(url) in (self._instance.url, f"https://{self._instance.domain}") and url.startswith("https:")

    def close(self) -> None:
        """Stop waiting for names that have not been found."""
        for task in self._found.values():
            task.cancel()


@dataclass(frozen=True)
class Ask:
    """How a URL is asked: `trusted` = written by the administrator; `headers_only` = the body is not wanted."""

    accept: str = "*/*"
    trusted: bool = False
    headers: tuple[str, ...] = ()
    headers_only: bool = False
    method: Method = "GET"


@dataclass
class Visit:
    """Asks for URLs under one deadline and remembers, hop by hop, what came of it."""

    network: Network
    route: Route
    connections: Connections
    apart: Connections
    deadline: float
    nonce: str = field(default_factory=lambda: secrets.token_hex(6))
    hops: list[Hop] = field(default_factory=list)
    phases: Phases = Phases()
    cached: bool = False
    http_status: int | None = None
    duration_seconds: float = 0.0
    certificate_expiries: list[float] = field(default_factory=list)

    async def get(self, url: str, ask: Ask = Ask()) -> Exchange:
        """Return what a URL answers after at most five redirects; never raises for what a server does."""
        start = canonical(url)
        if start is None:
            return Exchange(url, failure=Failure(Reason.DISCOVERY, f"not an http or https address: {clean(url)}"))
        exchange = await self._hop(start, ask)
        seen = {start}
        while exchange.failure is None and exchange.status in REDIRECTS:
            target = follow(exchange.url, exchange.header("location"))
            failure = target if isinstance(target, Failure) else _endless(without_nonce(target), seen)
            if failure is not None or isinstance(target, Failure):
                return replace(exchange, failure=failure)
            seen.add(without_nonce(target))
            exchange = await self._hop(target, replace(ask, trusted=False))
        return exchange

    async def ask_once(self, url: str, ask: Ask) -> Exchange:
        """Return what a URL answers by itself: no redirect is followed. The URL is canonical."""
        return await self._hop(url, ask)

    async def get_aside(self, url: str, ask: Ask, limit_seconds: float | None = None) -> Exchange:
        """Ask for something that is not what the check is about: of the check's figures, none is changed by it."""
        aside = replace(self, hops=[], certificate_expiries=[])
        if limit_seconds is not None:
            aside.deadline = min(self.deadline, asyncio.get_running_loop().time() + limit_seconds)
        exchange = await aside.get(url, ask)
        self.hops += aside.hops
        return exchange

    async def _hop(self, url: str, ask: Ask) -> Exchange:
        if ask.method == "GET":  # no cache answers anything else
            url = make_unique(url, self.nonce)
        started = asyncio.get_running_loop().time()
        answer = await self._answer(url, ask, started)
        failure = answer.failure or _stale(answer)
        self._remember(f"{ask.method} {shown(url)}", answer, asyncio.get_running_loop().time() - started)
        return Exchange(url, answer.status, answer.headers, answer.body, answer.truncated, failure)

    async def _answer(self, url: str, ask: Ask, started: float) -> Answer:
        headers = (ACCEPT_LANGUAGE, f"Accept: {ask.accept}", *ask.headers)
        try:
            async with asyncio.timeout_at(self.deadline):
                request = await self.route.request(url, headers, trusted=ask.trusted)
        except TimeoutError:
            request = _unresolved(urlsplit(url).hostname or "")
        resolved = Phases(resolve=asyncio.get_running_loop().time() - started)
        if isinstance(request, Failure):
            return Answer(failure=request, phases=resolved)
        request = replace(request, headers_only=ask.headers_only, method=ask.method)
        answer = await self.network.transfers.perform(request, self._connections_for(request), self.deadline)
        return replace(answer, phases=resolved + answer.phases)

    def _connections_for(self, request: Request) -> Connections:
        """A kept connection may lie at an address that a host named by third-party text may not be asked at."""
        return self.connections if request.is_permitted_everywhere() else self.apart

    def _remember(self, asked: str, answer: Answer, duration_seconds: float) -> None:
        self.phases += answer.phases
        self.duration_seconds += duration_seconds
        self.cached = self.cached or cache_use(answer.headers) is not CacheUse.NONE
        self.http_status = answer.status
        if answer.certificate_expiry_timestamp_seconds is not None:
            self.certificate_expiries.append(answer.certificate_expiry_timestamp_seconds)
        self.hops.append(_hop_of(asked, answer, duration_seconds))


def _unresolved(host: str) -> Failure:
    if is_address(host):
        return Failure(Reason.TIMEOUT, "no time was left to ask")
    return Failure(Reason.DNS, f"no name server answered for {host} in time")


def _endless(target: str, seen: set[str]) -> Failure | None:
    if target in seen:
        return Failure(Reason.REDIRECT, f"redirects in a circle, to {shown(target)}")
    if len(seen) > MAX_REDIRECTS:
        return Failure(Reason.REDIRECT, f"more than {MAX_REDIRECTS} redirects, the last to {shown(target)}")
    return None


def _stale(answer: Answer) -> Failure | None:
    if cache_use(answer.headers) is not CacheUse.STALE:
        return None
    return Failure(Reason.CACHED_STALE, "a cache answered with an old copy because the server behind it did not answer")


def _hop_of(asked: str, answer: Answer, duration_seconds: float) -> Hop:
    answered = answer.failure.detail if answer.failure else f"{answer.status}"
    if answer.failure and answer.status:
        answered = f"{answer.status}, then: {answered}"
    headers = tuple((name, _shown_header(name, value)) for name, value in answer.headers if name in _SHOWN_HEADERS)
    excerpt = answer.body[: 4 * EXCERPT_LENGTH].decode("utf-8", "replace")[:EXCERPT_LENGTH]
    return Hop(asked, answered, answer.address, headers, excerpt, duration_seconds)


def _shown_header(name: str, value: str) -> str:
    try:
        return clean(shown(value[:MAX_TEXT_LENGTH]) if name == "location" else value)
    except ValueError:
        return clean(value)
