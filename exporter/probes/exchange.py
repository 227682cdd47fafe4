"""What a request, with the redirects it led through, came to."""

import re
from dataclasses import dataclass
from enum import Enum

from exporter.probes.curl_failure import clean
from exporter.probes.request import Headers
from exporter.probes.result import Failure, Reason

OK = 200
UNAUTHORIZED = 401
NOT_FOUND = 404
GONE = 410
REDIRECTS = frozenset({301, 302, 303, 307, 308})

CACHE_HEADERS = ("x-cached", "x-cache-status", "x-cache", "cf-cache-status")
"""Where nginx (as Mastodon ships it), its recipes, CDNs and Cloudflare say whether a cache answered."""

_WORDS = re.compile(r"[A-Za-z]+")
_FROM_CACHE = frozenset({"HIT", "STALE", "UPDATING"})


class CacheUse(Enum):
    """Whether a cache answered in the server's place."""

    NONE = "none"
    CACHED = "cached"
    STALE = "stale"


@dataclass(frozen=True)
class Exchange:
    """The last answer of a request, after redirects. `url` is where it came from, as asked."""

    url: str
    status: int | None = None
    headers: Headers = ()
    body: bytes = b""
    truncated: bool = False
    failure: Failure | None = None

    @property
    def text(self) -> str:
        """The body as text; what is not UTF-8 is replaced."""
        return self.body.decode("utf-8", "replace")

    def header(self, name: str) -> str:
        """Return the first header of that lower-case name, or an empty text."""
        return next((value for key, value in self.headers if key == name), "")

    def unless_ok(self) -> Failure | None:
        """Return the failure of anything but a whole exchange answered 200."""
        if self.failure is not None:
            return self.failure
        if self.status == OK:
            return None
        return Failure(Reason.HTTP_STATUS, f"answered {self.status}{_server(self)}")

    def unless_whole(self) -> Failure | None:
        """Return the failure of an answer that is not 200, or whose body was cut at the limit."""
        return self.unless_ok() or (too_large(self) if self.truncated else None)


def too_large(exchange: Exchange) -> Failure:
    """Return the failure of a body that had to be cut before what was looked for was found."""
    return Failure(Reason.BODY_TOO_LARGE, f"the body is larger than {len(exchange.body) // 1024} KiB")


def cache_use(headers: Headers) -> CacheUse:
    """Tell from the cache headers whether the server itself answered.

    STALE means that the server behind the cache did not answer. UPDATING is an old copy too, but says
    nothing about the server: another visitor's request is still on its way there.
    """
    words = {word.upper() for name, value in headers if name in CACHE_HEADERS for word in _WORDS.findall(value)}
    if "STALE" in words:
        return CacheUse.STALE
    return CacheUse.CACHED if words & _FROM_CACHE else CacheUse.NONE


def _server(exchange: Exchange) -> str:
    server = clean(exchange.header("server"))
    return f" (server: {server})" if server else ""
