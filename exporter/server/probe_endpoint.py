"""/probe: the checks of one instance, run while the client waits."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from exporter.config import CHECK_NAMES, Config
from exporter.errors import RequestRefused, UnknownCheck
from exporter.probes.debug import debug_text
from exporter.probes.metrics import ReportCollector
from exporter.server.encoding import encode
from exporter.server.history import History
from exporter.server.messages import PLAIN_TEXT, Request, Response
from exporter.server.probe_target import find_instance
from exporter.server.prober import Prober

SCRAPE_TIMEOUT_HEADER = "X-Prometheus-Scrape-Timeout-Seconds"
SCRAPE_OFFSET_SECONDS = 0.5
"""What is left of Prometheus' own time-out for the way back."""
SHORT_SCRAPE_SECONDS = 1.0
"""Of a time-out this short the probe gets half, or the offset would leave it nothing."""

_PARAMETERS = ("target", "check", "debug")
_SWITCH = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True)
class ProbeQuery:
    """What a /probe request asks for; `checks` is None for all, else in the order of CHECK_NAMES."""

    target: str
    checks: tuple[str, ...] | None = None
    debug: bool = False


class ProbeEndpoint:
    """Answers /probe and keeps each result. May be called from many threads at once."""

    def __init__(self, config: Callable[[], Config], prober: Prober, history: History) -> None:
        self._config = config
        self._prober = prober
        self._history = history

    def __call__(self, request: Request) -> Response:
        """Return the metrics of the probe, or its debug page.

        RequestRefused or TargetError when the request does not say clearly what to probe.
        """
        query = read_query(request.parameters)
        instance = find_instance(self._config(), query.target)
        timeout_seconds = probe_timeout_seconds(request.header(SCRAPE_TIMEOUT_HEADER), instance.timeout_seconds)
        report = self._prober.probe(instance, query.checks, timeout_seconds)
        self._history.record(instance, report, whole=query.checks is None)
        if query.debug:
            return Response(debug_text(report).encode(), PLAIN_TEXT)
        return encode(ReportCollector(report), request)


def read_query(parameters: Sequence[tuple[str, str]]) -> ProbeQuery:
    """Return what the parameters ask for; RequestRefused or UnknownCheck when they do not make sense."""
    unknown = [name for name, _ in parameters if name not in _PARAMETERS]
    if unknown:
        raise _bad(f"Unknown parameter {unknown[0]!r}: /probe takes target, check and debug.")
    target = _single(parameters, "target")
    if not target:
        raise _bad("No target: ask for /probe?target=NAME with a name that /targets lists, or with a URL.")
    return ProbeQuery(target, _checks(parameters), _switch(_single(parameters, "debug")))


def probe_timeout_seconds(header: str | None, limit_seconds: float) -> float:
    """Return the time a probe may take: what the scrape allows, at most the instance's own limit."""
    if header is None:
        return limit_seconds
    try:
        scrape_seconds = float(header)
    except ValueError:
        scrape_seconds = math.nan
    if not (math.isfinite(scrape_seconds) and scrape_seconds > 0):
        raise _bad(f"{SCRAPE_TIMEOUT_HEADER} must be a positive number of seconds.")
    if scrape_seconds <= SHORT_SCRAPE_SECONDS:
        return min(scrape_seconds / 2, limit_seconds)
    return min(scrape_seconds - SCRAPE_OFFSET_SECONDS, limit_seconds)


def _single(parameters: Sequence[tuple[str, str]], name: str) -> str | None:
    values = [value for key, value in parameters if key == name]
    if len(values) > 1:
        raise _bad(f"The parameter {name} is given {len(values)} times: give it once.")
    return values[0] if values else None


def _checks(parameters: Sequence[tuple[str, str]]) -> tuple[str, ...] | None:
    asked = [check for name, value in parameters if name == "check" for check in value.split(",")]
    for check in asked:
        if check not in CHECK_NAMES:
            raise UnknownCheck(f"There is no check {check[:100]!r}: the checks are {', '.join(CHECK_NAMES)}.")
    return tuple(check for check in CHECK_NAMES if check in asked) if asked else None


def _switch(value: str | None) -> bool:
    if value is None:
        return False
    if value not in _SWITCH:
        raise _bad("The parameter debug is true or false.")
    return _SWITCH[value]


def _bad(message: str) -> RequestRefused:
    return RequestRefused(HTTPStatus.BAD_REQUEST, message)
