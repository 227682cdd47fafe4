"""AWS Signature Version 4, as S3 has it: the path is encoded once, and taken as it is."""

import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
EMPTY_PAYLOAD_SHA256 = hashlib.sha256().hexdigest()

_ALGORITHM = "AWS4-HMAC-SHA256"
_SERVICE = "s3"
_TERMINATOR = "aws4_request"


@dataclass(frozen=True, slots=True)
class AccessKeys:
    """What a program identifies itself by. Keys that are lent for a time come with a token."""

    access: str
    secret: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Unsigned:
    """A request as it will be sent. `path` and `query` are percent-encoded, `query` is sorted.

    `headers` holds `host` and whatever else is to be signed, names in lower case.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    payload_hash: str


class Signer:
    """Signs requests for one region. Thread-safe.

    `keys` is asked at each request, so that keys which are lent for a time can change in the middle of a run.
    """

    def __init__(self, keys: Callable[[], AccessKeys], region: str, clock: Callable[[], float] = time.time) -> None:
        self._keys = keys
        self._region = region
        self._clock = clock
        self._derived = ("", "", b"")

    def sign(self, request: Unsigned) -> dict[str, str]:
        """Return the headers of a request, those of the signature included."""
        keys = self._keys()
        moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._clock()))
        headers = {**request.headers, "x-amz-content-sha256": request.payload_hash, "x-amz-date": moment}
        if keys.session_token:
            headers["x-amz-security-token"] = keys.session_token
        names = sorted(headers)
        signed = ";".join(names)
        lines = "".join([f"{name}:{' '.join(headers[name].split())}\n" for name in names])
        canonical = f"{request.method}\n{request.path}\n{request.query}\n{lines}\n{signed}\n{request.payload_hash}"
        digest = hashlib.sha256(canonical.encode("utf-8", "surrogateescape")).hexdigest()
        day = moment[:8]
        scope = f"{day}/{self._region}/{_SERVICE}/{_TERMINATOR}"
        text = f"{_ALGORITHM}\n{moment}\n{scope}\n{digest}"
        signature = hmac.digest(self._signing_key(keys.secret, day), text.encode(), "sha256").hex()
        credential = f"Credential={keys.access}/{scope}"
        headers["authorization"] = f"{_ALGORITHM} {credential}, SignedHeaders={signed}, Signature={signature}"
        return headers

    def _signing_key(self, secret: str, day: str) -> bytes:
        known_secret, known_day, key = self._derived
        if (known_secret, known_day) != (secret, day):
            key = f"AWS4{secret}".encode()
            for word in (day, self._region, _SERVICE, _TERMINATOR):
                key = hmac.digest(key, word.encode(), "sha256")
            self._derived = (secret, day, key)  # one assignment, so that no thread sees a half of it
        return key
