"""A server with pictures: rows of a real PostgreSQL, and their objects in a real S3 server."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

import yaml

from tests.media.bucket import Bucket, new_bucket, side_by_side
from tests.media.made_rows import CACHE_CONTROL
from tests.postgres import Postgres, postgres_server
from tests.seaweedfs import OWNER, REGION, RunningSeaweed, running_seaweed

VERSION = "4.6"
SMALLEST_BYTES, LARGEST_BYTES = 8_000, 120_000
_HEADERS = {"Content-Type": "image/jpeg", "Cache-Control": CACHE_CONTROL}
_ACCOUNT = "INSERT INTO accounts (id, username, created_at, updated_at) VALUES (1, 'owner', now(), now())"
_PICTURES = """
INSERT INTO media_attachments (account_id, file_file_name, file_content_type, file_file_size, file_updated_at,
    file_storage_schema_version, created_at, updated_at)
SELECT 1, lpad(to_hex(n), 16, '0') || '.jpg', 'image/jpeg', 0, timezone('UTC', now()) - interval '1 day', 1,
    timezone('UTC', now()) - interval '1 day', timezone('UTC', now()) - interval '1 day'
FROM generate_series(1, {rows}) AS n
"""


@dataclass(frozen=True)
class Sample:
    """A database, the bucket with its objects, and the server that they are to be moved to."""

    database: str
    source: Bucket
    destination_server: RunningSeaweed
    objects: int

    def config(self, folder: Path, destination: Bucket) -> Path:
        """Write the configuration for a move into a bucket, and return its name."""
        media = {
            "source": settings(self.source),
            "destination": settings(destination),
            "workers": 16,
        }
        document = {
            "state_dir": str(folder / f"state-{destination.name}"),
            "instances": [{"url": "https://qdon.example"}],
            "database": {"url": self.database},
            "media": media,
        }
        path = folder / f"{destination.name}.yml"
        path.write_text(yaml.safe_dump(document))
        return path

    def must_be_in(self, destination: Bucket) -> None:
        """End the benchmark where not every object has arrived."""
        source, found = self.source.listed(), destination.listed()
        if {key: one.size_bytes for key, one in source.items()} != {key: one.size_bytes for key, one in found.items()}:
            raise SystemExit(f"{len(found)} objects have arrived, and there are {len(source)}")


@contextmanager
def sample(objects: int) -> Iterator[Sample]:
    """Give a server whose pictures have so many objects, two of each."""
    with (
        postgres_server() as postgres,
        running_seaweed(2) as (source_server, destination_server),
        new_bucket(source_server) as source,
    ):
        side_by_side(lambda key: source.put(key, _body(key), _HEADERS), _keys(objects // 2))
        yield Sample(pictures(postgres, objects // 2), source, destination_server, objects)


def pictures(postgres: Postgres, rows: int) -> str:
    """Return the URL of a database with so many pictures of this server's own."""
    url = postgres.new_database(VERSION)
    postgres.run(url, _ACCOUNT)
    postgres.run(url, _PICTURES.format(rows=rows))
    postgres.run(url, "VACUUM ANALYZE")
    return url


def settings(bucket: Bucket) -> dict[str, object]:
    """What the configuration says of a bucket."""
    return {
        "endpoint": bucket.server.endpoint,
        "bucket": bucket.name,
        "access_key": OWNER.access,
        "secret_key": OWNER.secret,
        "region": REGION,
    }


@contextmanager
def empty_bucket(sample: Sample) -> Iterator[Bucket]:
    """Give a bucket to move to, and empty it afterwards."""
    with new_bucket(sample.destination_server) as bucket:
        # The first object of a bucket makes its volumes, which takes the server a moment.
        bucket.put("first", b"", {})
        bucket.delete("first")
        yield bucket
        with closing(sample.destination_server.client()) as client:
            side_by_side(bucket.delete, bucket.listed())
            client.delete_bucket(Bucket=bucket.name)


def _keys(rows: int) -> Iterator[str]:
    for row in range(1, rows + 1):
        number = f"{row:09}"
        for style in ("original", "small"):
            groups = f"{number[:3]}/{number[3:6]}/{number[6:]}"
            yield f"media_attachments/files/{groups}/{style}/{row:016x}.jpg"


def _body(key: str) -> bytes:
    return os.urandom(Random(key).randint(SMALLEST_BYTES, LARGEST_BYTES))
