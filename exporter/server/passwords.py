"""Basic authentication against bcrypt hashes, without paying for bcrypt at every scrape."""

import base64
import binascii
import hashlib
import hmac
import secrets
import threading
from collections import OrderedDict
from collections.abc import Mapping
from http import HTTPStatus

import bcrypt

from exporter.errors import RequestRefused

REMEMBERED_REFUSALS = 1000
BCRYPT_INPUT_BYTES = 72
"""bcrypt looks at no more; whoever made the hash of a longer password hashed these."""

_CHALLENGE = (("WWW-Authenticate", 'Basic realm="mastodon-exporter", charset="UTF-8"'),)


class PasswordGate:
    """Lets in who knows a password; everybody where no users are configured. Thread-safe.

    For each user the last verified password is remembered, and a bounded number of wrong ones:
    as HMACs under a key that this process makes up, so that memory holds nothing to look up elsewhere.
    One bcrypt computation runs at a time.
    """

    def __init__(self, users: Mapping[str, bytes]) -> None:
        self._users = dict(users)
        self._key = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._verified: dict[str, bytes] = {}
        self._refused: OrderedDict[bytes, None] = OrderedDict()

    def admit(self, authorization: str | None) -> None:
        """Return when the Authorization header of a request opens the gate; RequestRefused when not."""
        if not self._users:
            return
        user, password = _credentials(authorization)
        if not self._knows(user, password):
            raise _refusal("The user name or the password is wrong.")

    def _knows(self, user: str, password: bytes) -> bool:
        digest = hmac.new(self._key, user.encode() + b"\0" + password, hashlib.sha256).digest()
        if self._is_verified(user, digest):
            return True
        with self._lock:
            # Another thread may have come to a verdict on the same password in the meantime.
            if self._is_verified(user, digest):
                return True
            return digest not in self._refused and self._verify(user, password, digest)

    def _is_verified(self, user: str, digest: bytes) -> bool:
        return hmac.compare_digest(self._verified.get(user, b""), digest)

    def _verify(self, user: str, password: bytes, digest: bytes) -> bool:
        # An unknown user costs the computation that a known one costs, or the time would tell them apart.
        hashed = self._users.get(user) or next(iter(self._users.values()))
        matches = bcrypt.checkpw(password[:BCRYPT_INPUT_BYTES], hashed) and user in self._users
        if matches:
            self._verified[user] = digest
        else:
            self._refuse(digest)
        return matches

    def _refuse(self, digest: bytes) -> None:
        self._refused[digest] = None
        if len(self._refused) > REMEMBERED_REFUSALS:
            self._refused.popitem(last=False)


def _credentials(authorization: str | None) -> tuple[str, bytes]:
    """Return the user's name and password; RequestRefused for anything but well-formed Basic authentication."""
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        raise _refusal("This server asks for a user name and a password (HTTP Basic authentication).")
    try:
        user, _, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        return user.decode(), password
    except (binascii.Error, ValueError) as error:
        raise _refusal("The Authorization header is not well-formed Basic authentication.") from error


def _refusal(message: str) -> RequestRefused:
    return RequestRefused(HTTPStatus.UNAUTHORIZED, message, _CHALLENGE)
