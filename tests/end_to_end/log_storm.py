"""A real nginx under load whose log is rotated all the time, and an exporter that is killed again and again."""

import gzip
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import requests

from tests.end_to_end.programs_under_test import command, free_port, is_up

KEPT_GENERATIONS = 400
AT_ONCE = 50
SETTLE_SECONDS = 60.0

CONFIG = """
user root;
pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes 2; worker_rlimit_nofile 4096;
events {{ worker_connections 512; }}
http {{
  access_log {log} combined;
  keepalive_requests 1000000000;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  server {{
    listen 127.0.0.1:{port};
    location ~ ^/api/subscriptions/[0-9]*[0-4]$ {{ return 200; }}
    location ~ ^/api/subscriptions/[0-9]*[56]$ {{ return 404; }}
    location ~ ^/api/subscriptions/[0-9]*7$ {{ return 301 /elsewhere; }}
    location ~ ^/api/subscriptions/[0-9]*8$ {{ return 429; }}
    location ~ ^/api/subscriptions/ {{ return 502; }}
    location = /inbox {{ return 401; }}
    location / {{ return 200; }}
  }}
}}
"""


@dataclass
class Nginx:
    """A running nginx, its log, and how to rotate it. Files that a rotation would delete are put aside instead."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]
    compressing: random.Random
    rotations: int = 0
    truncated_lines: int = 0

    def live_lines(self) -> int:
        """Return how many lines the live file holds."""
        return self.log.read_bytes().count(b"\n")

    @property
    def log(self) -> Path:
        return self.folder / "logs" / "access.log"

    @property
    def aside(self) -> Path:
        return self.folder / "aside"

    def rotate(self) -> None:
        """Rename as logrotate does, some generations compressed, then have nginx reopen its log."""
        self._make_room()
        self.log.rename(self._generation(1))
        os.kill(self.process.pid, signal.SIGUSR1)
        self.rotations += 1

    def copy_and_truncate(self) -> None:
        """Rotate as logrotate does with `copytruncate`; only what nobody writes meanwhile is kept whole."""
        self._make_room()
        shutil.copyfile(self.log, self._generation(1))
        self.truncated_lines += self.live_lines()
        os.truncate(self.log, 0)
        self.rotations += 1

    def lines(self) -> list[bytes]:
        """Return every line that nginx has ever written, in no order."""
        files = [*self.aside.iterdir(), *self.log.parent.iterdir()]
        contents = [gzip.decompress(one.read_bytes()) if one.suffix == ".gz" else one.read_bytes() for one in files]
        return b"".join(contents).splitlines()

    def _make_room(self) -> None:
        for number in range(KEPT_GENERATIONS, 0, -1):
            for ending in ("", ".gz"):
                old = self._generation(number, ending)
                if not old.exists():
                    continue
                if number == KEPT_GENERATIONS:
                    old.rename(self.aside / f"{self.rotations}{ending}")
                else:
                    old.rename(self._generation(number + 1, ending))
        # As with `delaycompress`: the newest renamed file is still written to.
        third = self._generation(3)
        if third.exists() and self.compressing.random() < 0.5:
            compress(third)

    def _generation(self, number: int, ending: str = "") -> Path:
        return self.log.with_name(f"access.log.{number}{ending}")


def compress(path: Path) -> None:
    """Do what gzip does to a file."""
    status = path.stat()
    packed = path.with_name(path.name + ".gz")
    with path.open("rb") as source, gzip.open(packed, "wb", compresslevel=1) as target:
        shutil.copyfileobj(source, target)
    os.utime(packed, ns=(status.st_atime_ns, status.st_mtime_ns))
    path.unlink()


@contextmanager
def running_nginx(program: str, folder: Path, seed: int) -> Iterator[Nginx]:
    """Run nginx until the context ends."""
    port = free_port()
    (folder / "logs").mkdir()
    (folder / "aside").mkdir()
    config = folder / "nginx.conf"
    config.write_text(CONFIG.format(folder=folder, log=folder / "logs" / "access.log", port=port))
    arguments = [program, "-c", str(config), "-p", str(folder), "-g", "daemon off;"]
    with subprocess.Popen(arguments, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: is_listening(port))
            yield Nginx(folder, port, process, random.Random(seed))
        finally:
            process.terminate()


class Load:
    """Numbered requests on keep-alive connections, as fast as nginx answers or slower."""

    def __init__(self, nginx: Nginx, pause_seconds: float) -> None:
        self.answered = 0
        self._nginx = nginx
        self._pause_seconds = pause_seconds
        self._going = threading.Event()
        self._resting = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._going.set()
        self._thread.start()

    def rest(self) -> None:
        """Stop asking, and return once every answer is there."""
        self._going.clear()
        assert self._resting.wait(20)

    def go_on(self) -> None:
        self._resting.clear()
        self._going.set()

    def end(self) -> None:
        self._ended.set()
        self._going.set()
        self._thread.join()

    def _run(self) -> None:
        with socket.create_connection(("127.0.0.1", self._nginx.port)) as connection:
            while not self._ended.is_set():
                if not self._going.is_set():
                    self._resting.set()
                    self._going.wait()
                    continue
                connection.sendall(b"".join(request(self.answered + n) for n in range(AT_ONCE)))
                self._await_answers(connection)
                self.answered += AT_ONCE
                self._ended.wait(self._pause_seconds)

    def _await_answers(self, connection: socket.socket) -> None:
        received = b""
        while received.count(b"HTTP/1.1 ") < AT_ONCE or not received.endswith((b"\r\n\r\n", b"</html>\r\n")):
            part = connection.recv(1 << 20)
            assert part, "nginx has closed the connection"
            received += part


def request(number: int) -> bytes:
    """Return the request of a number: mostly callbacks, some deliveries, some page views."""
    if number % 7 == 0:
        head = "GET /about?line=%d HTTP/1.1"
    elif number % 11 == 0:
        head = "POST /inbox?line=%d HTTP/1.1\r\nContent-Length: 0"
    else:
        head = "GET /api/subscriptions/%d HTTP/1.1"
    return (
        head % number + "\r\nHost: a\r\nUser-Agent: http.rb/2.2.2 (Mastodon/1.5.0; +https://a.example/)\r\n\r\n"
    ).encode()


@dataclass
class Exporter:
    """`mastodon-exporter serve` that can be killed and started again; a scraper watches that no counter goes back."""

    config: Path
    port: int
    output: Path
    process: subprocess.Popen[bytes] | None = None
    highest: dict[str, float] = field(default_factory=dict)
    went_back: list[str] = field(default_factory=list)
    scrapes: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    # Two scrapes at once could be compared in another order than that in which they were answered.
    one_at_a_time: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def start(self) -> None:
        arguments = command("serve", "-c", str(self.config), "--listen", f"127.0.0.1:{self.port}")
        with self.output.open("ab") as output:
            # A session of its own, so that all its processes can be killed with one signal.
            self.process = subprocess.Popen(arguments, stdout=output, stderr=output, start_new_session=True)
        wait_until(lambda: is_up(f"http://127.0.0.1:{self.port}/-/healthy"))

    def await_ready(self) -> None:
        """Return once the log is followed: what was rotated away before that is none of the exporter's."""
        wait_until(lambda: is_up(f"http://127.0.0.1:{self.port}/-/ready"))

    def kill(self, whom: str) -> None:
        """Kill the exporter, the process that follows its logs, or both at the same moment."""
        assert self.process is not None
        self.kills[whom] += 1
        if whom == "follower":
            for follower in children_of(self.process.pid):
                os.kill(follower, signal.SIGKILL)
            return
        if whom == "both":
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        self.start()

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait()

    def scrape(self) -> dict[str, float]:
        """Return the series of access logs; remember each counter that is lower than it was."""
        with self.one_at_a_time:
            return self._scrape()

    def _scrape(self) -> dict[str, float]:
        try:
            text = requests.get(f"http://127.0.0.1:{self.port}/metrics", timeout=10).text
        except requests.RequestException:
            return {}
        series = dict(re.findall(r"^(mastodon_(?:accesslog|subscription|inbox)\S+) (\S+)$", text, re.MULTILINE))
        values = {name: float(value) for name, value in series.items()}
        for name, value in values.items():
            if "_total{" in name and value < self.highest.get(name, 0):
                self.went_back.append(f"{name}: {value} after {self.highest[name]}")
            self.highest[name] = max(value, self.highest.get(name, 0))
        self.scrapes += 1
        return values


def children_of(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    return [int(one) for task in Path(f"/proc/{pid}/task").iterdir() for one in (task / "children").read_text().split()]


@contextmanager
def scraped(exporter: Exporter) -> Iterator[None]:
    """Scrape all the time while the context lasts."""
    ended = threading.Event()

    def scrape() -> None:
        while not ended.wait(0.05):
            exporter.scrape()

    thread = threading.Thread(target=scrape)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def is_listening(port: int) -> bool:
    """Tell whether something accepts connections there."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def wait_until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Return once a condition holds."""
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, "waited in vain"
        time.sleep(0.02)
