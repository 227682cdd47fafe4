"""Places that the ledger tells apart, and those it does not."""

from dataclasses import replace

import pytest

from exporter.config import Secret
from exporter.config.media_model import Addressing, LazySecret, S3Settings
from exporter.media.destination import destination_digest

BUCKET = S3Settings("media", "https://s3.example.com", prefix="qdon")


@pytest.mark.parametrize(
    "other",
    [
        replace(BUCKET, bucket="media2"),
        replace(BUCKET, endpoint="https://s3.example.org"),
        replace(BUCKET, endpoint=None),
        replace(BUCKET, prefix=""),
        S3Settings("qdon", "https://s3.example.com", prefix="media"),
    ],
)
def test_another_place_has_another_name(other: S3Settings) -> None:
    assert destination_digest(other) != destination_digest(BUCKET)


def test_a_place_keeps_its_name_whichever_way_it_is_opened() -> None:
    key = LazySecret(Secret("new"))
    same = replace(BUCKET, access_key=key, secret_key=key, region="eu", addressing=Addressing.VIRTUAL)
    assert destination_digest(same) == destination_digest(BUCKET)
    assert destination_digest(BUCKET) == "48fd16fcc3338bb5"
