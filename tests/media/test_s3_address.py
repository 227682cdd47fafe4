"""Where a bucket lies; boto3 says what the URL of an object is."""

from contextlib import closing

import boto3
import pytest
from botocore.client import Config
from hypothesis import given
from hypothesis import strategies as st

from exporter.config.media_model import Addressing, S3Settings
from exporter.media.s3_address import address_of, query_of

ENDPOINT = "https://s3.example.org"


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        (S3Settings("media", ENDPOINT), "https://s3.example.org/media/a.jpg"),
        (S3Settings("media", f"{ENDPOINT}/"), "https://s3.example.org/media/a.jpg"),
        (S3Settings("media", f"{ENDPOINT}:443"), "https://s3.example.org/media/a.jpg"),
        (S3Settings("media", f"{ENDPOINT}:8443"), "https://s3.example.org:8443/media/a.jpg"),
        (S3Settings("media", "http://127.0.0.1:80"), "http://127.0.0.1/media/a.jpg"),
        (S3Settings("media", "http://[::1]:9000"), "http://[::1]:9000/media/a.jpg"),
        (S3Settings("media", f"{ENDPOINT}/storage/s3"), "https://s3.example.org/storage/s3/media/a.jpg"),
        (S3Settings("media", ENDPOINT, addressing=Addressing.VIRTUAL), "https://media.s3.example.org/a.jpg"),
        (S3Settings("media"), "https://media.s3.us-east-1.amazonaws.com/a.jpg"),
        (S3Settings("media", region="eu-west-3"), "https://media.s3.eu-west-3.amazonaws.com/a.jpg"),
        (S3Settings("media", region="cn-north-1"), "https://media.s3.cn-north-1.amazonaws.com.cn/a.jpg"),
        (S3Settings("my.media", region="eu-west-3"), "https://s3.eu-west-3.amazonaws.com/my.media/a.jpg"),
        (S3Settings("media", addressing=Addressing.PATH), "https://s3.us-east-1.amazonaws.com/media/a.jpg"),
    ],
)
def test_an_object_has_the_url_that_the_configuration_means(settings: S3Settings, url: str) -> None:
    address = address_of(settings)
    assert address.origin + address.path("a.jpg") == url


@pytest.mark.parametrize("addressing", [Addressing.PATH, Addressing.VIRTUAL])
@pytest.mark.parametrize("endpoint", [ENDPOINT, f"{ENDPOINT}:8443", None])
def test_an_object_has_the_url_that_boto3_gives_it(addressing: Addressing, endpoint: str | None) -> None:
    address = address_of(S3Settings("media", endpoint, "eu-west-3", addressing=addressing))
    client = boto3.session.Session().client(
        "s3",
        endpoint_url=endpoint,
        region_name="eu-west-3",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
        config=Config(s3={"addressing_style": addressing.value}, signature_version="s3v4"),
    )
    with closing(client):
        for key in ("a.jpg", "a b+c%41.jpg", "ü/#?.png", "a//b", "~-._"):
            url = client.generate_presigned_url("get_object", Params={"Bucket": "media", "Key": key})
            assert url.partition("?")[0] == address.origin + address.path(key)


@given(key=st.text(st.characters(exclude_categories=["Cs"])))
def test_no_key_leaves_the_bucket_or_ends_the_path(key: str) -> None:
    path = address_of(S3Settings("media", ENDPOINT)).path(key)
    assert path.startswith("/media/")
    assert not set(path) & set("?# \r\n\\%") - {"%"}
    assert path.isascii()


def test_bytes_that_were_no_utf8_go_out_as_they_came() -> None:
    key = b"caf\xe9.jpg".decode("utf-8", "surrogateescape")
    assert address_of(S3Settings("media", ENDPOINT)).path(key) == "/media/caf%E9.jpg"


def test_another_request_names_an_object_by_bucket_and_key() -> None:
    address = address_of(S3Settings("media", addressing=Addressing.VIRTUAL))
    assert address.copy_source("a b/ü.jpg") == "/media/a%20b/%C3%BC.jpg"


def test_a_query_is_sorted_and_has_a_value_for_each_name() -> None:
    assert query_of([("prefix", "a/b c+ü"), ("acl", ""), ("max-keys", "10")]) == (
        "acl=&max-keys=10&prefix=a%2Fb%20c%2B%C3%BC"
    )


def test_a_bucket_is_called_by_its_name_and_its_host() -> None:
    assert address_of(S3Settings("media", ENDPOINT)).name == "bucket media at s3.example.org"
