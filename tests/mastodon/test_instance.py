import pytest

from exporter.mastodon.instance import Announcement, read_announcement, stored_media_url

BASE = "https://qdon.example"


def test_version_2_is_read() -> None:
    announcement = read_announcement(
        {
            "domain": "qdon.example",
            "version": "4.6.0",
            "thumbnail": {"url": "https://files.qdon.example/site_uploads/1.png"},
            "configuration": {"urls": {"streaming": "wss://stream.qdon.example", "status": "https://status.example"}},
            "contact": {"account": {"acct": "admin", "avatar": "https://files.qdon.example/accounts/1.png"}},
        },
        BASE,
    )
    assert announcement == Announcement(
        version="4.6.0",
        domain="qdon.example",
        streaming="wss://stream.qdon.example",
        account="admin",
        media=("https://files.qdon.example/site_uploads/1.png", "https://files.qdon.example/accounts/1.png"),
        status_page="https://status.example",
    )


def test_version_1_is_read() -> None:
    announcement = read_announcement(
        {
            "uri": "qdon.example",
            "version": "2.9.4",
            "thumbnail": "/system/site_uploads/1.png",
            "urls": {"streaming_api": "wss://qdon.example"},
            "stats": {"user_count": 3, "status_count": 4, "domain_count": 5},
            "contact_account": {"username": "admin"},
        },
        BASE,
    )
    assert (announcement.domain, announcement.streaming, announcement.account) == (
        "qdon.example",
        "wss://qdon.example",
        "admin",
    )
    assert announcement.media == ("https://qdon.example/system/site_uploads/1.png",)
    assert announcement.peers == 5


@pytest.mark.parametrize(
    "document", [None, [], "text", 7, {"thumbnail": 7, "contact": [], "urls": None, "stats": {"user_count": "x"}}]
)
def test_what_is_malformed_counts_as_not_told(document: object) -> None:
    assert read_announcement(document, BASE) == Announcement()


@pytest.mark.parametrize(
    "url",
    [
        "https://qdon.example/packs/media/images/preview-1a2b.png",
        "/packs/media/images/preview.jpg",
        "https://cdn.example/packs/media/images/preview.jpg",
        "/avatars/original/missing.png",
        "data:image/png;base64,AAAA",
        "http://[broken/",
    ],
)
def test_images_that_ship_with_mastodon_are_no_stored_media(url: str) -> None:
    assert stored_media_url(url, BASE) is None
