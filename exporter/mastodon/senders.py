"""Who sent a request, as far as its user agent tells: text that anyone may write, to be compared with what is known."""

import re

import idna

CALLBACK_AGENTS = ("mastodon", "gnusocial", "other")
"""The classes of `callback_agent`, the values of a label."""

_LONGEST_AGENT = 2048
_LONGEST_NAME = 253

# Mastodon 1.1 to 1.4.7 says Mastodon/PubSubHubbub, 1.5 on http.rb/2.2.2 (Mastodon/1.5.0; +https://…).
_MASTODON = re.compile(r"(?<![^ (])Mastodon/")
_GNU_SOCIAL = re.compile(r"gnu[ -]?social", re.IGNORECASE)
_URL = re.compile(r"https?://([^\s/?#\\\"'<>()\[\]{}|^`,;]*+)", re.IGNORECASE)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


def callback_agent(agent: str) -> str:
    """Return which of `CALLBACK_AGENTS` a user agent is of."""
    if _MASTODON.search(agent):
        return "mastodon"
    return "gnusocial" if _GNU_SOCIAL.search(agent) else "other"


def sending_host(agent: str) -> str | None:
    """Return the host of the last URL in a user agent: lower case, A-labels, no port; None where there is no such name.

    A name has at least two labels; an IP address is none. Only the last 2048 characters are looked at.
    """
    authorities = _URL.findall(agent[-_LONGEST_AGENT:])
    if not authorities:
        return None
    return domain_name(authorities[-1].rpartition("@")[2].partition(":")[0])


def domain_name(host: str) -> str | None:
    """Return a domain in lower case, as A-labels; None where it is no name of at least two labels."""
    name = _ascii(host.lower()).removesuffix(".")
    labels = name.split(".")
    if len(name) > _LONGEST_NAME or len(labels) == 1 or _NUMBER.fullmatch(labels[-1]):
        return None
    return name if all(map(_LABEL.fullmatch, labels)) else None


def _ascii(name: str) -> str:
    """Return a name as DNS knows it, or what is no name."""
    if name.isascii():
        return name
    if len(name) > _LONGEST_NAME:
        return ""
    try:
        return idna.encode(name, uts46=True).decode("ascii")
    except idna.IDNAError:
        return ""
