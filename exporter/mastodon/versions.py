"""Mastodon's version numbers, as servers announce them."""

import re
from typing import NamedTuple

_LEADING_NUMBERS = re.compile(r"\s*v?(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?")


class Version(NamedTuple):
    """A version that compares as numbers do; what follows the numbers (`rc1`, `+glitch`) is dropped."""

    major: int
    minor: int
    patch: int = 0


HEALTH_SINCE = Version(3, 0, 0)
"""/health exists from here on (mastodon PR #11770)."""

PUBSUBHUBBUB_GONE_SINCE = Version(3, 0, 0)
"""From here on every callback is answered 404, whoever asks (mastodon PR #11205)."""

INSTANCE_ACTOR_IN_WEBFINGER_SINCE = Version(4, 1, 3)
"""acct:domain@domain names the instance actor from here on (mastodon PR #23600)."""


def parse_version(text: str) -> Version | None:
    """Return the numbers a version text begins with, or None where it begins with none."""
    match = _LEADING_NUMBERS.match(text)
    if match is None:
        return None
    return Version(int(match[1]), int(match[2]), int(match[3] or 0))
