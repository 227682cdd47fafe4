import platform
import re
import subprocess

import pytest

from exporter import __version__
from exporter.server.exporter_metrics import exporter_registry
from exporter.server.probe_endpoint import SCRAPE_TIMEOUT_HEADER
from exporter.server.reload import Running
from tests.golden_files import assert_golden, golden_text
from tests.programs import need_program
from tests.server.client import Client
from tests.server.conftest import Serve
from tests.server.fake_prober import FakeProber
from tests.server.serving import config

CONTROL = ("https://control.example",)


def test_the_whole_exposition_is_the_stored_one(serve: Serve) -> None:
    text = serve(config(control=CONTROL)).get("/metrics").text
    assert_golden("metrics.prom", without_what_changes(text))


def without_what_changes(text: str) -> str:
    """Leave out the process' own numbers, and replace versions and times."""
    lines = [line for line in text.splitlines(keepends=True) if not re.match(r"(# \w+ )?process_", line)]
    stable = "".join(lines).replace(__version__, "VERSION").replace(platform.python_version(), "PYTHON")
    return re.sub(r"^(\w+_timestamp_seconds) \S+$", r"\1 1.79e+09", stable, flags=re.MULTILINE)


def test_promtool_finds_no_fault_in_the_stored_exposition() -> None:
    assert faults(golden_text("metrics.prom")) == ""


def test_promtool_finds_no_fault_in_what_is_served(serve: Serve) -> None:
    assert faults(serve(config(control=CONTROL)).get("/metrics").text) == ""


def faults(text: str) -> str:
    promtool = need_program("promtool")
    linted = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    return linted.stdout + linted.stderr


def test_the_process_is_measured_and_nothing_else_of_python(client: Client) -> None:
    names = set(re.findall(r"^(\w+)", client.get("/metrics").text, re.MULTILINE))
    assert "process_resident_memory_bytes" in names
    assert all(name.startswith(("mastodon_exporter_", "process_")) for name in names)


def test_the_network_is_judged_at_each_scrape(serve: Serve, prober: FakeProber) -> None:
    client = serve(config(control=CONTROL))
    assert "\nmastodon_exporter_network_up 1.0\n" in client.get("/metrics").text
    prober.network = False
    assert "\nmastodon_exporter_network_up 0.0\n" in client.get("/metrics").text
    assert prober.controls == [CONTROL, CONTROL]


@pytest.mark.parametrize(("scrape", "seconds"), [({}, 3.0), ({SCRAPE_TIMEOUT_HEADER: "2"}, 0.75)], ids=["", "2 s"])
def test_the_network_and_the_stores_together_have_less_than_the_scrapes_time(
    serve: Serve, prober: FakeProber, scrape: dict[str, str], seconds: float
) -> None:
    serve(config(control=CONTROL)).get("/metrics", headers=scrape)
    assert prober.control_timeout_seconds == seconds


def test_the_network_is_not_judged_where_no_control_is_configured(client: Client, prober: FakeProber) -> None:
    assert "mastodon_exporter_network_up" not in client.get("/metrics").text
    assert prober.controls == []


def test_no_probe_leaves_anything_on_metrics(client: Client) -> None:
    before = set(re.findall(r"^(\w+)", client.get("/metrics").text, re.MULTILINE))
    client.get("/probe?target=qdon")
    assert set(re.findall(r"^(\w+)", client.get("/metrics").text, re.MULTILINE)) == before


def test_making_the_registry_asks_nobody(prober: FakeProber) -> None:
    exporter_registry(Running(lambda: config(control=CONTROL)), prober)
    assert prober.controls == []
