"""prometheus.yml as it stands, with a real Prometheus: it ends with every check of every instance."""

import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import yaml

from exporter.config import CHECK_NAMES
from tests.end_to_end.programs_under_test import Running, exporter, free_port, started
from tests.probes import mastodon_site
from tests.probes.site import Site
from tests.programs import need_program

SHIPPED = Path(__file__).parents[2] / "prometheus.yml"
PATIENCE_SECONDS = 60.0


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Running]:
    """An exporter that watches two servers, one of them with its streaming process dead."""
    with Site() as healthy, Site() as broken:
        healthy.routes.update(mastodon_site.newest(healthy))
        broken.routes.update(mastodon_site.newest(broken))
        del broken.routes["/api/v1/streaming/health"]
        config = {
            "state_dir": str(tmp_path / "state"),
            "control": [healthy.url],
            "instances": [{"name": "healthy", "url": healthy.url}, {"name": "broken", "url": broken.url}],
        }
        path = tmp_path / "config.yml"
        path.write_text(yaml.safe_dump(config))
        with exporter(path, tmp_path) as running:
            yield running


@pytest.fixture
def prometheus(watched: Running, tmp_path: Path) -> Iterator[str]:
    """A Prometheus with the shipped file: only its address of the exporter, and its patience, are changed."""
    program = need_program("prometheus")
    text = SHIPPED.read_text().replace("127.0.0.1:10747", watched.url.removeprefix("http://"))
    text = re.sub(r"(scrape|refresh)_interval: 60s", r"\1_interval: 5s", text)
    text = text.replace("scrape_timeout: 10s", "scrape_timeout: 5s")
    config = tmp_path / "prometheus.yml"
    config.write_text(text)
    url = f"http://127.0.0.1:{free_port()}"
    arguments = [
        program,
        f"--config.file={config}",
        f"--storage.tsdb.path={tmp_path / 'tsdb'}",
        f"--web.listen-address={url.removeprefix('http://')}",
    ]
    with started(arguments, f"{url}/-/ready", tmp_path / "prometheus.log"):
        yield url


def query(prometheus: str, expression: str) -> dict[tuple[str, str], float]:
    answer = requests.get(f"{prometheus}/api/v1/query", params={"query": expression}, timeout=10).json()
    return {
        (sample["metric"].get("instance", ""), sample["metric"].get("check", "")): float(sample["value"][1])
        for sample in answer["data"]["result"]
    }


def wait_for(prometheus: str, expression: str, samples: int) -> dict[tuple[str, str], float]:
    give_up = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < give_up:
        found = query(prometheus, expression)
        if len(found) >= samples:
            return found
        time.sleep(0.2)
    raise AssertionError(f"{expression} has not {samples} samples: {query(prometheus, expression)}")


@pytest.mark.slow
def test_prometheus_ends_with_every_check_of_every_instance(prometheus: str, watched: Running) -> None:
    expected = {(name, check): 1.0 for name in ("healthy", "broken") for check in CHECK_NAMES}
    expected["broken", "streaming"] = 0.0
    assert wait_for(prometheus, "mastodon_check_success", len(expected)) == expected
    assert wait_for(prometheus, "up == 1", 3).keys() == {
        ("healthy", ""),
        ("broken", ""),
        (watched.url.removeprefix("http://"), ""),
    }
    assert wait_for(prometheus, "mastodon_exporter_network_up", 1).popitem()[1] == 1.0
    # By this label the rules leave out what an exporter sees whose own network is down.
    address = watched.url.removeprefix("http://")
    assert len(query(prometheus, f'up{{exporter="{address}"}}')) == len(query(prometheus, "up"))
    judged = "mastodon_check_success and on (exporter) mastodon_exporter_network_up == 1"
    assert query(prometheus, judged).keys() == expected.keys()


def test_promtool_accepts_the_shipped_file() -> None:
    arguments = [need_program("promtool"), "check", "config", str(SHIPPED)]
    result = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
