from collections.abc import Iterator

import pytest

from exporter.demo import SampleServer
from tests.demo.checks import Announced, learn
from tests.demo.client import Client


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SampleServer]:
    """A sample server of the newest version, shared by the tests of a module."""
    with SampleServer(tmp_path_factory.mktemp("sample")) as running:
        yield running


@pytest.fixture(scope="module")
def client(sample: SampleServer) -> Client:
    return Client(sample.ca_file)


@pytest.fixture(scope="module")
def announced(client: Client, sample: SampleServer) -> Announced:
    """The shared server's hosts, asked for before any fault is on."""
    return learn(client, sample)


@pytest.fixture
def healthy(sample: SampleServer, announced: Announced) -> Iterator[SampleServer]:
    """The shared server with every fault off, before and after."""
    sample.reset()
    yield sample
    sample.reset()
