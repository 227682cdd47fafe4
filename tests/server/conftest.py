from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.server.client import Client
from tests.server.fake_prober import FakeProber
from tests.server.serving import config, serving

Serve = Callable[..., Client]


@pytest.fixture
def prober() -> FakeProber:
    return FakeProber()


@pytest.fixture
def serve(prober: FakeProber) -> Iterator[Serve]:
    """Return a function that starts a server for a configuration, or for what loads one, and gives its client."""
    with ExitStack() as servers:
        yield lambda load, **settings: servers.enter_context(serving(load, prober, **settings))


@pytest.fixture
def client(serve: Serve) -> Client:
    """A client of a server of one instance, qdon."""
    return serve(config())
