"""A client that says in one word how a request failed, without any code of the exporter's own probes."""

import json
import socket
from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pycurl

TIMEOUT_SECONDS = 2.0
BODY_CAP_BYTES = 2 * 1024 * 1024
REDIRECTS = 5

_REASONS = {
    pycurl.E_OPERATION_TIMEDOUT: "timeout",
    pycurl.E_COULDNT_CONNECT: "connect",
    pycurl.E_PEER_FAILED_VERIFICATION: "tls",
    pycurl.E_TOO_MANY_REDIRECTS: "redirect",
    pycurl.E_WRITE_ERROR: "body_too_large",
}


@dataclass
class Seen:
    """What came back; `failure` is None where it is a whole answer below 400 that is not stale."""

    url: str
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    error: int | None = None
    refused_address: str | None = None

    @property
    def failure(self) -> str | None:
        if self.refused_address is not None:
            return "address"
        if self.error is not None:
            return _REASONS.get(self.error, "protocol")
        if self.status >= 400:
            return "http_status"
        if "STALE" in (self.headers.get("x-cached"), self.headers.get("x-cache-status")):
            return "cached_stale"
        return None

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")

    @property
    def json(self) -> Any:
        """The document; None where it cannot be read."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


class Client:
    """Trusts the sample's authority, follows five redirects, connects to loopback only."""

    def __init__(self, ca_file: Path, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._ca_file = ca_file
        self._timeout_seconds = timeout_seconds

    def get(self, url: str, accept: str = "*/*", headers: Mapping[str, str] | None = None) -> Seen:
        """Ask with a query that no cache has seen, and return what came back."""
        seen = Seen(url)
        with ExitStack() as sockets, closing(pycurl.Curl()) as handle:
            self._prepare(handle, seen, sockets)
            asked = {"Accept": accept, **(headers or {})}
            handle.setopt(pycurl.HTTPHEADER, [f"{name}: {value}" for name, value in asked.items()])
            try:
                handle.perform()
            except pycurl.error as error:
                seen.error = int(error.args[0])
            seen.status = handle.getinfo(pycurl.RESPONSE_CODE)
        return seen

    def _prepare(self, handle: pycurl.Curl, seen: Seen, sockets: ExitStack) -> None:
        handle.setopt(pycurl.URL, f"{seen.url}{'&' if '?' in seen.url else '?'}unique=1")
        handle.setopt(pycurl.NOSIGNAL, 1)
        handle.setopt(pycurl.PROXY, "")
        handle.setopt(pycurl.CAINFO, str(self._ca_file))
        handle.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        handle.setopt(pycurl.ACCEPT_ENCODING, "gzip")
        handle.setopt(pycurl.TIMEOUT_MS, int(self._timeout_seconds * 1000))
        handle.setopt(pycurl.FOLLOWLOCATION, 1)
        handle.setopt(pycurl.MAXREDIRS, REDIRECTS)
        handle.setopt(pycurl.OPENSOCKETFUNCTION, lambda purpose, address: _open_socket(seen, sockets, address))
        handle.setopt(pycurl.HEADERFUNCTION, lambda line: _note_header(seen, line))
        handle.setopt(pycurl.WRITEFUNCTION, lambda part: _keep(seen, part))


def _open_socket(seen: Seen, sockets: ExitStack, address: tuple[Any, ...]) -> Any:
    family, kind, protocol, (host, *_) = address
    if host != "127.0.0.1":
        seen.refused_address = str(host)
        return pycurl.SOCKET_BAD
    # curl works on a duplicate; ours is closed when the request has ended.
    return sockets.enter_context(socket.socket(family, kind, protocol))


def _note_header(seen: Seen, line: bytes) -> None:
    name, separator, value = line.decode("latin-1").partition(":")
    if line.startswith(b"HTTP/"):
        seen.headers.clear()
    if separator:
        seen.headers[name.lower()] = value.strip()


def _keep(seen: Seen, part: bytes) -> int:
    if len(seen.body) + len(part) > BODY_CAP_BYTES:
        return 0
    seen.body += part
    return len(part)
