"""/metrics: the exporter's own state."""

import platform
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from exporter import __version__
from exporter.collectors.store_collector import deadline_seconds
from exporter.server.prober import Prober
from exporter.server.reload import Running
from exporter.server.source_info import source_info

CONTROL_SHARE = 0.75
"""What the control URLs are given of the stores' time, half of the scrape's: both together leave some of that."""


def exporter_registry(running: Running, prober: Prober, sources: Iterable[Collector] = ()) -> CollectorRegistry:
    """Return a registry of its own with the exporter's and the process' metrics, built afresh at each scrape.

    `sources` are collectors of what else is watched.
    """
    registry = CollectorRegistry()
    registry.register(ExporterCollector(running, prober))
    for source in sources:
        registry.register(source)
    ProcessCollector(registry=registry)
    return registry


class ExporterCollector(Collector):
    """The metrics whose names begin with mastodon_exporter_. Asks the control URLs at each scrape, if there are any."""

    def __init__(self, running: Running, prober: Prober) -> None:
        self._running = running
        self._prober = prober

    def collect(self) -> Iterator[Metric]:
        """Yield the families in a fixed order."""
        yield InfoMetricFamily(
            "mastodon_exporter_build",
            "The version of the exporter, and of the Python that runs it.",
            {"version": __version__, "python": platform.python_version()},
        )
        yield from self._reload_families()
        control = self._running.config.control
        if control:
            yield GaugeMetricFamily(
                "mastodon_exporter_network_up",
                "Whether any of the control URLs answers: while none does, failed checks say nothing of the servers.",
                self._prober.network_up(control, CONTROL_SHARE * deadline_seconds.get()),
            )
        yield from source_info(self._running.config)

    def _reload_families(self) -> Iterator[Metric]:
        state = self._running.state
        yield GaugeMetricFamily(
            "mastodon_exporter_config_last_reload_successful",
            "Whether the last attempt to read the configuration succeeded.",
            state.successful,
        )
        yield GaugeMetricFamily(
            "mastodon_exporter_config_last_reload_success_timestamp_seconds",
            "When the configuration in force was read, as Unix time.",
            state.success_timestamp_seconds,
        )
