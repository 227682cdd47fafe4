from collections.abc import Iterator

import pytest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from exporter.server.encoding import encode
from exporter.server.messages import Request, Response

PLAIN = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


class Fixed(Collector):
    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("some_seconds", "Help.", 1.5)


def encoded(accept: str | None) -> Response:
    headers = {} if accept is None else {"HTTP_ACCEPT": accept}
    return encode(Fixed(), Request("GET", "/metrics", (), headers))


@pytest.mark.parametrize("accept", [None, "", "*/*", "text/html", "text/plain;version=0.0.4", "application/json"])
def test_a_client_that_asks_for_nothing_special_gets_plain_text(accept: str | None) -> None:
    answer = encoded(accept)
    assert answer.content_type == PLAIN
    assert answer.body.endswith(b"some_seconds 1.5\n")


def test_a_client_that_asks_for_openmetrics_gets_it() -> None:
    answer = encoded("application/openmetrics-text; version=1.0.0, text/plain;q=0.5")
    assert answer.content_type.startswith(OPENMETRICS)
    assert answer.body.endswith(b"# EOF\n")


def test_the_quick_way_to_write_openmetrics_gives_what_the_library_gives() -> None:
    accept = "application/openmetrics-text;version=1.0.0"
    encoder, _ = choose_encoder(accept)
    assert encoded(accept).body == encoder(Fixed())


@pytest.mark.parametrize("version", ["x.y", "2.7.1", "1.0.0\x00", "99999999999999999999", "1.0.0foo"])
@pytest.mark.parametrize("kind", ["application/openmetrics-text", "text/plain"])
def test_a_version_that_does_not_exist_is_not_claimed(kind: str, version: str) -> None:
    assert encoded(f"{kind}; version={version}").content_type == PLAIN
