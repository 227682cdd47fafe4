"""cheroot's parser of requests, held to what this server takes, and answering in plain sentences."""

import contextlib
from http import HTTPStatus

from cheroot.server import HTTPRequest

HEAD_SIZE_BYTES = 16 * 1024
BODY_SIZE_BYTES = 1024

_SENTENCES = {
    HTTPStatus.BAD_REQUEST: "This is not a well-formed HTTP/1.1 request: "
    "send a method in capitals, a path that begins with /, and header lines that end in CR LF.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This method is not answered here: use GET.",
    HTTPStatus.REQUEST_TIMEOUT: "The request did not arrive in time: send all of it at once.",
    HTTPStatus.LENGTH_REQUIRED: "The request has a body of unknown length: send a Content-Length, or no body.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: f"The request is too large: send at most {HEAD_SIZE_BYTES} bytes "
    f"of request line and headers, and {BODY_SIZE_BYTES} of body.",
    HTTPStatus.REQUEST_URI_TOO_LONG: f"The request line is too long: shorten it to {HEAD_SIZE_BYTES} bytes.",
}
_MISTAKE = "The exporter has made a mistake: its log says more; please report it."
_CLIENTS_FAULT = {501: 400, 505: 400}
"""cheroot blames the server for a version or a transfer coding that only a broken client sends."""


class RequestParser(HTTPRequest):
    """Reads one request and refuses what no endpoint needs."""

    def read_request_line(self) -> bool:
        """Return whether the first line can be used; a refusal has been sent if not."""
        try:
            return bool(super().read_request_line())  # type: ignore[no-untyped-call]  # cheroot's
        except ValueError:
            # From urlsplit, for `//[` and the like.
            self.simple_response("400")
            return False

    def read_request_headers(self) -> bool:
        """Return whether the headers can be used; a refusal has been sent if not."""
        if self.conn.rfile.peek(1)[:1] in (b" ", b"\t"):
            # The continuation of a header that has not begun, which cheroot does not survive.
            self.simple_response("400")
            return False
        if not super().read_request_headers():  # type: ignore[no-untyped-call]  # cheroot's
            return False
        if self.chunked_read:
            self.simple_response("411")
            return False
        length = int(self.inheaders.pop(b"Content-Length", 0))
        if length < 0:
            self.simple_response("400")
            return False
        # No endpoint reads a body: it is only taken out of the way of the next request.
        self.conn.rfile.read(length)
        return True

    def simple_response(self, status: str, msg: str = "") -> None:  # noqa: ARG002  # cheroot's words are replaced
        """Send a refusal, after which the connection is closed."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.conn.wfile.write(refusal(int(status[:3])))


def refusal(status_code: int, message: str = "") -> bytes:
    """Return a whole answer: a status and one sentence."""
    status = HTTPStatus(_CLIENTS_FAULT.get(status_code, status_code))
    body = f"{message or _SENTENCES.get(status, _MISTAKE)}\n".encode()
    allow = "Allow: GET, HEAD\r\n" if status is HTTPStatus.METHOD_NOT_ALLOWED else ""
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\n{allow}"
        "Content-Type: text/plain; charset=utf-8\r\n"
        "X-Content-Type-Options: nosniff\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + body
