"""What one would write with boto3 in ten minutes: `python -m benchmarks.media.boto3_pool`, as a peer to be measured.

Both sides are a JSON object each on a line of standard input. It lists the source and copies what is there with its
type, its Cache-Control and an ACL, 16 at once.
"""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import boto3
from botocore.client import Config

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

THREADS = 16


def main() -> None:
    """Copy everything."""
    (source, source_bucket), (destination, destination_bucket) = (_client(json.loads(line)) for line in sys.stdin)

    def copy(key: str) -> None:
        found = source.get_object(Bucket=source_bucket, Key=key)
        destination.put_object(
            Bucket=destination_bucket,
            Key=key,
            Body=found["Body"].read(),
            ContentType=found["ContentType"],
            CacheControl=found["CacheControl"],
            ACL="public-read",
        )

    pages = source.get_paginator("list_objects_v2").paginate(Bucket=source_bucket)
    keys = (one["Key"] for page in pages for one in page.get("Contents", []))
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in pool.map(copy, keys):
            pass


def _client(settings: dict[str, str]) -> "tuple[S3Client, str]":
    client = boto3.session.Session().client(
        "s3",
        endpoint_url=settings["endpoint"],
        aws_access_key_id=settings["access_key"],
        aws_secret_access_key=settings["secret_key"],
        region_name=settings["region"],
        config=Config(max_pool_connections=THREADS, request_checksum_calculation="when_required"),
    )
    return client, settings["bucket"]


if __name__ == "__main__":
    main()
