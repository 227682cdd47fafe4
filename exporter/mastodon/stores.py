"""How object stores answer, and where a server's pages say which store is its own."""

from urllib.parse import urlsplit

from exporter.mastodon.documents import MAX_TEXT_LENGTH

MEDIA_FOLDERS = frozenset(
    {"accounts", "backups", "cache", "custom_emojis", "imports", "media_attachments", "preview_cards", "site_uploads",
     "preview_card_providers", "system"}
)  # fmt: skip
"""The folders Mastodon itself makes at the root of its bucket or disk: never the name of a bucket."""

_MEDIA_DIRECTIVES = frozenset({"img-src", "media-src"})
_LISTINGS = ("<ListBucketResult", "<EnumerationResults")
_KEY_REFUSALS = ("<Code>AccessDenied</Code>", "<Code>NoSuchKey</Code>", "<Code>BlobNotFound</Code>")
_REFUSED = frozenset({403, 404})


def media_hosts(policy: str, own_host: str) -> tuple[str, ...]:
    """Return the storage addresses that a Content-Security-Policy allows images and media from, in its order.

    Mastodon writes its storage host there since 2.6 (PR #8957). The server's own host is left out.
    """
    sources = (
        source.rstrip("/")
        for directive in policy.split(";")
        if (words := directive.split()) and words[0].lower() in _MEDIA_DIRECTIVES
        for source in words[1:]
    )
    return tuple(dict.fromkeys(source for source in sources if _is_other_host(source, own_host)))


def _is_other_host(source: str, own_host: str) -> bool:
    if len(source) > MAX_TEXT_LENGTH:
        return False
    try:
        parts = urlsplit(source)
    except ValueError:
        return False
    host = parts.hostname or ""
    return parts.scheme in ("http", "https") and "*" not in host and host not in ("", own_host)


def is_listing(text: str) -> bool:
    """Tell whether a body lists the objects of a bucket (S3, Google, Azure)."""
    return any(mark in text for mark in _LISTINGS)


def is_refusal_of_a_key(status: int | None, text: str) -> bool:
    """Tell whether a store says of itself that it does not have, or does not show, one object."""
    return status in _REFUSED and any(code in text for code in _KEY_REFUSALS)


def is_image(content_type: str, body: bytes) -> bool:
    """Tell whether an answer is an image, and not a page that says it is one."""
    if not content_type.lower().startswith("image/") or not body:
        return False
    return "svg" in content_type.lower() or body.lstrip()[:1] != b"<"
