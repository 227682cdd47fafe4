"""`mastodon-exporter demo-server`: the sample server alone, as compose runs it for an exporter in another container."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import yaml

from tests.end_to_end.programs_under_test import Running, command, free_port, run, started

# A name that no resolver knows: the exporter below is told where it is, as containers are by their network.
NAME = "sample.test"


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def sample(port: int, tmp_path: Path) -> Iterator[Running]:
    control_port = free_port()
    options = ["--port", str(port), "--faults-port", str(control_port), "--folder", str(tmp_path)]
    with started(
        command("demo-server", NAME, *options), f"http://127.0.0.1:{control_port}/faults", tmp_path / "log"
    ) as running:
        yield running


def look(port: int, folder: Path, *checks: str) -> int:
    """Let an exporter look once at the sample server under its name; return the exit code."""
    instance = {
        "name": "demo",
        "url": f"https://{NAME}:{port}",
        "ca_file": str(folder / "sample-ca.pem"),
        "resolve": {NAME: "127.0.0.1"},
    }
    config = folder / "config.yml"
    config.write_text(yaml.safe_dump({"state_dir": str(folder / "state"), "instances": [instance]}))
    return run("check", "-c", str(config), *(word for check in checks for word in ("--check", check))).returncode


def test_an_exporter_elsewhere_finds_every_part_healthy_by_the_name_it_was_given(
    sample: Running, port: int, tmp_path: Path
) -> None:
    assert look(port, tmp_path) == 0
    assert sample.get("/streaming_down/on").ok
    assert (look(port, tmp_path, "streaming"), look(port, tmp_path, "web")) == (1, 0)


def test_it_listens_on_all_addresses(sample: Running) -> None:
    url = sample.url.replace("127.0.0.1", "127.0.0.2")
    assert requests.get(url, timeout=5).ok


def test_the_page_of_faults_answers_to_loopback_names_only(sample: Running) -> None:
    refused = requests.get(sample.url, headers={"Host": f"{NAME}:10748"}, timeout=5)
    assert refused.status_code == 403


def test_it_says_where_it_is_and_ends_well_by_sigterm(sample: Running, port: int) -> None:
    sample.process.send_signal(signal.SIGTERM)
    assert sample.process.wait(timeout=10) == 0
    told = sample.log.read_text()
    assert f"https://{NAME}:{port}/about" in told
    assert "http://127.0.0.1:" in told
