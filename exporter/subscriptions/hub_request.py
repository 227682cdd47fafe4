"""What a hub is asked for, in the words of PubSubHubbub 0.3 and 0.4."""

from dataclasses import dataclass, field
from urllib.parse import quote, urlencode, urljoin, urlsplit, urlunsplit

from exporter.config.hosts import page_url
from exporter.errors import InvalidValue

LEASE_SECONDS = 7 * 24 * 3600
"""What Mastodon asks for from 1.5 on."""

LONGEST_URL = 2048
_KEPT = "%/:?@!$&'()*+,;=~[]"  # what means something in a path or query, or is encoded already


@dataclass(frozen=True)
class HubRequest:
    """A subscription to ask a hub for. All texts but `callback` and `secret` are a third party's."""

    hub_url: str
    topic: str
    callback: str
    secret: str = field(repr=False)
    lease_seconds: int = LEASE_SECONDS

    def form(self) -> bytes:
        """Return the body, encoded as a form; names, values and order are those of Mastodon 2.9's SubscribeService."""
        fields = {
            "hub.topic": self.topic,
            "hub.mode": "subscribe",
            "hub.callback": self.callback,
            "hub.verify": "async",
            "hub.secret": self.secret,
            "hub.lease_seconds": self.lease_seconds,
        }
        return urlencode(fields, errors="replace").encode("ascii")


def hub_address(text: str) -> str:
    """Return a hub's URL in ASCII and without a fragment, as it is sent.

    Raises InvalidValue for whatever is not http or https, and for credentials, spaces and control characters.
    """
    if len(text) > LONGEST_URL:
        raise InvalidValue(f"must be a URL of at most {LONGEST_URL} characters")
    parts = urlsplit(page_url(text))
    path, query = quote(parts.path, safe=_KEPT) or "/", quote(parts.query, safe=_KEPT)
    return urlunsplit((parts.scheme, parts.netloc.lower(), path, query, ""))


def redirected_address(url: str, location: str) -> str:
    """Return where a Location header leads from a URL. Raises InvalidValue as `hub_address` does."""
    if not location or len(location) > LONGEST_URL:
        raise InvalidValue(f"must be a URL of at most {LONGEST_URL} characters")
    try:
        return hub_address(urljoin(url, location))
    except ValueError:
        raise InvalidValue("must be a URL") from None
