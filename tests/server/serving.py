"""Servers as tests start them: on any free port of the loopback interface."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from exporter.config import Config, WebSettings
from exporter.server import ExporterServer, Running, Sources
from tests.probes.sample_reports import QDON
from tests.server.client import Client
from tests.server.fake_prober import FakeProber


def config(**settings: Any) -> Config:
    """A configuration of one instance, qdon."""
    return replace(Config(instances=(QDON,), web=WebSettings(port=0)), **settings)


@contextmanager
def serving(
    load: Config | Callable[[], Config],
    prober: FakeProber,
    *,
    head_seconds: int | None = None,
    is_ready: Callable[[], bool] = lambda: True,
) -> Iterator[Client]:
    """Run a server while the context lasts."""
    server = ExporterServer(Running(load if callable(load) else lambda: load), prober, Sources(is_ready=is_ready))
    server._listener.expiration_interval = 0.05  # how often it looks up, and hence how soon it stops
    if head_seconds is not None:
        server._listener.timeout = head_seconds
    server.start()
    try:
        yield Client(server)
    finally:
        server.stop()
