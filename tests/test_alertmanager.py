"""Who is told what: alertmanager.yml as it stands, asked by amtool and run by a real Alertmanager."""

import json
import re
import subprocess
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.alertmanager_program import DOCUMENT, SHIPPED, running
from tests.alerts.rule_files import ALERTS
from tests.programs import need_program

PROJECT = SHIPPED.parent
PAGE = PROJECT / "docs" / "installation.md"
PATIENCE_SECONDS = 20.0

RECEIVERS = {"critical": "critical", "warning": "warning", "info": "nobody", "none": "nobody"}


def amtool(*arguments: str) -> str:
    result = subprocess.run([need_program("amtool"), *arguments], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout.strip()


def receiver_of(**labels: str) -> str:
    words = [f"{name}={value}" for name, value in labels.items()]
    return amtool("config", "routes", "test", f"--config.file={SHIPPED}", *words)


def test_amtool_accepts_the_file() -> None:
    assert "SUCCESS" in amtool("check-config", str(SHIPPED))


@pytest.mark.parametrize(("severity", "receiver"), RECEIVERS.items())
def test_each_severity_goes_to_its_receiver(severity: str, receiver: str) -> None:
    assert receiver_of(alertname="Any", severity=severity) == receiver


def test_an_alert_without_a_known_severity_is_told_all_the_same() -> None:
    assert receiver_of(alertname="Any", severity="fatal") == receiver_of(alertname="Any") == "warning"


def test_the_watchdog_goes_to_the_dead_mans_switch_alone() -> None:
    assert receiver_of(alertname="Watchdog", severity="none") == "dead-man"


def test_every_severity_of_the_rules_has_a_route() -> None:
    assert {one.severity for one in ALERTS} <= RECEIVERS.keys()


def test_a_group_waits_longer_than_causes_and_effects_may_be_apart() -> None:
    evaluation = yaml.safe_load((PROJECT / "prometheus.yml").read_text())["global"]["evaluation_interval"]
    assert int(DOCUMENT["route"]["group_wait"].removesuffix("s")) > int(evaluation.removesuffix("s"))
    assert [route for route in DOCUMENT["route"]["routes"] if "group_wait" in route] == [DOCUMENT["route"]["routes"][0]]


# The keys that hold a secret in the open, in every Alertmanager up to 0.34.
SECRET_KEYS = re.compile(r"password|credentials|bearer_token|api_key|routing_key|service_key|api_url|token|auth_secret")


def keys_of(node: Any) -> Iterator[tuple[str, Any]]:
    """Return every key with its value, at all depths."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield key, value
            yield from keys_of(value)
    elif isinstance(node, list):
        for one in node:
            yield from keys_of(one)


def test_every_secret_is_in_a_file_of_its_own_which_the_page_explains() -> None:
    secrets = [(key, value) for key, value in keys_of(DOCUMENT) if SECRET_KEYS.search(key)]
    assert [key for key, _ in secrets if not key.endswith("_file")] == []
    files = sorted(value for _, value in secrets)
    assert files == sorted(re.findall(r"^\| `(secrets/[\w-]+)` \|", PAGE.read_text(), re.MULTILINE))


def test_every_severity_and_receiver_is_on_the_page() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| `([\w-]+)` \|", PAGE.read_text(), re.MULTILINE))
    assert rows == RECEIVERS | {"none": "dead-man"}


@dataclass(frozen=True)
class Message:
    """One notification as it came in."""

    path: str
    authorization: str
    document: Mapping[str, Any]

    @property
    def names(self) -> set[str]:
        return {one["labels"]["alertname"] for one in self.document["alerts"]}


class Mailbox:
    """A webhook that keeps what it is told."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.arrived = threading.Condition()
        mailbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with mailbox.arrived:
                    mailbox.messages.append(Message(self.path, self.headers.get("Authorization", ""), document))
                    mailbox.arrived.notify_all()
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})

    def wait_for(self, amount: int) -> list[Message]:
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.messages) >= amount, PATIENCE_SECONDS), self.messages
            return list(self.messages)


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    one = Mailbox()
    one.thread.start()
    yield one
    one.server.shutdown()
    one.thread.join()
    one.server.server_close()


def impatient(mailbox: Mailbox, folder: Path) -> Path:
    """Write the file with a webhook for each receiver, groups that wait a second, and the secrets beside it."""
    text = re.sub(r"group_wait: \d+s", "group_wait: 1s", SHIPPED.read_text())
    document = yaml.safe_load(text)
    examples = {one["name"]: one for one in document["receivers"]}
    address = f"http://127.0.0.1:{mailbox.server.server_port}"
    for name in ("critical", "warning", "dead-man"):
        (webhook,) = examples["dead-man" if name == "dead-man" else "webhook"]["webhook_configs"]
        own = {"name": name, "webhook_configs": [webhook | {"url": f"{address}/{name}"}]}
        document["receivers"] = [own if one["name"] == name else one for one in document["receivers"]]
    (folder / "secrets").mkdir()
    for name in ("webhook-token", "dead-man-token"):
        (folder / "secrets" / name).write_text(f"secret-of-{name}\n")
    path = folder / "alertmanager.yml"
    path.write_text(yaml.safe_dump(document))
    return path


def test_a_message_is_about_one_server_and_carries_the_secret_of_the_file_beside(
    mailbox: Mailbox, tmp_path: Path
) -> None:
    with running(impatient(mailbox, tmp_path), tmp_path) as alertmanager:
        alertmanager.take(
            [
                {"alertname": "MastodonWebDown", "severity": "critical", "mastodon": "qdon"},
                {"alertname": "MastodonApiDown", "severity": "critical", "mastodon": "qdon"},
                {"alertname": "MastodonStorageDown", "severity": "critical", "mastodon": "another"},
                {"alertname": "Watchdog", "severity": "none"},
            ]
        )
        told = {
            (one.path, one.document["groupLabels"].get("mastodon"), *sorted(one.names)) for one in mailbox.wait_for(3)
        }
    assert told == {
        ("/critical", "qdon", "MastodonApiDown", "MastodonWebDown"),
        ("/critical", "another", "MastodonStorageDown"),
        ("/dead-man", None, "Watchdog"),
    }
    assert {one.authorization for one in mailbox.messages} == {
        "Bearer secret-of-webhook-token",
        "Bearer secret-of-dead-man-token",
    }
