from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from exporter.config import Config, WebSettings
from exporter.server import ExporterServer, Running
from tests.probes.sample_reports import QDON
from tests.server.client import Client
from tests.server.fake_prober import FakeProber

Serve = Callable[..., Client]


def config(**settings: object) -> Config:
    """A configuration of one instance that listens on any free port."""
    defaults = Config(instances=(QDON,), web=WebSettings(port=0))
    return replace(defaults, **settings)  # type: ignore[arg-type]  # the callers name fields of Config


@pytest.fixture
def prober() -> FakeProber:
    return FakeProber()


@pytest.fixture
def serve(prober: FakeProber) -> Iterator[Serve]:
    """Return a function that starts a server for a configuration, or for what loads one, and gives its client."""
    servers: list[ExporterServer] = []

    def start(
        served: Config | Callable[[], Config], head_seconds: int | None = None, is_ready: Callable[[], bool] = lambda: True
    ) -> Client:
        load = served if callable(served) else lambda: served
        server = ExporterServer(Running(load), prober, is_ready)
        if head_seconds is not None:
            server._listener.timeout = head_seconds
        server.start()
        servers.append(server)
        return Client(server)

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def client(serve: Serve) -> Client:
    """A client of a server of one instance, qdon."""
    return serve(config(control=("https://control.example",)))
