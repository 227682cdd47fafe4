"""Two real S3 servers, for the tests that move objects from one to the other.

Both are started once a run, when a test first asks for them; each is a process of its own on 127.0.0.1 and keeps its
objects in a folder of its own.
"""

import itertools
import json
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.client import Config
from botocore.exceptions import BotoCoreError, ClientError

from exporter.config import Secret
from exporter.config.media_model import LazySecret, S3Settings
from tests.end_to_end.programs_under_test import free_port
from tests.programs import need_program

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

REGION = "us-east-1"
START_TIMEOUT_SECONDS = 120.0

# Each listens on two ports: one for HTTP, one for gRPC.
_PARTS = ("master", "volume", "filer", "s3")


@dataclass(frozen=True)
class Keys:
    """What somebody who asks a server identifies himself by."""

    access: str
    secret: str


OWNER = Keys("OWNER0EXAMPLE", "owner/secret+of=the/store")
"""May do everything."""
READER = Keys("READER0EXAMPLE", "reader/secret+of=the/store")
"""May read and list, and write nothing."""

_MAY = {OWNER: ("Admin", "Read", "Write", "List", "Tagging"), READER: ("Read", "List")}


class RunningSeaweed:
    """An S3 server that is a single process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._program = need_program("weed")
        self._ports = {name: free_port() for part in _PARTS for name in (f"{part}.port", f"{part}.port.grpc")}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        return self._ports["s3.port"]

    @property
    def endpoint(self) -> str:
        """The URL of the server, without a slash at its end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """Everything that the server has said."""
        return (self._folder / "server.log").read_text(encoding="utf-8", errors="replace")

    @property
    def process_id(self) -> int:
        assert self._process is not None
        return self._process.pid

    def client(self, keys: Keys = OWNER, endpoint: str | None = None) -> "S3Client":
        """Return boto3's client for this server, or for what stands before it at `endpoint`; close it afterwards."""
        return boto3.session.Session().client(
            "s3",
            endpoint_url=endpoint or self.endpoint,
            aws_access_key_id=keys.access,
            aws_secret_access_key=keys.secret,
            region_name=REGION,
            config=Config(
                connect_timeout=5,
                read_timeout=60,
                retries={"total_max_attempts": 1},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                max_pool_connections=32,
            ),
        )

    def new_bucket(self) -> str:
        """Return the name of a fresh, empty bucket."""
        with self._lock:
            name = f"media-{next(self._numbers)}"
        with closing(self.client()) as client:
            client.create_bucket(Bucket=name)
        return name

    def settings(self, bucket: str, prefix: str = "", keys: Keys = OWNER, endpoint: str | None = None) -> S3Settings:
        """What the configuration would say of a bucket here."""
        return S3Settings(
            bucket=bucket,
            endpoint=endpoint or self.endpoint,
            region=REGION,
            access_key=LazySecret(text=Secret(keys.access)),
            secret_key=LazySecret(text=Secret(keys.secret)),
            prefix=prefix,
        )

    def start(self) -> None:
        """Start the server; it takes some seconds until it can be used."""
        identities = self._folder / "identities.json"
        identities.write_text(json.dumps({"identities": [_identity(keys) for keys in _MAY]}))
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, "-logtostderr=true", "server", *self._words(identities)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
            )

    def wait(self) -> None:
        """Return once objects can be written."""
        give_up = time.monotonic() + START_TIMEOUT_SECONDS
        with closing(self.client()) as client:
            while not self._takes_objects(client):
                assert time.monotonic() < give_up, self.log
                time.sleep(0.1)

    def stop(self) -> None:
        """Stop the server at once; nothing here has to last."""
        stopped, self._process = self._process, None
        if stopped is not None:
            stopped.kill()
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

    def _words(self, identities: Path) -> list[str]:
        settings = {
            "dir": self._folder,
            "ip": "127.0.0.1",
            "ip.bind": "127.0.0.1",
            **self._ports,
            "s3.config": identities,
            "s3.localSocket": self._folder / "s3.sock",
            "filer.localSocket": self._folder / "filer.sock",
            # Nothing is sent to anybody, and no port is taken that was not asked for.
            "master.telemetry": "false",
            "s3.port.iceberg": 0,
            "s3.port.lance": 0,
            # Every bucket takes seven volumes: as many as there is room for.
            "volume.max": 0,
            "master.volumeSizeLimitMB": 64,
        }
        return ["-filer", "-s3", *(f"-{name}={value}" for name, value in settings.items())]

    def _takes_objects(self, client: "S3Client") -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log
        try:
            client.create_bucket(Bucket="is-ready")
            client.put_object(Bucket="is-ready", Key="is-ready", Body=b"yes")
        except (BotoCoreError, ClientError):
            return False
        return True


def _identity(keys: Keys) -> dict[str, object]:
    return {
        "name": keys.access.lower(),
        "credentials": [{"accessKey": keys.access, "secretKey": keys.secret}],
        "actions": list(_MAY[keys]),
    }


@dataclass(frozen=True)
class S3Servers:
    """Where objects come from, and where they go to."""

    source: RunningSeaweed
    destination: RunningSeaweed


@contextmanager
def running_seaweed(count: int = 1) -> Iterator[list[RunningSeaweed]]:
    """Give servers of one's own, started side by side."""
    with ExitStack() as stack:
        servers = []
        for _ in range(count):
            folder = stack.enter_context(TemporaryDirectory(prefix="mastodon-seaweedfs-"))
            server = RunningSeaweed(Path(folder))
            stack.callback(server.stop)
            server.start()
            servers.append(server)
        with ThreadPoolExecutor() as pool:
            list(pool.map(RunningSeaweed.wait, servers))
        yield servers


@pytest.fixture(scope="session")
def s3_servers() -> Iterator[S3Servers]:
    """Two S3 servers for the whole run; every test takes buckets of its own."""
    with running_seaweed(2) as (source, destination):
        yield S3Servers(source, destination)
