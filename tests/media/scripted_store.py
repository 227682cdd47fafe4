"""A server that answers what a test tells it to, byte by byte, and remembers what it was asked."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import BufferedIOBase
from socketserver import StreamRequestHandler, ThreadingTCPServer


@dataclass(frozen=True)
class Asked:
    """A request as it came. `path` with the query; names of headers in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    connection: int


@dataclass(frozen=True)
class Pause:
    """Send `before`, then nothing any more until the test is over."""

    before: bytes


Script = Callable[[Asked], bytes | Pause]


def answer(status: int, body: bytes = b"", **headers: str) -> bytes:
    """Return a whole answer; `_` in a header's name stands for `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"HTTP/1.1 {status} Status", *(f"{name}: {value}" for name, value in named.items())]
    if "content-length" not in named:
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def error(status: int, code: str, message: str = "", **headers: str) -> bytes:
    """Return the answer of a store that is in trouble."""
    return answer(status, f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode(), **headers)


@dataclass
class ScriptedStore:
    """A running server; `script` may be changed at any time. An answer that breaks off closes the connection."""

    port: int
    scheme: str = "http"
    script: Script = lambda _: answer(200)
    asked: list[Asked] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def endpoint(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def answer_in_turn(self, *answers: bytes | Pause) -> None:
        """Answer one request after the other; the last answer stands for all that follow."""
        left = list(answers)
        self.script = lambda _: left.pop(0) if len(left) > 1 else left[0]

    @property
    def methods(self) -> list[str]:
        """What was asked, by method."""
        return [one.method for one in self.asked]


@contextmanager
def scripted_store(context: ssl.SSLContext | None = None) -> Iterator[ScriptedStore]:
    """Give a server of one's own, which speaks TLS where a context is given."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.context = context
        server.store.port = server.server_address[1]
        server.store.scheme = "http" if context is None else "https"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.store
        finally:
            server.store.over.set()
            server.shutdown()
            server.cut_all()
            thread.join()


class _Server(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: type["_Handler"]) -> None:
        super().__init__(address, handler)
        self.store = ScriptedStore(0)
        self.context: ssl.SSLContext | None = None
        self.connections: list[socket.socket] = []

    def get_request(self) -> tuple[socket.socket, object]:
        accepted, address = self.socket.accept()
        if self.context is None:
            return accepted, address
        return self.context.wrap_socket(accepted, server_side=True, do_handshake_on_connect=False), address

    def cut_all(self) -> None:
        for connection in self.connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        self.server.connections.append(self.connection)
        number = len(self.server.connections)
        with suppress(OSError):
            while asked := _read(self.rfile, number):
                self.server.store.asked.append(asked)
                if not self._send(self.server.store.script(asked), asked):
                    return

    def _send(self, told: bytes | Pause, asked: Asked) -> bool:
        """Send an answer and tell whether the connection can go on."""
        if isinstance(told, Pause):
            self.wfile.write(told.before)
            self.server.store.over.wait()
            return False
        head, end, body = told.partition(b"\r\n\r\n")
        self.wfile.write(head + end if asked.method == "HEAD" else told)
        return bool(end) and (asked.method == "HEAD" or f"content-length: {len(body)}".encode() in head.lower())


def _read(file: BufferedIOBase, connection: int) -> Asked | None:
    first = file.readline().decode()
    if not first:
        return None
    headers: dict[str, str] = {}
    for line in iter(file.readline, b"\r\n"):
        name, _, value = line.decode("utf-8", "surrogateescape").partition(":")
        headers[name.lower()] = value.strip()
    method, path, _ = first.split()
    body = file.read(int(headers.get("content-length", 0)))
    return Asked(method, path, headers, body, connection)
