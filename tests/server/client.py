"""HTTP as clients speak it, well or badly, to one started server."""

import socket
from dataclasses import dataclass
from typing import Any

import requests

from exporter.server import ExporterServer

SOON_SECONDS = 5.0


@dataclass(frozen=True)
class RawAnswer:
    """What came back before the connection was closed; all fields are empty when nothing did."""

    status: int
    head: str
    body: str


class Client:
    """Asks one server."""

    def __init__(self, server: ExporterServer) -> None:
        self.server = server

    @property
    def url(self) -> str:
        return self.server.base_url

    def get(self, path: str, **settings: Any) -> requests.Response:
        return self.ask("GET", path, **settings)

    def post(self, path: str, **settings: Any) -> requests.Response:
        return self.ask("POST", path, **settings)

    def ask(self, method: str, path: str, **settings: Any) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False
            return session.request(method, self.url + path, timeout=SOON_SECONDS, **settings)

    def connect(self) -> socket.socket:
        """Return an open connection; the caller closes it."""
        return socket.create_connection(self.server.address, timeout=SOON_SECONDS)

    def send(self, request: bytes) -> RawAnswer:
        """Send bytes as they are, and return all that comes until the server closes."""
        with self.connect() as connection:
            try:
                connection.sendall(request)
                connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # the server has heard enough, and may have answered all the same
            return read_answer(connection)


def read_answer(connection: socket.socket) -> RawAnswer:
    """Return all that comes until the other side closes."""
    received = b""
    try:
        while chunk := connection.recv(65536):
            received += chunk
    except ConnectionError:
        pass  # a reset is an end too
    head, _, body = received.partition(b"\r\n\r\n")
    status = int(head.split()[1]) if head else 0
    return RawAnswer(status, head.decode("latin-1"), body.decode())
