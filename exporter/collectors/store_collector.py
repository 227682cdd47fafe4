"""What the stores say, on /metrics: each store for itself, so that one that is down or hangs harms nothing else.

It is one of the three places that catch everything.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from exporter.errors import MastodonExporterError

DEADLINE_SECONDS = 4.0
"""What a store is given where nobody says how long a scrape may take; Prometheus' own default is 10 s."""

deadline_seconds: ContextVar[float] = ContextVar("deadline_seconds", default=DEADLINE_SECONDS)
"""How long the stores may take in the scrape under way; set it before the registry is asked."""

_log = logging.getLogger(__name__)


class StoreFamilies(Protocol):
    """What one store is asked at each scrape. `name` is the label `collector`."""

    @property
    def name(self) -> str: ...

    def families(self) -> Iterator[Metric]:
        """Yield the families, none where the store has nothing to tell; MastodonExporterError where it is down."""
        ...


@dataclass(frozen=True)
class Outcome:
    """What came of asking a store; `families` is None where it failed. `duration_seconds` is until now, or its end."""

    families: tuple[Metric, ...] | None
    duration_seconds: float


class StoreReading:
    """Asks one store, in a thread that whoever scrapes meanwhile shares, so that never more than one is under way.

    A store that hangs costs one scrape its deadline; later ones do not wait for it until it has answered.
    """

    def __init__(self, store: StoreFamilies) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._run: _Run | None = None
        self._told = ""

    @property
    def name(self) -> str:
        """The collector's name."""
        return self._store.name

    def begin(self) -> None:
        """Begin to ask the store, unless it is being asked."""
        with self._lock:
            if self._run is None or self._run.is_done:
                self._run = _Run(self._store)

    def outcome(self, limit_seconds: float) -> Outcome:
        """Return what the store said, waiting no longer than until so long after it was asked; call `begin` first."""
        with self._lock:
            run = self._run
        assert run is not None  # noqa: S101  # begin
        if not run.wait(limit_seconds):
            self._tell("it has not answered in time", debug=None)
            return Outcome(None, run.duration_seconds)
        self._tell(run.error, run.fault)
        return Outcome(run.families, run.duration_seconds)

    def _tell(self, error: str, debug: Exception | None) -> None:
        """Log what is wrong once, and again only when it changes."""
        with self._lock:
            told, self._told = self._told, error
        if error and error != told:
            _log.error("a store cannot be read", extra={"collector": self.name, "error": error})
            if debug is not None:
                _log.debug("the fault in full", exc_info=debug)
        elif told and not error:
            _log.info("a store can be read again", extra={"collector": self.name})


class StoreCollector(Collector):
    """Yields the families of those stores that answer in time, and for each store whether it did.

    `readings` is asked at each scrape; with none in it, there is no family at all.
    """

    def __init__(self, readings: Callable[[], Sequence[StoreReading]]) -> None:
        self._readings = readings

    def collect(self) -> Iterator[Metric]:
        """Ask all stores side by side."""
        readings = self._readings()
        limit_seconds = deadline_seconds.get()
        for reading in readings:
            reading.begin()
        outcomes = {reading.name: reading.outcome(limit_seconds) for reading in readings}
        for outcome in outcomes.values():
            yield from outcome.families or ()
        if outcomes:
            yield _gauge(
                "mastodon_exporter_collector_success",
                "Whether the store could be read; while it cannot, it has no series.",
                ((name, outcome.families is not None) for name, outcome in outcomes.items()),
            )
            yield _gauge(
                "mastodon_exporter_collector_duration_seconds",
                "How long reading the store took.",
                ((name, outcome.duration_seconds) for name, outcome in outcomes.items()),
            )


class _Run:
    """One asking of a store, begun when it is made."""

    def __init__(self, store: StoreFamilies) -> None:
        self._store = store
        self._began = time.monotonic()
        self._ended: float | None = None
        self._done = threading.Event()
        self.families: tuple[Metric, ...] | None = None
        self.error = ""
        self.fault: Exception | None = None
        # A daemon: a store that hangs must not keep the exporter from ending.
        threading.Thread(target=self._ask, name=f"collector {store.name}", daemon=True).start()

    @property
    def is_done(self) -> bool:
        return self._done.is_set()

    @property
    def duration_seconds(self) -> float:
        return (self._ended or time.monotonic()) - self._began

    def wait(self, limit_seconds: float) -> bool:
        """Wait until so long after the beginning; tell whether it is done."""
        return self._done.wait(max(0.0, self._began + limit_seconds - time.monotonic()))

    def _ask(self) -> None:
        try:
            families = tuple(self._store.families())
            _check(families)
            self.families = families
        except MastodonExporterError as error:
            self.error = str(error)
        except Exception as error:  # noqa: BLE001  # one of the three catch points
            self.error = f"a fault of its own: {type(error).__name__}; --log-level debug shows where"
            self.fault = error
        finally:
            self._ended = time.monotonic()
            self._done.set()


def _check(families: Iterable[Metric]) -> None:
    """Raise where a label cannot be written: it would take all of /metrics with it."""
    for family in families:
        for sample in family.samples:
            "".join(sample.labels.values()).encode()


def _gauge(name: str, documentation: str, values: Iterable[tuple[str, float]]) -> Metric:
    family = GaugeMetricFamily(name, documentation, labels=["collector"])
    for collector, value in values:
        family.add_metric([collector], value)
    return family
