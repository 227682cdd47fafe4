"""The landing page: how each instance did when it was last probed. Looking at it probes nothing."""

import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined

from exporter import __version__
from exporter.config import CHECK_NAMES, Config, Instance
from exporter.probes.result import InstanceReport, ProbeResult
from exporter.server.history import History, Result
from exporter.server.messages import Request, Response

SHOWN_FAILURES = 20
SHOWN_RESULTS = 20

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


@dataclass(frozen=True)
class State:
    """The state of a check as the page shows it. `kind` is the style: ok, failed, off or unknown."""

    kind: str
    symbol: str
    words: str
    detail: str = ""


@dataclass(frozen=True)
class Row:
    """One instance. `probed` is empty before the first probe."""

    instance: Instance
    states: tuple[State, ...]
    probed: str
    ago: str
    probe_path: str


@dataclass(frozen=True)
class PastResult:
    """One line of the lists of results; `failed` are the checks that did not pass."""

    number: int
    instance: str
    probed: str
    ago: str
    failed: tuple[ProbeResult, ...]


class LandingPage:
    """Renders the page from the configuration and the history. May be called from many threads at once."""

    def __init__(
        self,
        config: Callable[[], Config],
        history: History,
        base_url: Callable[[], str],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._config = config
        self._history = history
        self._base_url = base_url
        self._clock = clock
        environment = Environment(
            loader=PackageLoader("exporter.server"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._template = environment.get_template("landing.html")

    def __call__(self, _request: Request) -> Response:
        """Return the page, with a policy under which it can load nothing and run nothing."""
        nonce = secrets.token_urlsafe(16)
        config, now = self._config(), self._clock()
        results = self._history.results()
        page = self._template.render(
            nonce=nonce,
            version=__version__,
            base_url=urlsplit(self._base_url()),
            checks=CHECK_NAMES,
            rows=[_row(instance, self._history.latest(instance), now) for instance in config.instances],
            failures=list(_past(results, now, failed=True))[:SHOWN_FAILURES],
            passes=list(_past(results, now, failed=False))[:SHOWN_RESULTS],
        )
        return Response(page.encode(), "text/html; charset=utf-8", headers=_policy(nonce))


def _policy(nonce: str) -> tuple[tuple[str, str], ...]:
    nothing = "".join(f"; {directive} 'none'" for directive in ("base-uri", "form-action", "frame-ancestors"))
    policy = f"default-src 'none'; style-src 'nonce-{nonce}'{nothing}"
    return ("Content-Security-Policy", policy), ("Referrer-Policy", "no-referrer")


def _row(instance: Instance, report: InstanceReport | None, now: float) -> Row:
    return Row(
        instance,
        tuple(_state(instance, check, report) for check in CHECK_NAMES),
        _moment(report.started_timestamp_seconds) if report else "",
        _ago(now - report.started_timestamp_seconds) if report else "",
        f"/probe?target={quote(instance.name, safe='')}",
    )


def _state(instance: Instance, check: str, report: InstanceReport | None) -> State:
    results = report.results if report else ()
    for result in results:
        if result.check == check:
            return _state_of(result)
    for absent in report.absent if report else ():
        if absent.check == check:
            return State("off", "-", "none", absent.why)
    if not instance.settings(check).enabled:
        return State("off", "-", "off", "switched off in the configuration")
    return State("unknown", "·", "not yet", "not probed yet")


def _state_of(result: ProbeResult) -> State:
    if not result.success:
        return State("failed", "✗", result.reason.value if result.reason else "failed", result.detail)
    return State("ok", "✓", "restricted" if result.restricted else "ok", result.detail)


def _past(results: tuple[Result, ...], now: float, *, failed: bool) -> Iterator[PastResult]:
    for result in results:
        report = result.report
        if report.success is not failed:
            yield PastResult(
                result.number,
                report.instance,
                _moment(report.started_timestamp_seconds),
                _ago(now - report.started_timestamp_seconds),
                tuple(one for one in report.results if not one.success),
            )


def _moment(timestamp_seconds: float) -> str:
    return datetime.fromtimestamp(timestamp_seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _ago(seconds: float) -> str:
    for unit_seconds, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= unit_seconds:
            return f"{int(seconds // unit_seconds)} {unit} ago"
    return f"{max(0, int(seconds))} s ago"
