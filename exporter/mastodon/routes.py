"""Which requests concern subscriptions and deliveries: rules on a method and a request target, as bytes."""

import re

MAINTENANCE_ACCOUNT_ID = 2**63 - 1
"""No account has the largest id there can be: a request on it is a check of our own, and no callback."""

_MAINTENANCE_DIGITS = str(MAINTENANCE_ACCOUNT_ID).encode()
_LONGEST_ID = len(_MAINTENANCE_DIGITS)
_ORIGIN = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*+://[^/]*+")
_SLASHES = re.compile(rb"//++")
_CALLBACK = re.compile(rb"/api/subscriptions/([0-9]++)")
_INBOX = re.compile(rb"/(?:actor/|users/[^/]++/|ap/users/[0-9]++/)?inbox")


def path(target: bytes) -> bytes:
    """Return the path that a request target asks for, as nginx and Mastodon's router see it.

    Scheme and host of an absolute-form target and the query are left out, slashes merged, one trailing slash dropped.
    """
    without_query = target.partition(b"?")[0]
    origin = _ORIGIN.match(without_query)
    rest = without_query[origin.end() :] if origin else without_query
    return _SLASHES.sub(b"/", rest).removesuffix(b"/")


def callback_account(method: bytes, target: bytes) -> bytes | None:
    """Return the digits of the account that a PuSH callback is for, None for any other request."""
    if method not in (b"GET", b"POST"):
        return None
    match = _CALLBACK.fullmatch(path(target))
    if match is None or match[1].lstrip(b"0") == _MAINTENANCE_DIGITS:
        return None
    return match[1]


def account_id(digits: bytes) -> int | None:
    """Return the id of an account that there may be; what no database takes for an id is none."""
    if len(digits) > _LONGEST_ID:
        digits = digits.lstrip(b"0")
        if len(digits) > _LONGEST_ID:
            return None
    number = int(digits)
    return number if 1 <= number < MAINTENANCE_ACCOUNT_ID else None


def is_inbox_delivery(method: bytes, target: bytes) -> bool:
    """Tell whether a request delivers an activity to one of Mastodon's four kinds of inbox."""
    return method == b"POST" and _INBOX.fullmatch(path(target)) is not None
