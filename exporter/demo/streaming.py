"""The streaming host."""

import base64
import hashlib
from http import HTTPStatus

from exporter.demo.answers import Answer, Request, json_document
from exporter.demo.site import Site

BASE_PATH = "/api/v1/streaming"
HEALTH_PATH = f"{BASE_PATH}/health"

_NO_TOKEN = "Missing access token"  # noqa: S105 - an error text, not a password
_HANDSHAKE_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_CLOSE_FRAME = b"\x88\x00"


def answer_streaming(site: Site, request: Request) -> Answer:
    """Return what the streaming server answers to someone who has not signed in."""
    if request.path == HEALTH_PATH and site.since(2, 5):
        return _health(site)
    if request.headers.get("upgrade", "").lower() == "websocket":
        return _handshake(site, request)
    if request.path.startswith(f"{BASE_PATH}/"):
        return json_document({"error": _NO_TOKEN}, HTTPStatus.UNAUTHORIZED)
    return json_document({"error": "Not found"}, HTTPStatus.NOT_FOUND)


def _health(site: Site) -> Answer:
    answer = Answer(b"OK", "text/plain")
    return answer.with_headers(("Cache-Control", "private, no-store")) if site.since(4, 3) else answer


def _handshake(site: Site, request: Request) -> Answer:
    """Return 401 since 4.2; older servers let anyone in, and the sample says goodbye at once."""
    if site.since(4, 2):
        refused = Answer(content_type="text/plain", status=HTTPStatus.UNAUTHORIZED)
        return refused.with_headers(("X-Error-Message", _NO_TOKEN))
    key = request.headers.get("sec-websocket-key", "")
    proof = hashlib.sha1(f"{key}{_HANDSHAKE_GUID}".encode(), usedforsecurity=False).digest()
    headers = (
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Accept", base64.b64encode(proof).decode()),
    )
    return Answer(_CLOSE_FRAME, status=HTTPStatus.SWITCHING_PROTOCOLS, headers=headers)
