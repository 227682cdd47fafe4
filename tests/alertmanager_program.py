"""A real Alertmanager for tests, and the project's configuration of it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import requests
import yaml

from tests.end_to_end.programs_under_test import free_port, started
from tests.programs import need_program

SHIPPED = Path(__file__).parents[1] / "alertmanager.yml"
DOCUMENT = yaml.safe_load(SHIPPED.read_text())

Labels = dict[str, str]


@dataclass(frozen=True)
class Alertmanager:
    """A running Alertmanager."""

    url: str

    def take(self, alerts: list[Labels]) -> None:
        """Hand it alerts that fire now, as Prometheus does."""
        ends = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        firing = [{"labels": labels, "endsAt": ends} for labels in alerts]
        answer = requests.post(f"{self.url}/api/v2/alerts", json=firing, timeout=10)
        assert answer.ok, answer.text

    def is_muted(self, labels: Labels) -> bool:
        """Tell whether another alert mutes this one."""
        matchers = [f"{name}={json.dumps(value)}" for name, value in labels.items()]
        found = requests.get(f"{self.url}/api/v2/alerts", params={"filter": matchers}, timeout=10).json()
        (one,) = [one for one in found if one["labels"] == labels]
        return bool(one["status"]["inhibitedBy"])


@contextmanager
def running(config: Path, folder: Path) -> Iterator[Alertmanager]:
    url = f"http://127.0.0.1:{free_port()}"
    arguments = [
        need_program("prometheus-alertmanager"),
        f"--config.file={config}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address={url.removeprefix('http://')}",
        "--cluster.listen-address=",
    ]
    with started(arguments, f"{url}/-/ready", folder / "alertmanager.log"):
        yield Alertmanager(url)
