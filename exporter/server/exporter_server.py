"""The exporter as a server: every endpoint, wired together and listening."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client.registry import Collector

from exporter.config import Config
from exporter.errors import Problem
from exporter.server import pages
from exporter.server.application import Application, Route
from exporter.server.exporter_metrics import exporter_registry
from exporter.server.history import History
from exporter.server.landing import LandingPage
from exporter.server.listener import Listener
from exporter.server.probe_endpoint import ProbeEndpoint
from exporter.server.prober import Prober
from exporter.server.reload import Running

SPARE_WORKERS = 8
PROBING_WORKERS = 120
"""A probe holds its worker for up to its time-out; more than this many at a time wait in the queue."""

_REACHABLE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # an address that is replaced
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sources:
    """What is watched beside the probes: its collectors, and whether all of it has begun."""

    collectors: tuple[Collector, ...] = ()
    is_ready: Callable[[], bool] = lambda: True


NO_SOURCES = Sources()


class ExporterServer:
    """Serves the endpoints of the design on the configured address. `start` and `stop` once each."""

    def __init__(self, running: Running, prober: Prober, sources: Sources = NO_SOURCES) -> None:
        self._running = running
        self._history = History()
        web = running.config.web
        self._configured_address = (web.host, web.port)
        application = Application(lambda: running.settings, self._routes(prober, sources))
        self._listener = Listener(web.host, web.port, application, self._workers())
        self._listener.use_tls(running.settings.web.tls)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port that are listened on; the port is the real one once started."""
        host, port = self._listener.bind_addr
        return host, port

    @property
    def base_url(self) -> str:
        """The URL under which this machine reaches the server."""
        host, port = self.address
        host = _REACHABLE.get(host, host)
        scheme = "https" if self._running.settings.web.tls is not None else "http"
        return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"

    def start(self) -> None:
        """Listen, and answer in threads of its own; ListenError when the address cannot be used."""
        self._listener.start()
        host, port = self.address
        _logger.info("listening", extra={"host": host, "port": port, "tls": self._listener.ssl_adapter is not None})

    def stop(self) -> None:
        """Stop listening and wait for the probes under way."""
        self._listener.stop()

    def reload(self) -> tuple[Problem, ...]:
        """Read the configuration again; return the problems that keep the old one in force. Any thread may call it.

        Where to listen is settled at the start: a new address needs a new process.
        """
        problems = self._running.reload()
        if not problems:
            self._history.keep_only(self._running.config)
            self._listener.use_tls(self._running.settings.web.tls)
            self._listener.grow(self._workers())
            self._warn_of_new_address()
        return problems

    def _warn_of_new_address(self) -> None:
        web = self._running.config.web
        if (web.host, web.port) != self._configured_address:
            _logger.warning("a new `web.listen` takes a restart", extra={"host": web.host, "port": web.port})

    def _workers(self) -> int:
        return SPARE_WORKERS + min(len(self._running.config.instances), PROBING_WORKERS)

    def _routes(self, prober: Prober, sources: Sources) -> dict[str, Route]:
        def config() -> Config:
            return self._running.config

        return {
            "/": Route(LandingPage(config, self._history, lambda: self.base_url)),
            "/metrics": Route(pages.metrics(exporter_registry(self._running, prober, sources.collectors))),
            "/probe": Route(ProbeEndpoint(config, prober, self._history)),
            "/targets": Route(pages.discovery(config)),
            "/results/": Route(pages.stored_result(self._history)),
            "/-/healthy": Route(pages.healthy),
            "/-/ready": Route(pages.readiness(sources.is_ready)),
            "/-/reload": Route(pages.reloading(self.reload), methods=("POST",)),
        }
