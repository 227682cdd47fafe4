"""A real Redis for the tests that ask one."""

import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import redis

from exporter.config import RedisSettings, Secret
from tests.end_to_end.programs_under_test import free_port
from tests.programs import need_program


class RunningRedis:
    """A Redis that keeps nothing on disk; `password` empty: it asks for none."""

    def __init__(self, folder: Path, password: str = "") -> None:
        self.port = free_port()
        self.password = password
        self._folder = folder
        self._program = need_program("redis-server")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def settings(self) -> RedisSettings:
        """What the configuration would say of it; without the password."""
        return RedisSettings(url=Secret(self.url))

    def client(self, database: int = 0) -> Any:
        """Return a client that may do everything; redis-py's types are no help to a test."""
        return redis.Redis(port=self.port, db=database, password=self.password or None, decode_responses=True)

    def empty(self) -> None:
        """Take everything out of every database."""
        with closing(self.client()) as client:
            client.flushall()

    def start(self) -> None:
        """Start the server and wait until it takes connections."""
        words = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self._folder)]
        words += ["--requirepass", self.password] if self.password else []
        with (self._folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen([self._program, *words], stdout=log, stderr=log)
        give_up = time.monotonic() + 30
        while not self._answers():
            assert time.monotonic() < give_up, (self._folder / "redis.log").read_text()
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop the server: whoever is connected is cut off."""
        stopped, self._process = self._process, None
        if stopped is not None:
            stopped.terminate()
            stopped.wait(timeout=30)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Let the server take connections, and answer nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._folder / "redis.log").read_text()
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True


@contextmanager
def running_redis(password: str = "") -> Iterator[RunningRedis]:
    """Give a server of its own."""
    with TemporaryDirectory(prefix="mastodon-redis-") as folder:
        server = RunningRedis(Path(folder), password)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session")
def one_redis() -> Iterator[RunningRedis]:
    """A Redis for the whole run."""
    with running_redis() as server:
        yield server


@pytest.fixture
def redis_server(one_redis: RunningRedis) -> RunningRedis:
    """A Redis with nothing in it."""
    one_redis.empty()
    return one_redis
