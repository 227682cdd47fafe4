"""The small endpoints: health, readiness, reload, service discovery, stored results, metrics."""

import re
from collections.abc import Callable
from http import HTTPStatus

from prometheus_client.registry import Collector

from exporter.collectors.store_collector import DEADLINE_SECONDS, deadline_seconds
from exporter.config import Config
from exporter.errors import Problem, RequestRefused
from exporter.probes.debug import debug_text
from exporter.server.application import Handler
from exporter.server.encoding import encode
from exporter.server.history import History
from exporter.server.messages import PLAIN_TEXT, Request, Response, sentence
from exporter.server.probe_endpoint import SCRAPE_TIMEOUT_HEADER
from exporter.server.targets import targets_document

_RESULT_PATH = re.compile(r"/results/([1-9][0-9]{0,17})")


def healthy(_request: Request) -> Response:
    """Answer as long as the process answers at all."""
    return sentence("Healthy.")


def readiness(is_ready: Callable[[], bool]) -> Handler:
    """Return the endpoint that says whether everything is running."""

    def answer(_request: Request) -> Response:
        if is_ready():
            return sentence("Ready.")
        return sentence("Not ready yet: ask again in a moment.", HTTPStatus.SERVICE_UNAVAILABLE)

    return answer


def reloading(reload: Callable[[], tuple[Problem, ...]]) -> Handler:
    """Return the endpoint that reads the configuration again, and tells all that is wrong with it."""

    def answer(_request: Request) -> Response:
        problems = reload()
        if not problems:
            return sentence("The configuration has been read again and is in force.")
        listed = "\n".join(str(problem) for problem in problems)
        return sentence(
            f"The old configuration stays in force. Mend this, then reload again:\n{listed}",
            HTTPStatus.UNPROCESSABLE_ENTITY,
        )

    return answer


def discovery(config: Callable[[], Config]) -> Handler:
    """Return the endpoint that lists the instances for Prometheus."""
    return lambda _request: Response(targets_document(config()), "application/json")


def metrics(registry: Collector) -> Handler:
    """Return the endpoint of the exporter's own metrics."""

    def answer(request: Request) -> Response:
        deadline_seconds.set(_store_seconds(request.header(SCRAPE_TIMEOUT_HEADER)))
        return encode(registry, request)

    return answer


def stored_result(history: History) -> Handler:
    """Return the endpoint that shows a past result as its debug page."""

    def answer(request: Request) -> Response:
        match = _RESULT_PATH.fullmatch(request.path)
        result = history.result(int(match[1])) if match else None
        if result is None:
            raise RequestRefused(
                HTTPStatus.NOT_FOUND, "This result is not kept, or no longer: / lists the ones that are."
            )
        return Response(debug_text(result.report).encode(), PLAIN_TEXT)

    return answer


def _store_seconds(header: str | None) -> float:
    """Return how long the stores may take: half of the scrape's time, so that all the rest is told in any case."""
    try:
        scrape_seconds = float(header or "")
    except ValueError:
        return DEADLINE_SECONDS
    return min(scrape_seconds / 2, DEADLINE_SECONDS) if scrape_seconds > 0 else DEADLINE_SECONDS
