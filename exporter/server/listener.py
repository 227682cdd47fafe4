"""The socket that is listened on, and the threads that answer: cheroot's server, set up for this exporter."""

import errno
import logging
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any

from cheroot.errors import FatalSSLAlert
from cheroot.makefile import MakeFile
from cheroot.ssl import Adapter
from cheroot.wsgi import Server

from exporter.errors import ListenError
from exporter.server.connection import Arrival, Connection
from exporter.server.request_parser import BODY_SIZE_BYTES, HEAD_SIZE_BYTES

HEAD_SECONDS = 10
"""How long a client may take to send the head of a request, and may stay without sending anything."""
WAITING_CONNECTIONS = 400
QUEUED_REQUESTS = 200
"""More connections than this are closed as they come, before the process runs out of file descriptors."""
BACKLOG = 128

_REMEDIES = {
    errno.EADDRINUSE: "another program uses that port; stop it, or choose another port with `web.listen` or --listen",
    errno.EACCES: "ports below 1024 are reserved for root; choose a higher one with `web.listen` or --listen",
    errno.EADDRNOTAVAIL: "no network interface here has that address; choose another with `web.listen` or --listen",
}

_logger = logging.getLogger(__name__)


class Listener(Server):
    """Accepts connections and gives each complete request to a worker. An empty host stands for all addresses.

    `start` and `stop` may be called once each, from any thread that is not a worker.
    """

    ConnectionClass = Connection

    def __init__(self, host: str, port: int, application: Callable[..., Any], workers: int) -> None:
        super().__init__(
            (host or _all_addresses(), port),
            application,
            numthreads=workers,
            server_name="mastodon-exporter",
            request_queue_size=BACKLOG,
            timeout=HEAD_SECONDS,
        )
        self.max_request_header_size = HEAD_SIZE_BYTES
        self.max_request_body_size = BODY_SIZE_BYTES
        self.keep_alive_conn_limit = WAITING_CONNECTIONS
        self._workers = workers
        self._bind_error: OSError | None = None
        self._thread = threading.Thread(target=self.serve, name="listener", daemon=True)

    def start(self) -> None:
        """Listen, and answer in threads of its own; ListenError when the address cannot be used."""
        try:
            self.prepare()
        except OSError as error:
            raise self._listen_error(self._bind_error or error) from error
        self._thread.start()

    def stop(self) -> None:
        """Close the socket and wait for the answers under way, which end by their own deadlines."""
        super().stop()
        if self._thread.is_alive():
            self._thread.join()

    def use_tls(self, context: ssl.SSLContext | None) -> None:
        """Speak TLS, or plain HTTP for None, on every connection accepted from now on."""
        self.ssl_adapter = TlsAdapter(context) if context is not None else None

    def grow(self, workers: int) -> None:
        """Have at least so many workers from now on."""
        if workers > self._workers:
            self.requests.grow(workers - self._workers)
            self._workers = workers

    def bind(self, family: int, type: int, proto: int = 0) -> socket.socket:  # noqa: A002  # cheroot's name
        """Return the bound socket. What went wrong is kept, of which cheroot passes on no more than the text."""
        try:
            bound: socket.socket = super().bind(family, type, proto)
        except OSError as error:
            self._bind_error = error
            raise
        return bound

    def process_conn(self, conn: Connection) -> None:
        """Give a connection to a worker once there is something to answer."""
        if conn.last_used is None and self._is_crowded():
            conn.close()
            return
        arrival = conn.receive()
        if arrival is Arrival.ANSWERABLE:
            super().process_conn(conn)
        elif arrival is Arrival.PART:
            self.put_conn(conn)
        else:
            conn.close()

    def error_log(self, msg: str = "", level: int = logging.INFO, traceback: bool = False) -> None:
        """Log what cheroot has to say; what clients do wrong is for whoever looks closely."""
        _logger.log(level if level >= logging.ERROR else logging.DEBUG, "%s", msg, exc_info=traceback)

    def _is_crowded(self) -> bool:
        return not self.can_add_keepalive_connection or self.requests.qsize >= QUEUED_REQUESTS

    def _listen_error(self, error: OSError) -> ListenError:
        host, port = self.bind_addr
        shown_host = f"[{host}]" if ":" in host else host
        remedy = _REMEDIES.get(error.errno or 0, f"{error.strerror or error}; check `web.listen` or --listen")
        return ListenError(f"Cannot listen on {shown_host}:{port}: {remedy}.")


def _all_addresses() -> str:
    return "::" if socket.has_dualstack_ipv6() else "0.0.0.0"  # noqa: S104  # only when the configuration asks for it


class TlsAdapter(Adapter):
    """Speaks TLS on a connection; the handshake comes with the first read, which never blocks the accepting thread."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__("", "")
        self.context = context

    def bind(self, sock: socket.socket) -> socket.socket:
        """Return the listening socket as it is."""
        return sock

    def wrap(self, sock: socket.socket) -> tuple[ssl.SSLSocket, dict[str, str]]:
        """Return the connection under TLS, and what a WSGI application is told of it."""
        try:
            wrapped = self.context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        except OSError as error:
            raise FatalSSLAlert(*error.args) from error
        return wrapped, self.get_environ()

    def get_environ(self) -> dict[str, str]:
        """Return what a WSGI application is told of every connection."""
        return {"wsgi.url_scheme": "https", "HTTPS": "on"}

    def makefile(self, sock: socket.socket, mode: str = "r", bufsize: int = -1) -> Any:
        """Return a reader or writer; Connection makes its own."""
        return MakeFile(sock, mode, bufsize)
