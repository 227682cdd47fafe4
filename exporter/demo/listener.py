"""One port of the sample server: each connection in a thread of its own, TLS handshake included."""

import logging
import socket
import socketserver
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any

from exporter.demo.answers import Answer, Request
from exporter.demo.misbehaviour import Line, Misbehaviour, Outcome
from exporter.errors import ListenError

LOGGER = logging.getLogger(__name__)

IDLE_TIMEOUT_SECONDS = 30.0
STOP_POLL_SECONDS = 0.05
MAX_REQUEST_BODY_BYTES = 64 * 1024


@dataclass(frozen=True)
class Reception:
    """How a new connection is received: under TLS, plainly, or by misbehaviour in place of both."""

    tls: ssl.SSLContext | None = None
    misbehave: Misbehaviour | None = None


@dataclass(frozen=True)
class Conduct:
    """How a listener behaves. Both are called from many threads at once, for each connection anew."""

    receive: Callable[[], Reception]
    answer: Callable[[Request], Outcome]


class Listener(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """A port, open from construction until `stop`; connections wait until `start`. Not to be started twice."""

    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, host: str, port: int, conduct: Conduct) -> None:
        self.conduct = conduct
        self.ending = threading.Event()
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            super().__init__((host, port), _Handler)
        except (OSError, OverflowError) as error:
            raise ListenError(f"cannot listen on {host} port {port}: {error}; choose another port") from error
        self._acceptor = threading.Thread(target=self.serve_forever, args=(STOP_POLL_SECONDS,), name="sample-accept")

    def start(self) -> None:
        """Serve connections from now on."""
        self._acceptor.start()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def stop(self) -> None:
        """Close the port, cut every connection, and return when no thread is left."""
        self.ending.set()
        if self._acceptor.is_alive():
            self.shutdown()
            self._acceptor.join()
        with self._lock:
            for connection in self._connections:
                _hang_up(connection)
        self.server_close()

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Serve one connection; called in its own thread."""
        reception = self.conduct.receive()
        request.settimeout(IDLE_TIMEOUT_SECONDS)
        connection = _wrap(request, reception)
        with closing(connection), self._kept(connection):
            self._serve(connection, reception, client_address)
            _say_goodbye(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that go away: those that watch this server do it by design."""
        error = sys.exception()
        if not isinstance(error, OSError):
            LOGGER.error("the sample server failed", exc_info=error)

    def _serve(self, connection: socket.socket, reception: Reception, client_address: Any) -> None:
        if reception.misbehave is not None:
            reception.misbehave(Line(connection, self.ending))
            return
        if isinstance(connection, ssl.SSLSocket):
            connection.do_handshake()
        _Handler(connection, client_address, self)

    @contextmanager
    def _kept(self, connection: socket.socket) -> Iterator[None]:
        """Keep the connection where `stop` finds it."""
        with self._lock:
            if self.ending.is_set():
                raise ConnectionAbortedError
            self._connections.add(connection)
        try:
            yield
        finally:
            with self._lock:
                self._connections.discard(connection)


class _Handler(BaseHTTPRequestHandler):
    """Reads one request and sends what the conduct says."""

    server: Listener
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        self.close_connection = True
        self._skip_body()
        request = Request(self.command, self.path, {name.lower(): value for name, value in self.headers.items()})
        outcome = self.server.conduct.answer(request)
        line = Line(self.connection, self.server.ending)
        if isinstance(outcome, Answer):
            line.send(outcome.head_bytes() if request.method == "HEAD" else outcome.to_bytes())
        else:
            outcome(line)

    do_GET = do_HEAD = do_POST = answer  # noqa: N815 - the names the base class looks for

    def _skip_body(self) -> None:
        # Closing a connection with bytes unread resets it, and the client may lose the answer.
        length = self.headers.get("Content-Length", "0")
        if length.isascii() and length.isdecimal():
            self.rfile.read(min(int(length), MAX_REQUEST_BODY_BYTES))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
        """Log no requests."""


def _wrap(connection: socket.socket, reception: Reception) -> socket.socket:
    if reception.tls is None or reception.misbehave is not None:
        return connection
    return reception.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)


def _say_goodbye(connection: socket.socket) -> None:
    """End TLS properly without waiting for the other side to do the same."""
    if isinstance(connection, ssl.SSLSocket):
        with suppress(OSError, ValueError):
            connection.setblocking(False)
            connection.unwrap()


def _hang_up(connection: socket.socket) -> None:
    # The plain method: that of SSLSocket would pull TLS from under the thread that is using it.
    with suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
