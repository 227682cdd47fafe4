"""A real Prometheus with the shipped configuration and rules, hurried so that all of them tell within seconds."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from scripts.alert_rules import read_thresholds, write
from tests.dashboards.dashboard_files import Json
from tests.end_to_end.programs_under_test import free_port, started
from tests.programs import need_program

SHIPPED = Path(__file__).parents[2] / "prometheus.yml"
_AT_ONCE = {
    "evaluation": {"short_windows": "1s", "long_windows": "1s", "step_5m": "1s", "step_1h": "1s"},
    "availability": {"server_for": "2s", "part_for": "3s"},
}


@contextmanager
def watching_prometheus(exporter: str, folder: Path) -> Iterator[str]:
    """Run it over an exporter at host:port; gives its address."""
    (folder / "alerts").mkdir()
    thresholds = {name: {**section, **_AT_ONCE.get(name, {})} for name, section in read_thresholds().items()}
    write(folder / "alerts", thresholds)
    text = SHIPPED.read_text().replace("127.0.0.1:10747", exporter)
    text = re.sub(r"(_interval|_timeout): \d+s", r"\1: 1s", text)
    (folder / "prometheus.yml").write_text(text)
    url = f"http://127.0.0.1:{free_port()}"
    arguments = [
        need_program("prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address={url.removeprefix('http://')}",
    ]
    with started(arguments, f"{url}/-/ready", folder / "prometheus.log"):
        yield url


def at(prometheus: str, expression: str) -> list[Json]:
    """Return the series of an expression as they are now."""
    return _result(prometheus, "query", {"query": expression})


def between(prometheus: str, expression: str, start: float, end: float) -> list[Json]:
    """Return the series of an expression over a range of time, a value each second."""
    return _result(prometheus, "query_range", {"query": expression, "start": f"{start}", "end": f"{end}", "step": "1"})


def _result(prometheus: str, path: str, parameters: dict[str, str]) -> list[Json]:
    answer = requests.post(f"{prometheus}/api/v1/{path}", data=parameters, timeout=20).json()
    if answer["status"] != "success":
        raise AssertionError(f"{parameters['query']}: {answer['error']}")
    found: list[Json] = answer["data"]["result"]
    return found
