"""Stores as tests ask them: without waiting, and with everything noted that a pace is told."""

from dataclasses import dataclass, field, replace
from itertools import count

from exporter.config.media_model import S3Settings
from exporter.media.connection import Timeouts
from exporter.media.s3_address import address_of
from exporter.media.s3_checks import Checks
from exporter.media.s3_client import Patience, S3Client
from exporter.media.s3_store import S3Store
from exporter.media.signature import AccessKeys, Signer
from tests.media.scripted_store import ScriptedStore
from tests.seaweedfs import OWNER, REGION, Keys, RunningSeaweed


@dataclass
class NotedPace:
    """Lets everybody ask at once."""

    turns: int = 0
    slowed: list[float | None] = field(default_factory=list)
    went_well_times: int = 0

    def take_turn(self) -> None:
        self.turns += 1

    def slow_down(self, wait_seconds: float | None = None) -> None:
        self.slowed.append(wait_seconds)

    def went_well(self) -> None:
        self.went_well_times += 1


def no_waiting(attempts: int = 4, stall_seconds: float = 1.0) -> Patience:
    """Return a patience that tries again at once."""
    timeouts = Timeouts(connect_seconds=2.0, stall_seconds=stall_seconds)
    return Patience(
        attempts=attempts,
        timeouts=timeouts,
        timeouts_of_long_work=replace(timeouts, stall_seconds=60.0),
        sleep=lambda _: None,
    )


def client_of(endpoint: str, bucket: str, keys: Keys = OWNER, patience: Patience | None = None) -> S3Client:
    """Return what asks a bucket."""
    address = address_of(S3Settings(bucket=bucket, endpoint=endpoint, region=REGION))
    access = AccessKeys(keys.access, keys.secret)
    return S3Client(address, Signer(lambda: access, REGION), NotedPace(), patience or no_waiting())


def store_in(server: RunningSeaweed, bucket: str, keys: Keys = OWNER) -> S3Store:
    """Return a bucket of a real server."""
    return S3Store(client_of(server.endpoint, bucket, keys, no_waiting(stall_seconds=30.0)), Checks())


def store_at(scripted: ScriptedStore, checks: Checks | None = None, patience: Patience | None = None) -> S3Store:
    """Return the bucket `media` of a server that does what a test says."""
    return S3Store(client_of(scripted.endpoint, "media", patience=patience), checks or Checks())


_numbers = count(1)


def a_key(ending: str = ".jpg") -> str:
    """Return a key that no other test has."""
    return f"media_attachments/files/000/000/{next(_numbers):03}/original/0123456789abcdef{ending}"
