"""What no HTTP server would do, written straight to the connection."""

import socket
import struct
import threading
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from itertools import chain, cycle

from exporter.demo.answers import Answer, Headers, encode_head

DRIP_SECONDS = 1.0
FLOOD_SIZE_BYTES = 10 * 1024 * 1024
BOMB_SIZE_BYTES = 1024 * 1024 * 1024
GARBAGE = b"\x00\xff\x13\x37 this is not HTTP\r\n" * 20

_BLOCK_SIZE_BYTES = 1024 * 1024
_HTML_HEADERS: Headers = (("Content-Type", "text/html; charset=utf-8"), ("Connection", "close"))
# A record header, and the first bytes of a ServerHello so long that it never ends.
_HANDSHAKE_START = b"\x16\x03\x03\x3f\xff\x02\x00\x3f\xfb\x03\x03"


@dataclass(frozen=True)
class Line:
    """An open connection to do anything with. `ending` is set when the listener stops."""

    connection: socket.socket
    ending: threading.Event

    def send(self, content: bytes) -> None:
        """Send all of it, or raise OSError when the other side has gone."""
        self.connection.sendall(content)

    def wait(self, seconds: float) -> bool:
        """Wait, but not beyond the end of the listener; tell whether the connection goes on."""
        return not self.ending.wait(seconds)

    def drip(self, content: Iterable[int]) -> None:
        """Send one byte a second until the content or the listener ends."""
        for byte in content:
            self.send(bytes((byte,)))
            if not self.wait(DRIP_SECONDS):
                return


Misbehaviour = Callable[[Line], None]
Outcome = Answer | Misbehaviour
"""An answer, or what is done to the connection in place of one."""


def answer_late(answer: Answer, seconds: float) -> Misbehaviour:
    """Answer properly, but only after a while."""

    def misbehave(line: Line) -> None:
        if line.wait(seconds):
            line.send(answer.to_bytes())

    return misbehave


def drip_headers(answer: Answer) -> Misbehaviour:
    """Send a proper answer one byte a second from its first header on."""

    def misbehave(line: Line) -> None:
        first, separator, rest = answer.to_bytes().partition(b"\r\n")
        line.send(first + separator)
        line.drip(rest)

    return misbehave


def drip_body(answer: Answer) -> Misbehaviour:
    """Send the headers at once and the body one byte a second."""

    def misbehave(line: Line) -> None:
        line.send(answer.head_bytes())
        line.drip(answer.body)

    return misbehave


def drip_chunks(answer: Answer) -> Misbehaviour:
    """Send the body one byte a second, chunk sizes and line ends included, without end."""

    def misbehave(line: Line) -> None:
        line.send(_chunked_head(answer.content_type))
        line.drip(cycle(b"1\r\nO\r\n"))

    return misbehave


def drip_handshake(line: Line) -> None:
    """Begin a TLS handshake one byte a second, without end."""
    line.drip(chain(_HANDSHAKE_START, cycle(b"\0")))


def truncate(answer: Answer) -> Misbehaviour:
    """Announce the whole body and close the connection after half of it."""

    def misbehave(line: Line) -> None:
        line.send(answer.head_bytes() + answer.body[: len(answer.body) // 2])

    return misbehave


def reset(line: Line) -> None:
    """Cut the connection with a TCP reset."""
    connection = line.connection
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    # Detached, so that it closes here and now, whoever else still holds the socket.
    socket.close(connection.detach())


def say_nothing(line: Line) -> None:
    """Let the connection end without a word."""


def send_garbage(line: Line) -> None:
    """Send what is not HTTP."""
    line.send(GARBAGE)


def flood_headers(line: Line) -> None:
    """Send ten megabytes of headers, then an empty answer."""
    flood = b"".join(b"X-Flood-%d: %s\r\n" % (number, b"f" * 1000) for number in range(FLOOD_SIZE_BYTES // 1000))
    first, separator, rest = Answer().head_bytes().partition(b"\r\n")
    line.send(first + separator + flood + rest)


def send_endless_page(line: Line) -> None:
    """Send a page that never ends and never says anything."""
    line.send(_chunked_head("text/html; charset=utf-8"))
    block = b"<p>and so on</p>\n" * (_BLOCK_SIZE_BYTES // 17)
    chunk = b"%x\r\n%s\r\n" % (len(block), block)
    while not line.ending.is_set():
        line.send(chunk)


def send_gzip_bomb(line: Line) -> None:
    """Send an empty page of a gibibyte, packed a thousand to one."""
    line.send(encode_head(HTTPStatus.OK, (*_HTML_HEADERS, ("Content-Encoding", "gzip"))))
    packer = zlib.compressobj(9, zlib.DEFLATED, wbits=31)
    block = b" " * _BLOCK_SIZE_BYTES
    for _ in range(BOMB_SIZE_BYTES // len(block)):
        line.send(packer.compress(block) + packer.flush(zlib.Z_SYNC_FLUSH))
    line.send(packer.flush())


def _chunked_head(content_type: str) -> bytes:
    headers = (("Content-Type", content_type), ("Transfer-Encoding", "chunked"), ("Connection", "close"))
    return encode_head(HTTPStatus.OK, headers)
