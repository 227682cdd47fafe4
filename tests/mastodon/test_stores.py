import pytest

from exporter.mastodon.stores import is_image, is_listing, is_refusal_of_a_key, media_hosts

POLICY = (
    "default-src 'none'; font-src 'self' https://qdon.example; img-src 'self' data: blob: https://qdon.example "
    "https://files.qdon.example; media-src 'self' data: https://files.qdon.example https://*.cdn.example; connect-src wss://x.example"
)


def test_the_storage_host_is_read_from_the_security_policy() -> None:
    assert media_hosts(POLICY, "qdon.example") == ("https://files.qdon.example",)


@pytest.mark.parametrize(
    "policy", ["", ";;;", "img-src", "img-src 'self' data:", "img-src https://[broken", "script-src https://x.example"]
)
def test_a_policy_without_one_names_none(policy: str) -> None:
    assert media_hosts(policy, "qdon.example") == ()


@pytest.mark.parametrize(
    ("content_type", "body", "told"),
    [
        ("image/png", b"\x89PNG", True),
        ("Image/SVG+xml", b"<svg/>", True),
        ("image/png", b"\n <html>", False),
        ("image/png", b"", False),
        ("text/html", b"\x89PNG", False),
        ("application/octet-stream", b"\x89PNG", False),
    ],
)
def test_an_image_is_called_one_and_is_no_page(content_type: str, body: bytes, told: bool) -> None:
    assert is_image(content_type, body) is told


def test_listings_and_refusals_are_told_apart() -> None:
    assert is_listing('<?xml version="1.0"?><ListBucketResult xmlns="x">')
    assert is_refusal_of_a_key(403, "<Error><Code>AccessDenied</Code></Error>")
    assert not is_refusal_of_a_key(404, "<Error><Code>NoSuchBucket</Code></Error>")
    assert not is_refusal_of_a_key(500, "<Error><Code>AccessDenied</Code></Error>")
