"""What a fault does to the server while it is on."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from exporter.demo.alterations import Alteration
from exporter.demo.answers import Answer, Request
from exporter.demo.certificates import Certificate, Certificates
from exporter.demo.listener import Reception
from exporter.demo.misbehaviour import Misbehaviour, Outcome
from exporter.demo.site import Site


class Part(StrEnum):
    """A port of the sample server that faults can touch."""

    MAIN = "main"
    STREAMING = "streaming"
    STORAGE = "storage"


@dataclass(frozen=True)
class Altered:
    """Some requests are answered in another way."""

    parts: frozenset[Part]
    concerns: Callable[[Request], bool]
    alter: Alteration


@dataclass(frozen=True)
class Closed:
    """Ports refuse connections."""

    parts: frozenset[Part]


@dataclass(frozen=True)
class Certified:
    """Ports show another certificate."""

    parts: frozenset[Part]
    certificate: Certificate


@dataclass(frozen=True)
class Unreceived:
    """A port accepts connections and then does something else than a TLS handshake."""

    part: Part
    misbehave: Misbehaviour


Effect = Altered | Closed | Certified | Unreceived


def is_closed(part: Part, effects: Iterable[Effect]) -> bool:
    """Tell whether the port is to refuse connections."""
    return any(isinstance(effect, Closed) and part in effect.parts for effect in effects)


def receive(part: Part, certificates: Certificates, effects: Iterable[Effect]) -> Reception:
    """Return how the port receives a connection; of several effects the first wins."""
    for effect in effects:
        if isinstance(effect, Unreceived) and effect.part is part:
            return Reception(misbehave=effect.misbehave)
        if isinstance(effect, Certified) and part in effect.parts:
            return Reception(certificates.contexts[effect.certificate])
    return Reception(certificates.contexts[Certificate.GOOD])


@dataclass(frozen=True)
class Exchange:
    """A request to a part, and the healthy answer to it."""

    part: Part
    site: Site
    request: Request
    answer: Answer


def apply(exchange: Exchange, effects: Iterable[Effect]) -> Outcome:
    """Return what is answered; effects build on one another until one of them is no longer an answer."""
    answer = exchange.answer
    for effect in effects:
        if not isinstance(effect, Altered) or not _concerns(effect, exchange):
            continue
        outcome = effect.alter(exchange.site, exchange.request, answer)
        if not isinstance(outcome, Answer):
            return outcome
        answer = outcome
    return answer


def _concerns(effect: Altered, exchange: Exchange) -> bool:
    return exchange.part in effect.parts and effect.concerns(exchange.request)
