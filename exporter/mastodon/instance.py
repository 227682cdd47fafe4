"""What a server announces of itself through /api/v2/instance (4.0 and newer) or /api/v1/instance."""

from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from exporter.mastodon.documents import lookup, lookup_count, lookup_text

_DEFAULT_ASSETS = ("/packs/", "/avatars/original/missing.png", "/headers/original/missing.png")


@dataclass(frozen=True)
class Announcement:
    """What the instance API told. `media` are URLs of stored images, best first; None or empty = not told."""

    version: str | None = None
    domain: str | None = None
    streaming: str | None = None
    account: str | None = None
    media: tuple[str, ...] = ()
    status_page: str | None = None
    peers: int | None = None


def read_announcement(document: object, base_url: str) -> Announcement:
    """Return what an instance document of either version tells; what is malformed counts as not told."""
    return Announcement(
        version=lookup_text(document, "version"),
        domain=lookup_text(document, "domain") or lookup_text(document, "uri"),
        streaming=(
            lookup_text(document, "configuration", "urls", "streaming")
            or lookup_text(document, "urls", "streaming_api")
        ),
        account=_contact_account(document),
        media=_stored_images(document, base_url),
        status_page=lookup_text(document, "configuration", "urls", "status"),
        peers=lookup_count(document, "stats", "domain_count"),
    )


def _contact(document: object) -> object | None:
    return lookup(document, "contact", "account") or lookup(document, "contact_account")


def _contact_account(document: object) -> str | None:
    contact = _contact(document)
    name = lookup_text(contact, "username") or lookup_text(contact, "acct")
    return name.partition("@")[0] or None if name else None


def _stored_images(document: object, base_url: str) -> tuple[str, ...]:
    thumbnail = lookup_text(document, "thumbnail", "url") or lookup_text(document, "thumbnail")
    candidates = (thumbnail, lookup_text(_contact(document), "avatar"))
    found = (stored_media_url(url, base_url) for url in candidates if url)
    return tuple(dict.fromkeys(url for url in found if url))


def stored_media_url(url: str, base_url: str) -> str | None:
    """Return the absolute URL of an uploaded image; None for images that ship with Mastodon, and for no URL."""
    try:
        absolute = urljoin(base_url + "/", url)
        parts = urlsplit(absolute)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    if any(parts.path.startswith(asset) for asset in _DEFAULT_ASSETS):
        return None
    return absolute
