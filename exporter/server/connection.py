"""One client's connection: its bytes are collected without waiting, so that slow clients hold up nobody.

cheroot gives a worker to every connection as soon as it is opened, and shakes hands for TLS in
the thread that accepts. Here the accepting thread takes what has arrived, and a worker is called
when the head of a request is complete: a client that says nothing, drips, or stops in the
middle of a handshake costs a file descriptor until its time is up, and nothing else.
"""

import errno
import re
import socket
import ssl
import time
from enum import Enum, auto
from typing import Any

from cheroot.makefile import StreamReader, StreamWriter
from cheroot.server import HTTPConnection

from exporter.server.request_parser import HEAD_SIZE_BYTES, RequestParser, refusal

BODY_SECONDS = 2.0
ANSWER_SECONDS = 10.0
"""How long a client may take to read what is sent to it at once."""

_REQUEST_LINE = re.compile(rb"[!-~]+ [!-~\x80-\xff]+ HTTP/[0-9.]+")
_HTTPS_ONLY = "This port speaks HTTPS only: use https:// instead of http://."


class Arrival(Enum):
    """What has come of a request so far."""

    PART = auto()
    ANSWERABLE = auto()
    GONE = auto()


class PacedSocket:
    """A socket whose reads and writes all end by one deadline; before the first `allow` they do not wait at all."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._deadline: float | None = None
        self.ended = False

    def allow(self, seconds: float) -> None:
        """Let reads and writes wait, but not beyond so many seconds from now."""
        self._deadline = time.monotonic() + seconds

    def never_wait(self) -> None:
        """Let reads and writes take what there is."""
        self._deadline = None
        self._socket.settimeout(0)

    def recv_into(self, buffer: memoryview) -> int:
        """Read; 0 is the end, which `ended` remembers."""
        self._set_timeout()
        try:
            count = self._socket.recv_into(buffer)
        except OSError as error:
            raise self._as_cheroot_knows_it(error) from error
        self.ended = count == 0
        return count

    def send(self, data: bytes) -> int:
        """Write some of the data and return how much."""
        self._set_timeout()
        try:
            return self._socket.send(data)
        except OSError as error:
            raise self._as_cheroot_knows_it(error) from error

    def fileno(self) -> int:
        return self._socket.fileno()

    def _decref_socketios(self) -> None:
        """Do nothing: socket.SocketIO asks for this when it is closed, and the connection closes the socket."""

    def _set_timeout(self) -> None:
        if self._deadline is None:
            return
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._socket.settimeout(left)

    def _as_cheroot_knows_it(self, error: OSError) -> OSError:
        """Return errors of a waiting TLS socket as those of a plain one, which cheroot takes for a client's fault."""
        if isinstance(error, TimeoutError):
            return TimeoutError("timed out")
        if self._deadline is not None and isinstance(error, ssl.SSLError):
            return ConnectionAbortedError(errno.ECONNABORTED, str(error))
        return error


class HeadReader(StreamReader):
    """Reads a connection; has data only when a worker could answer it."""

    def has_data(self) -> bool:
        return bool(super().has_data()) and is_answerable(self.peek(1))  # type: ignore[no-untyped-call]  # cheroot's


class AnswerWriter(StreamWriter):
    """Writes to a connection, each time with a fresh deadline."""

    def __init__(self, paced: PacedSocket, mode: str, size_bytes: int) -> None:
        super().__init__(paced, mode, size_bytes)
        self._paced = paced

    def write(self, val: bytes) -> int:  # type: ignore[override]  # cheroot writes bytes only
        self._paced.allow(ANSWER_SECONDS)
        return int(super().write(val))  # type: ignore[no-untyped-call]  # cheroot's


class Connection(HTTPConnection):
    """A connection that says whether it is worth a worker."""

    RequestHandlerClass = RequestParser
    # More than a head may have, so that a full buffer is a head that is too large.
    rbufsize = HEAD_SIZE_BYTES + 1024

    def __init__(self, server: Any, connected: socket.socket, _makefile: Any = None) -> None:
        self._paced = PacedSocket(connected)
        self._head_deadline: float | None = None
        super().__init__(server, connected, self._open)

    def receive(self) -> Arrival:
        """Take what has arrived without waiting, and say what to do with the connection."""
        if self._head_deadline is None:
            self._head_deadline = time.monotonic() + self.server.timeout
        try:
            self._paced.never_wait()
            arrival = self._take()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            arrival = Arrival.PART
        except OSError as error:
            self._explain(error)
            return Arrival.GONE
        late = arrival is Arrival.PART and time.monotonic() > self._head_deadline
        return Arrival.GONE if late else arrival

    def communicate(self) -> bool:
        """Answer the request that has arrived; True when the connection is to stay open."""
        self._head_deadline = None
        self._paced.allow(BODY_SECONDS)
        return bool(super().communicate())  # type: ignore[no-untyped-call]  # cheroot's

    def _take(self) -> Arrival:
        if self.rfile.has_data():
            return Arrival.ANSWERABLE
        size_before = 0
        while True:
            head = self.rfile.peek(self.rbufsize)
            if is_answerable(head):
                return Arrival.ANSWERABLE
            if self._paced.ended:
                return Arrival.ANSWERABLE if head else Arrival.GONE
            if len(head) == size_before:
                return Arrival.PART
            size_before = len(head)

    def _open(self, _connected: socket.socket, mode: str, size_bytes: int) -> StreamReader | StreamWriter:
        if "r" in mode:
            return HeadReader(self._paced, mode, size_bytes)
        return AnswerWriter(self._paced, mode, size_bytes)

    def _explain(self, error: OSError) -> None:
        """Tell a client that speaks plain HTTP to a TLS port, which it could not read off a TLS alert."""
        if isinstance(error, ssl.SSLError) and error.reason == "HTTP_REQUEST":
            try:
                socket.socket.send(self.socket, refusal(400, _HTTPS_ONLY))
            except OSError:
                return


def is_answerable(head: bytes) -> bool:
    """Tell whether a worker can answer: the head is complete, too large, or hopeless from its first line on."""
    if b"\r\n\r\n" in head or b"\n\n" in head or len(head) > HEAD_SIZE_BYTES:
        return True
    line, newline, _ = head.lstrip(b"\r\n").partition(b"\n")
    return bool(newline) and not _REQUEST_LINE.fullmatch(line.rstrip(b"\r"))
