import base64
import re
from collections.abc import Mapping

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from exporter.errors import DatabaseError
from exporter.subscriptions.signature import Signer

KEY = generate_private_key(65537, 2048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
KEY_ID = "acct:admin@mastodon.example"
URL = "https://hub.example:8443/api/push?site=1"
NOW = 1_492_700_000.0


def is_signed_by(key: RSAPublicKey, path: str, headers: Mapping[str, str]) -> bool:
    """Check a POST as Mastodon's hub does: each header that the signature names, and the path without its query."""
    signature = dict(re.findall(r'([a-z]+)="([^"]+)"', headers["signature"], re.IGNORECASE))
    lines = [
        f"(request-target): post {path}" if name == "(request-target)" else f"{name}: {headers[name]}"
        for name in signature["headers"].split(" ")
    ]
    try:
        key.verify(base64.b64decode(signature["signature"]), "\n".join(lines).encode(), PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True


def signed(url: str = URL) -> dict[str, str]:
    pairs = (line.partition(": ") for line in Signer(KEY_ID, PEM).headers(url, NOW))
    return {name.lower(): value for name, _, value in pairs}


def test_a_hub_can_verify_who_asked_and_where() -> None:
    headers = signed()
    assert is_signed_by(KEY.public_key(), "/api/push", headers)
    assert not is_signed_by(KEY.public_key(), "/api/other", headers)
    assert not is_signed_by(KEY.public_key(), "/api/push", {**headers, "host": "other.example"})
    assert not is_signed_by(KEY.public_key(), "/api/push", {**headers, "date": "Thu, 20 Apr 2017 14:53:21 GMT"})
    assert not is_signed_by(generate_private_key(65537, 2048).public_key(), "/api/push", headers)


def test_the_headers_are_those_that_mastodon_signs() -> None:
    headers = signed()
    assert headers["host"] == "hub.example:8443"
    assert headers["date"] == "Thu, 20 Apr 2017 14:53:20 GMT"
    assert headers["signature"].startswith(
        'keyId="acct:admin@mastodon.example",algorithm="rsa-sha256",headers="(request-target) host date",signature="'
    )


@pytest.mark.parametrize(
    "pem",
    [
        "",
        "no key",
        PEM[: len(PEM) // 2],
        KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
        ec.generate_private_key(ec.SECP256R1())
        .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        .decode(),
    ],
    ids=["empty", "text", "cut off", "public", "elliptic"],
)
def test_a_column_without_an_rsa_key_is_named_with_its_account_and_without_its_content(pem: str) -> None:
    with pytest.raises(DatabaseError) as refusal:
        Signer(KEY_ID, pem)
    assert str(refusal.value) == (
        "the private key of acct:admin@mastodon.example in the database is no RSA key; "
        "write `subscriptions: {sign: false}` to ask without a signature"
    )


def test_a_signer_does_not_show_its_key() -> None:
    assert "PRIVATE" not in repr(vars(Signer(KEY_ID, PEM)))
