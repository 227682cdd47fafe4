"""A web site for tests: answers by path, changeable while it runs, and able to misbehave on the raw socket."""

import json
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

Misbehaviour = Callable[[socket.socket, threading.Event], None]


@dataclass(frozen=True)
class Reply:
    """An answer of the site; `misbehave` takes over the socket instead."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/html; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()
    misbehave: Misbehaviour | None = None

    def with_header(self, name: str, value: str) -> "Reply":
        return replace(self, headers=(*self.headers, (name, value)))


@dataclass(frozen=True)
class Asked:
    """A request the site got."""

    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    method: str = "GET"


def page(text: str, status: int = 200) -> Reply:
    return Reply(status, text.encode())


def document(value: object, content_type: str = "application/json", status: int = 200) -> Reply:
    return Reply(status, json.dumps(value).encode(), content_type)


def redirect(location: str, status: int = 302) -> Reply:
    return Reply(status, headers=(("Location", location),))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer("POST")

    def _answer(self, method: str) -> None:
        site = self.server.site
        site.visitors.add(self.client_address)
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        site.asked.append(Asked(parts.path, parse_qs(parts.query), headers, method))
        reply = site.reply(parts.path)
        if reply.misbehave is not None:
            reply.misbehave(self.connection, site.closing)
            self.close_connection = True
            return
        self.send_response(reply.status)
        kept = () if site.keep_alive else (("Connection", "close"),)
        for name, value in (("Content-Type", reply.content_type), *kept, *reply.headers):
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, *_: object) -> None:
        """Say nothing: what was asked is in `asked`."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    site: "Site"

    def handle_error(self, *_: object) -> None:
        """Clients that hang up are part of the tests."""

    def finish_request(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]
        if self.site.tls is None:
            super().finish_request(request, client_address)
            return
        with self.site.tls.wrap_socket(request, server_side=True) as encrypted:
            super().finish_request(encrypted, client_address)


@dataclass
class Site:
    """A running site at `url`; `routes` may be changed at any time."""

    routes: dict[str, Reply] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None
    host: str = "127.0.0.1"
    asked: list[Asked] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)
    keep_alive: bool = False
    visitors: set[tuple[str, int]] = field(default_factory=set)
    """The addresses that connections came from, one for each connection."""

    public_url: str = ""
    """Where visitors find it, if something stands in front."""

    def __enter__(self) -> Self:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        self._server = type("_", (_Server,), {"address_family": family})((self.host, 0), _Handler)
        self._server.site = self
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop answering; connections are refused from now on."""
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        if self.public_url:
            return self.public_url
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"

    @property
    def domain(self) -> str:
        return self.url.partition("://")[2]

    def reply(self, path: str) -> Reply:
        return self.routes.get(path, Reply(404, b"Not found", "text/plain"))

    def asked_for(self, path: str) -> list[Asked]:
        return [asked for asked in self.asked if asked.path == path]


def drip(data: bytes, seconds_between: float = 0.2) -> Misbehaviour:
    """Send some bytes at once if told so by `|`, then the rest one by one."""

    def misbehave(connection: socket.socket, closing: threading.Event) -> None:
        first, _, rest = data.partition(b"|")
        connection.sendall(first)
        for byte in rest * 1000:
            if closing.wait(seconds_between):
                return
            connection.sendall(bytes([byte]))

    return misbehave


def send(data: bytes) -> Misbehaviour:
    """Send these bytes as they are and hang up."""

    def misbehave(connection: socket.socket, _closing: threading.Event) -> None:
        connection.sendall(data)

    return misbehave


def send_endlessly(head: bytes, piece: bytes) -> Misbehaviour:
    """Send the head, then the piece again and again until the other side hangs up."""

    def misbehave(connection: socket.socket, closing: threading.Event) -> None:
        connection.sendall(head)
        while not closing.is_set():
            connection.sendall(piece)

    return misbehave


def reset(connection: socket.socket, _closing: threading.Event) -> None:
    """End the connection with RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    connection.close()


def say_nothing(_connection: socket.socket, closing: threading.Event) -> None:
    """Keep the connection open without a word."""
    closing.wait()
