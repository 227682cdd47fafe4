"""How to know a page of Mastodon, on 2.5 to 4.6, from a page that only looks like one."""

import html

import idna
import re2

from exporter.mastodon.documents import lookup_text, parse_json

_MAX_DOMAIN_LENGTH = 260  # RFC 1035 allows 253 characters; a port may follow

SIGN_IN_PATH = "/auth/sign_in"
"""Where servers in limited federation send a visitor."""


def _compile(pattern: str) -> re2._Regexp:
    return re2.compile(pattern)


# RE2, because these pages come from strangers and may be built to be slow to match.
_INITIAL_STATE = _compile(r"(?is)<script\b[^>]*\bid\s*=\s*[\"']?initial-state\b[^>]*>(.*?)</script")
_SITE_NAME = _compile(r"(?is)<meta\b[^>]*\bog:site_name\b[^>]*>")
_CONTENT = _compile(r"(?is)\bcontent\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_MARKS = _compile(r"(?i)/packs[-/]|\bid\s*=\s*[\"']?mastodon\b|joinmastodon\.org|/(?:mastodon|tootsuite)/mastodon\b")


def is_main_page(page: str, domain: str) -> bool:
    """Tell whether a page is the main page of the Mastodon server for this domain.

    4.x, and many older pages, carry their state as JSON, which names the domain. Pages up to 3.5
    name it in og:site_name, beside assets that only Mastodon serves. A page that just holds the
    domain somewhere, or repeats the address it was asked for, is neither.
    """
    announced = announced_domain(page)
    if announced is not None:
        return _spellings(domain).intersection(_spellings(announced)) != set()
    return _MARKS.search(page) is not None and not _spellings(domain).isdisjoint(_site_name(page).split())


def names_account(page: str, account: str, domain: str) -> bool:
    """Tell whether a page names account@domain, in any case of letters (on every version's user page)."""
    text = page.lower()
    return any(f"{account}@{name}".lower() in text for name in _spellings(domain, bare=False))


def announced_domain(page: str) -> str | None:
    """Return the domain that a page of 4.x says it belongs to, or None."""
    match = _INITIAL_STATE.search(page)
    if match is None:
        return None
    domain = lookup_text(parse_json(match.group(1)), "meta", "domain")
    return domain if domain is not None and len(domain) <= _MAX_DOMAIN_LENGTH else None


def _site_name(page: str) -> str:
    tag = _SITE_NAME.search(page)
    content = _CONTENT.search(tag.group(0)) if tag else None
    if content is None:
        return ""
    return html.unescape((content.group(1) or content.group(2) or "")[:_MAX_DOMAIN_LENGTH]).lower()


def _spellings(domain: str, *, bare: bool = True) -> set[str]:
    """Return the ways in which a page may write a domain: with and without port, as ASCII and as Unicode."""
    host, _, port = domain.lower().partition(":")
    hosts = {host, _in_unicode(host), _in_ascii(host)}
    if not port:
        return hosts
    return {f"{name}:{port}" for name in hosts} | (hosts if bare else set())


def _in_unicode(host: str) -> str:
    try:
        return idna.decode(host)
    except idna.IDNAError:
        return host


def _in_ascii(host: str) -> str:
    try:
        return idna.encode(host).decode("ascii")
    except idna.IDNAError:
        return host
