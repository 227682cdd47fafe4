"""URLs on the way: made unique so that no cache answers, followed through redirects, shown without secrets."""

import re
from urllib.parse import parse_qsl, quote, urlencode, urljoin, urlsplit, urlunsplit

import idna

from exporter.mastodon.documents import MAX_TEXT_LENGTH
from exporter.probes.result import Failure, Reason

NONCE = "mastodon_exporter"
"""The query parameter that makes every request unique: caches use the query as part of their key."""

_KEPT = "%/:?@!$&'()*+,;=~[]"  # what means something in a path or query, or is encoded already
_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")
_SIGNED = re.compile(r"(?:^|&)(?:x-amz-signature|x-goog-signature|signature|sig)=", re.IGNORECASE)
_USER = re.compile(r"//[^/?#@]*@")
_SECRET = re.compile(r"signature|token|key|credential|secret|password|sig$", re.IGNORECASE)


def make_unique(url: str, nonce: str) -> str:
    """Return the URL with a query parameter no cache has seen; signed URLs stay as they are, or they would break."""
    parts = urlsplit(url)
    if _SIGNED.search(parts.query) or f"{NONCE}=" in parts.query:
        return url
    query = f"{parts.query}&{NONCE}={nonce}" if parts.query else f"{NONCE}={nonce}"
    return urlunsplit(parts._replace(query=query))


def without_nonce(url: str) -> str:
    """Return the URL as it was before `make_unique`."""
    parts = urlsplit(url)
    kept = "&".join(part for part in parts.query.split("&") if not part.startswith(f"{NONCE}="))
    return urlunsplit(parts._replace(query=kept))


def follow(url: str, location: str) -> str | Failure:
    """Return where a Location header leads from a URL, or why it cannot be followed."""
    if not location:
        return Failure(Reason.REDIRECT, "redirects without saying where to")
    if len(location) > MAX_TEXT_LENGTH:
        return Failure(Reason.REDIRECT, f"redirects to an address of {len(location)} characters")
    try:
        target = canonical(urljoin(url, location))
    except ValueError:
        target = None
    if target is None:
        return Failure(Reason.REDIRECT, f"redirects to something that is no http or https address: {_bare(location)!r}")
    return target


def canonical(url: str) -> str | None:
    """Return an http or https URL in ASCII, without credentials and fragment; None for anything else."""
    try:
        parts = urlsplit(url)
        host, port = _ascii_host(parts.hostname or ""), parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or host is None or port == 0:
        return None
    shown_port = "" if port is None else f":{port}"
    path, query = quote(parts.path, safe=_KEPT) or "/", quote(parts.query, safe=_KEPT)
    return urlunsplit((parts.scheme, host + shown_port, path, query, ""))


def _ascii_host(host: str) -> str | None:
    host = host.rstrip(".")
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True).decode("ascii")
        except idna.IDNAError:
            return None
    if not _HOST.fullmatch(host):
        return None
    return f"[{host}]" if ":" in host else host


def _bare(location: str) -> str:
    return _USER.sub("//", location).partition("?")[0][:100]


def shown(url: str) -> str:
    """Return the URL as people may see it: without credentials, and with what grants access masked in its query."""
    url = _USER.sub("//", url)
    parts = urlsplit(url)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    if not any(_SECRET.search(name) for name, _ in pairs):
        return url
    masked = [(name, "***" if _SECRET.search(name) else value) for name, value in pairs]
    return urlunsplit(parts._replace(query=urlencode(masked, safe="*")))
