"""From libcurl's error codes to the closed list of reasons."""

import os

import pycurl

from exporter.probes.result import Failure, Reason

_TLS = frozenset(
    {
        pycurl.E_SSL_CONNECT_ERROR,
        pycurl.E_PEER_FAILED_VERIFICATION,
        pycurl.E_SSL_CERTPROBLEM,
        pycurl.E_SSL_CIPHER,
        pycurl.E_SSL_CACERT_BADFILE,
        pycurl.E_SSL_ISSUER_ERROR,
        pycurl.E_SSL_INVALIDCERTSTATUS,
        pycurl.E_SSL_ENGINE_INITFAILED,
        pycurl.E_USE_SSL_FAILED,
    }
)
_REASONS = {
    pycurl.E_COULDNT_RESOLVE_HOST: Reason.DNS,
    pycurl.E_COULDNT_CONNECT: Reason.CONNECT,
    **dict.fromkeys(_TLS, Reason.TLS),
}
_TOO_LARGE = 100  # CURLE_TOO_LARGE, which pycurl does not name
_IN_WORDS = {
    pycurl.E_GOT_NOTHING: "the server closed the connection without an answer",
    pycurl.E_RECV_ERROR: "the connection broke off while the answer came",
    pycurl.E_SEND_ERROR: "the connection broke off while the request was sent",
    pycurl.E_PARTIAL_FILE: "the connection was cut before the whole answer had come",
    pycurl.E_UNSUPPORTED_PROTOCOL: "what came back is not HTTP/1.x",
    pycurl.E_FTP_WEIRD_SERVER_REPLY: "what came back is not HTTP",
    pycurl.E_BAD_CONTENT_ENCODING: "the compressed body is corrupt, or compressed in a way that was not asked for",
    _TOO_LARGE: "the header is too large",
}
CLEAN_LENGTH = 200


def failure_of(code: int, message: str, os_errno: int) -> Failure:
    """Return the failure that a libcurl error code stands for; whatever is not listed is `protocol`."""
    reason = _REASONS.get(code, Reason.PROTOCOL)
    if reason is Reason.CONNECT and os_errno:
        return Failure(reason, f"no connection: {os.strerror(os_errno).lower()}")
    return Failure(reason, _IN_WORDS.get(code) or clean(message) or f"libcurl error {code}")


def failed_verification(code: int) -> bool:
    """Tell whether the TLS handshake failed because of the certificate."""
    return code == pycurl.E_PEER_FAILED_VERIFICATION


def clean(text: str) -> str:
    """Return a text fit for one line: no control characters, bounded."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)[
        :CLEAN_LENGTH
    ]
