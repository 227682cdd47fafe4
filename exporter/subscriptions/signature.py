"""HTTP signatures (draft-cavage-http-signatures), as Mastodon 1.5 to 2.9 puts them on a request for a subscription."""

import base64
from email.utils import formatdate
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from exporter.errors import DatabaseError


class Signer:
    """Signs POSTs in the name of a local account. Thread-safe; shows its key nowhere.

    `key_id` is `acct:name@domain`, which Mastodon sends to hubs and every version from 1.5 on looks up, or the
    key's URL, `https://host/users/name#main-key`. `private_key_pem` is the column accounts.private_key.
    Raises DatabaseError if that holds no RSA key.
    """

    def __init__(self, key_id: str, private_key_pem: str) -> None:
        self._key_id = key_id
        self._key = _read_key(key_id, private_key_pem)

    def headers(self, url: str, now: float) -> tuple[str, ...]:
        """Return the header lines that sign a POST to this URL at this Unix time: Host, Date and Signature.

        The request's target is the path without its query, since that is what Mastodon compares with; the body is
        not covered, as it is not in Mastodon's own requests to hubs.
        """
        parts = urlsplit(url)
        date = formatdate(now, usegmt=True)
        signed = f"(request-target): post {parts.path}\nhost: {parts.netloc}\ndate: {date}"
        signature = base64.b64encode(self._key.sign(signed.encode(), PKCS1v15(), SHA256())).decode()
        words = (
            f'keyId="{self._key_id}"',
            'algorithm="rsa-sha256"',
            'headers="(request-target) host date"',
            f'signature="{signature}"',
        )
        return f"Host: {parts.netloc}", f"Date: {date}", f"Signature: {','.join(words)}"


def _read_key(key_id: str, private_key_pem: str) -> RSAPrivateKey:
    try:
        key = load_pem_private_key(private_key_pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPrivateKey):
        raise DatabaseError(
            f"the private key of {key_id} in the database is no RSA key; "
            "write `subscriptions: {sign: false}` to ask without a signature"
        ) from None
    return key
