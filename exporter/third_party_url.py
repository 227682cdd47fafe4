"""URLs that third-party text names, as they may be asked: hubs, remote media, and where these redirect to."""

from urllib.parse import quote, urljoin, urlsplit, urlunsplit

from exporter.config.hosts import page_url
from exporter.errors import InvalidValue

LONGEST_URL = 2048
_KEPT = "%/:?@!$&'()*+,;=~[]"  # what means something in a path or query, or is encoded already


def third_party_url(text: str) -> str:
    """Return a URL in ASCII and without a fragment, as it is sent.

    Raises InvalidValue for whatever is not http or https, and for credentials, spaces and control characters.
    """
    if len(text) > LONGEST_URL:
        raise InvalidValue(f"must be a URL of at most {LONGEST_URL} characters")
    parts = urlsplit(page_url(text))
    path, query = quote(parts.path, safe=_KEPT) or "/", quote(parts.query, safe=_KEPT)
    return urlunsplit((parts.scheme, parts.netloc.lower(), path, query, ""))


def redirected_url(url: str, location: str) -> str:
    """Return where a Location header leads from a URL. Raises InvalidValue as `third_party_url` does."""
    if not location or len(location) > LONGEST_URL:
        raise InvalidValue(f"must be a URL of at most {LONGEST_URL} characters")
    try:
        return third_party_url(urljoin(url, location))
    except ValueError:
        raise InvalidValue("must be a URL") from None
