"""The commands as users run them: started as processes, asked over HTTP, ended by signals."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import requests

START_TIMEOUT_SECONDS = 30.0


def free_port() -> int:
    """Return a port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def command(*arguments: str) -> list[str]:
    """Return the command line of `mastodon-exporter` with these arguments."""
    return [sys.executable, "-m", "exporter", *arguments]


def run(*arguments: str, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run `mastodon-exporter` to its end."""
    environment = {**os.environ, **(environ or {})}
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=60, env=environment, check=False)


@dataclass(frozen=True)
class Running:
    """A program that answers at `url`; `log` is what it writes."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path

    def get(self, path: str, **parameters: str) -> requests.Response:
        return requests.get(self.url + path, params=parameters, timeout=20)

    def hang_up(self) -> None:
        """Send SIGHUP, as a service manager does to have a configuration read again."""
        self.process.send_signal(signal.SIGHUP)


@contextmanager
def started(arguments: Sequence[str], url: str, log: Path) -> Iterator[Running]:
    """Start a program, wait until it answers, and end it afterwards."""
    with log.open("wb") as output, subprocess.Popen(arguments, stdout=output, stderr=subprocess.STDOUT) as process:
        try:
            wait_for(url, process, log)
            yield Running(process, url, log)
        finally:
            process.terminate()


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until an HTTP answer comes that is no "not yet" (5xx)."""
    give_up = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < give_up and process.poll() is None:
        if is_up(url):
            return
        time.sleep(0.05)
    raise AssertionError(f"{process.args!r} does not answer:\n{log.read_text()}")


def is_up(url: str) -> bool:
    """Tell whether something answers there, and not with 5xx."""
    try:
        return requests.get(url, timeout=1).status_code < HTTPStatus.INTERNAL_SERVER_ERROR
    except requests.RequestException:
        return False


@contextmanager
def exporter(config: Path, folder: Path) -> Iterator[Running]:
    """Run `mastodon-exporter serve` with a configuration file."""
    port = free_port()
    arguments = command("serve", "-c", str(config), "--listen", f"127.0.0.1:{port}")
    with started(arguments, f"http://127.0.0.1:{port}", folder / "exporter.log") as running:
        yield running
