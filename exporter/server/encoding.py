"""Which of Prometheus' formats a client is given."""

from functools import partial

from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from exporter.server.messages import Request, Response

_KNOWN_VERSIONS = ("", "0.0.1", "0.0.4", "1.0.0")


def encode(collector: Collector, request: Request) -> Response:
    """Return the collector's families in the format the client accepts; plain text when it names none."""
    encoder, content_type = choose_encoder(_understood(request.header("Accept") or ""))
    if isinstance(encoder, partial):
        # All names here are plain: they come out the same, but escaping them letter by letter doubles the time.
        encoder = partial(encoder, escaping="allow-utf-8")
    return Response(encoder(collector), content_type)


def _understood(accept: str) -> str:
    """Leave out formats of unknown versions: choose_encoder would repeat them as its own, or fail on them."""
    return ",".join(kind for kind in accept.split(",") if _version(kind) in _KNOWN_VERSIONS)


def _version(kind: str) -> str:
    parameters = (parameter.strip().partition("=") for parameter in kind.split(";")[1:])
    return next((value for name, _, value in parameters if name == "version"), "")
