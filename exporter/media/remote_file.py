"""One file of another server over libcurl: bounded in time and memory, and only from a permitted address."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Self

import pycurl

from exporter.addresses import AddressRule
from exporter.media.body_buffer import BodyBuffer
from exporter.third_party_connection import PermittedSockets

CONNECT_TIMEOUT_SECONDS = 10
TIMEOUT_SECONDS = 120
STALLED_BYTES_PER_SECOND = 1000
STALLED_SECONDS = 15

_ABORT = 0  # a callback that takes less than it was given makes libcurl stop
_MOST_DIGITS = 19
_STATUS = re.compile(rb"HTTP/[0-9.]+ ([0-9]{3})\b")
_SERVERS = "servers"
_IN_WORDS = {
    pycurl.E_COULDNT_RESOLVE_HOST: "its name cannot be resolved",
    pycurl.E_COULDNT_CONNECT: "it takes no connection",
    pycurl.E_OPERATION_TIMEDOUT: "it is too slow",
    pycurl.E_PARTIAL_FILE: "the file was cut short",
    pycurl.E_GOT_NOTHING: "it closed the connection without an answer",
}
UNREACHABLE = frozenset(
    {
        pycurl.E_COULDNT_RESOLVE_HOST,
        pycurl.E_COULDNT_CONNECT,
        pycurl.E_OPERATION_TIMEDOUT,
        pycurl.E_SSL_CONNECT_ERROR,
        pycurl.E_PEER_FAILED_VERIFICATION,
    }
)
"""What is wrong with a server rather than with one of its files."""


@dataclass(frozen=True)
class RemoteAnswer:
    """What came back. `trouble` is why there is no whole answer; `body` is that of a 200 only."""

    http_status: int = 0
    location: str = ""
    body: bytes = b""
    trouble: str = ""
    is_unreachable: bool = False


@dataclass(frozen=True)
class Asker:
    """Who asks, and what is permitted to him. `timeout_seconds` are for one URL, the body included."""

    user_agent: str
    rule: AddressRule
    ca_file: Path
    timeout_seconds: float = TIMEOUT_SECONDS


class RemoteFile:
    """One GET, to be sent once. A context manager that gives the connection back.

    `reserve` is called with the size of the body before it is read, or with `largest_bytes` where it is not told.
    """

    def __init__(self, url: str, asker: Asker, largest_bytes: int, reserve: Callable[[int], None]) -> None:
        self._largest_bytes = largest_bytes
        self._reserve = reserve
        self._sockets = PermittedSockets(asker.rule, _SERVERS)
        self._header: list[bytes] = []
        self._body = BodyBuffer()
        self._is_reserved = False
        self._is_too_large = False
        self._curl = pycurl.Curl()
        self._set_up(url, asker)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._body.clear()  # which libcurl's callbacks may keep alive for a while
        self._curl.close()
        self._sockets.close()

    def get(self) -> RemoteAnswer:
        """Return what came back."""
        try:
            self._curl.perform()
        except pycurl.error as error:
            return self._failed(int(error.args[0]), str(error.args[-1]))
        status = self._status
        body = self._body.whole() if status == HTTPStatus.OK else b""
        return RemoteAnswer(status, self._value("location"), body)

    def _set_up(self, url: str, asker: Asker) -> None:
        curl = self._curl
        self._sockets.set_up(curl)
        curl.setopt(pycurl.CAINFO, str(asker.ca_file))
        curl.setopt(pycurl.URL, url)
        curl.setopt(pycurl.USERAGENT, asker.user_agent)
        curl.setopt(pycurl.CONNECTTIMEOUT, CONNECT_TIMEOUT_SECONDS)
        curl.setopt(pycurl.TIMEOUT_MS, round(asker.timeout_seconds * 1000))
        curl.setopt(pycurl.LOW_SPEED_LIMIT, STALLED_BYTES_PER_SECOND)
        curl.setopt(pycurl.LOW_SPEED_TIME, STALLED_SECONDS)
        # A file is kept as it is: an answer in another encoding would be no file.
        curl.setopt(pycurl.HTTPHEADER, ["Accept-Encoding: identity"])
        curl.setopt(pycurl.HEADERFUNCTION, self._take_header)
        curl.setopt(pycurl.WRITEFUNCTION, self._take_body)

    def _take_header(self, line: bytes) -> None:
        if line.startswith(b"HTTP/"):
            self._header.clear()
        self._header.append(line)

    def _take_body(self, piece: bytes) -> int | None:
        if self._status != HTTPStatus.OK:
            return _ABORT
        told_bytes = self._told_bytes
        size_bytes = max(told_bytes or 0, self._body.size_bytes + len(piece))
        if size_bytes > self._largest_bytes:
            self._is_too_large = True
            return _ABORT
        if not self._is_reserved:
            self._reserve(self._largest_bytes if told_bytes is None else size_bytes)
            self._is_reserved = True
            self._body.make_room(size_bytes)
        self._body.write(piece)
        return None

    def _failed(self, code: int, message: str) -> RemoteAnswer:
        if self._is_too_large:
            trouble = f"the file is larger than the {self._largest_bytes} bytes that one may have here"
            return RemoteAnswer(self._status, trouble=trouble)
        if code == pycurl.E_WRITE_ERROR:  # the body of an answer that is no file was not wanted
            return RemoteAnswer(self._status, self._value("location"))
        if self._sockets.refusal:
            return RemoteAnswer(trouble=self._sockets.refusal)
        words = self._sockets.own_trouble or _IN_WORDS.get(code) or message or f"libcurl error {code}"
        return RemoteAnswer(trouble=words, is_unreachable=code in UNREACHABLE)

    @property
    def _status(self) -> int:
        match = _STATUS.match(self._header[0]) if self._header else None
        return int(match[1]) if match else 0

    @property
    def _told_bytes(self) -> int | None:
        told = self._value("content-length")
        return int(told[: _MOST_DIGITS + 1]) if told.isascii() and told.isdigit() else None

    def _value(self, wanted: str) -> str:
        for line in self._header[1:]:
            name, _, value = line.decode("utf-8", "replace").partition(":")
            if name.strip().lower() == wanted:
                return value.strip()
        return ""
