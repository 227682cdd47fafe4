from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from tests.end_to_end.programs_under_test import Running, command, free_port, started


@dataclass(frozen=True)
class Demo:
    """A running `mastodon-exporter demo`."""

    exporter: Running
    control_url: str

    def switch(self, fault: str, state: str) -> None:
        requests.post(f"{self.control_url}/faults/{fault}/{state}", timeout=10).raise_for_status()

    def reset(self) -> None:
        requests.post(f"{self.control_url}/faults/reset", timeout=10).raise_for_status()

    def probe(self, timeout_seconds: float = 8.5) -> str:
        """Return what Prometheus would scrape."""
        headers = {"X-Prometheus-Scrape-Timeout-Seconds": str(timeout_seconds)}
        answer = requests.get(f"{self.exporter.url}/probe?target=demo", headers=headers, timeout=30)
        assert answer.status_code == 200
        return answer.text


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder: Path = tmp_path_factory.mktemp("demo")
    port, control_port = free_port(), free_port()
    arguments = command("demo", "--listen", f"127.0.0.1:{port}", "--faults-port", str(control_port))
    with started(arguments, f"http://127.0.0.1:{port}", folder / "log") as running:
        yield Demo(running, f"http://127.0.0.1:{control_port}")
