"""The certificates of the sample server: a good one, and those that faults show in its place."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import trustme

NAMES = ("127.0.0.1", "::1", "localhost")
WRONG_NAME = "another.example"
NEAR_END = timedelta(days=3)


class Certificate(StrEnum):
    """Which certificate a listener shows."""

    GOOD = "good"
    NEAR_END = "near_end"
    EXPIRED = "expired"
    WRONG_NAME = "wrong_name"
    UNTRUSTED = "untrusted"


@dataclass(frozen=True)
class Certificates:
    """The authority to trust, in PEM, and one server context for each certificate."""

    authority: bytes
    contexts: Mapping[Certificate, ssl.SSLContext]


def issue_certificates(now: datetime, name: str = NAMES[0]) -> Certificates:
    """Return certificates for loopback and `name`, made on the spot; nothing is written but by whoever stores them."""
    names = NAMES if name in NAMES else (*NAMES, name)
    authority = trustme.CA()
    leaves = {
        Certificate.GOOD: authority.issue_cert(*names, not_after=now + timedelta(days=365)),
        Certificate.NEAR_END: authority.issue_cert(*names, not_after=now + NEAR_END),
        Certificate.EXPIRED: authority.issue_cert(*names, not_after=now - timedelta(days=1)),
        Certificate.WRONG_NAME: authority.issue_cert(WRONG_NAME),
        Certificate.UNTRUSTED: trustme.CA().issue_cert(*names),
    }
    contexts = {certificate: _context(leaf) for certificate, leaf in leaves.items()}
    return Certificates(authority.cert_pem.bytes(), contexts)


def _context(leaf: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(context)
    return context
