"""A server of other people's media, good and bad ones."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import unquote

LARGE_BYTES = 32 * 1024 * 1024
PNG = b"\x89PNG\r\n\x1a\n" + bytes(200)


class RemoteHost:
    """Answers on 127.0.0.1, one connection a request, by the last word of the path."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.headers: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._is_closed = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}/{path}"

    def close(self) -> None:
        self._is_closed.set()
        self._listener.shutdown(socket.SHUT_RDWR)  # which ends a waiting `accept`
        self._listener.close()
        self._thread.join(5)

    def _serve(self) -> None:
        while not self._is_closed.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            request = b""
            while b"\r\n\r\n" not in request:
                request += connection.recv(65536)
            self.headers.append(request.decode())
            path = request.split(b" ")[1].decode()
            self.asked.append(path)
            behaviours: dict[str, Callable[[socket.socket], None]] = {
                "drip.png": self._drip,
                "large.png": _send_large,
                "cut.png": lambda to: to.sendall(_head(200, "OK", 1000) + PNG),
                "silent.png": lambda _to: time.sleep(20),
                "unbounded.png": lambda to: to.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + PNG * 100),
            }
            name = path.rpartition("/")[2]
            if name in behaviours:
                behaviours[name](connection)
            else:
                connection.sendall(_usual(name))

    def _drip(self, to: socket.socket) -> None:
        to.sendall(_head(200, "OK", 1000))
        while not self._is_closed.is_set():
            to.sendall(b"x")
            time.sleep(0.1)


def _send_large(to: socket.socket) -> None:
    to.sendall(_head(200, "OK", LARGE_BYTES) + PNG)
    zeros = memoryview(bytes(64 * 1024))
    left_bytes = LARGE_BYTES - len(PNG)
    while left_bytes:
        left_bytes -= to.send(zeros[:left_bytes])


def _usual(name: str) -> bytes:
    kind, _, rest = name.partition("-")
    if kind == "to":
        return f"HTTP/1.1 302 Found\r\nLocation: {unquote(rest)}\r\nContent-Length: 4\r\n\r\nhere".encode()
    if kind == "gone":
        return _head(404, "Not Found", 9) + b"not found"
    if kind == "html":
        return _head(200, "OK", 15) + b"<html>no</html>"
    return _head(200, "OK", len(PNG)) + PNG


def _head(status: int, reason: str, size_bytes: int) -> bytes:
    return f"HTTP/1.1 {status} {reason}\r\nContent-Length: {size_bytes}\r\nConnection: close\r\n\r\n".encode()


@contextmanager
def remote_host() -> Iterator[RemoteHost]:
    """Give a running server."""
    host = RemoteHost()
    try:
        yield host
    finally:
        host.close()
