"""One kept-alive connection to a store, over libcurl: bounded in memory, and given up when nothing moves."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pycurl

from exporter import __version__
from exporter.authorities import trusted_authorities
from exporter.errors import MastodonExporterError
from exporter.media.body_buffer import BodyBuffer

USER_AGENT = f"mastodon-remedy/{__version__}"
ANSWER_LIMIT_BYTES = 64 * 1024
"""What is read of an answer that is neither an object nor a listing."""
LISTING_LIMIT_BYTES = 16 * 1024 * 1024
"""What is read of a page of a listing."""

LEAST_BYTES_PER_SECOND = 1000
"""Whatever is slower for as long as `stall_seconds` counts as standing still."""

FLOOR_BYTES_PER_SECOND = 16 * 1024
"""How fast the body of a request, or an object, has to move on the whole."""

_STOPPING_SECONDS = 5.0
_MOST_HEADER_LINES = 10_000
_QUICK_EXIT = 322  # CURLOPT_QUICK_EXIT, which pycurl does not name: a name server that is silent delays nobody
_BUFFER_BYTES = 256 * 1024
_STOP = 0  # a callback that takes less than it was given makes libcurl stop
_ABORT = 1  # and so does this from one that is told how far things are
_OWN_TROUBLE = frozenset(
    {
        pycurl.E_PEER_FAILED_VERIFICATION,
        pycurl.E_SSL_CACERT_BADFILE,
        pycurl.E_URL_MALFORMAT,
    }
)
_NEVER_SENT = _OWN_TROUBLE | {
    pycurl.E_COULDNT_CONNECT,
    pycurl.E_COULDNT_RESOLVE_HOST,
    pycurl.E_SSL_CONNECT_ERROR,
}
_IN_WORDS = {
    pycurl.E_COULDNT_RESOLVE_HOST: "its name cannot be resolved",
    pycurl.E_COULDNT_CONNECT: "it takes no connection",
    pycurl.E_GOT_NOTHING: "it closed the connection without an answer",
    pycurl.E_RECV_ERROR: "the connection broke off while the answer came",
    pycurl.E_SEND_ERROR: "the connection broke off while the request was sent",
    pycurl.E_PARTIAL_FILE: "the connection was cut before the whole answer had come",
    pycurl.E_UNSUPPORTED_PROTOCOL: "what came back is not HTTP/1.x",
    pycurl.E_FTP_WEIRD_SERVER_REPLY: "what came back is not HTTP",
    pycurl.E_OPERATION_TIMEDOUT: "nothing moved any more, neither there nor back",
}
_FIXED_HEADERS = (b"Expect:", b"Accept-Encoding: identity")
_BLANK = (b"\r\n", b"\n")
_LONGEST_STATUS_LINE = 32
_LONGEST_TEXT = 200

Admit = Callable[[int, Mapping[str, str]], int | None]
"""Is asked before the body of an answer is read: how many bytes of it are taken at most; None: it is not wanted."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a connection may take to come about, and how long nothing may move on one.

    `whole_seconds` are for a request and its answer, and once more for an object that is read; what their bytes take
    at the floor comes on top.
    """

    connect_seconds: float = 10.0
    stall_seconds: float = 60.0
    whole_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What to send. `headers` are whole lines."""

    method: str
    url: str
    headers: Sequence[bytes]
    body: bytes = b""
    admit: Admit | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; names of headers in lower case. `is_whole` is False where the body was not wanted, or too long.

    Then it is empty.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class Broken:
    """No whole answer came. `may_pass` is False where only a change of settings can help.

    `may_be_done` is False where the request cannot have reached the store.
    """

    text: str
    may_pass: bool = True
    may_be_done: bool = True


class _Incoming:
    """The answer that is coming; one for all requests of a connection, since libcurl keeps what it was given."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.begin(None)

    def begin(self, admit: Admit | None) -> None:
        """Wait for the next answer, and let go of the last one."""
        self.lines.clear()
        self.stopped_by: BaseException | None = None
        self.is_refused = False
        self._admit = admit
        self._head: tuple[int, dict[str, str]] | None = None
        self._body = BodyBuffer()
        self._limit_bytes: int | None = None
        self.admitted_bytes = 0
        self.admitted_at: float | None = None

    def take(self, piece: bytes) -> int | None:
        """Take the next piece of the body, unless it is not wanted."""
        if not self._body.size_bytes:
            self._limit_bytes = self._asked_for_limit()
            self._make_room(len(piece))
        if self._limit_bytes is None or self._body.size_bytes + len(piece) > self._limit_bytes:
            self.is_refused = True
            return _STOP
        self._body.write(piece)
        return None

    def answer(self) -> Answer | Broken:
        """Return what has come."""
        status, headers = self._read_head()
        if not status:
            return Broken("the header of the answer breaks off")
        body = b"" if self.is_refused else self._body.whole()
        return Answer(status, headers, body, is_whole=not self.is_refused)

    def _make_room(self, arrived_bytes: int) -> None:
        told = self._read_head()[1].get("content-length", "")
        if str(self._limit_bytes) == told and self.admitted_bytes > arrived_bytes:
            self._body.make_room(self.admitted_bytes)

    def _asked_for_limit(self) -> int | None:
        if self._admit is None:
            return ANSWER_LIMIT_BYTES
        try:
            limit_bytes = self._admit(*self._read_head())
        except (MastodonExporterError, KeyboardInterrupt) as stop:
            self.stopped_by = stop  # libcurl would print it and go on
            return None
        # To be admitted may have taken a while: there has to be memory.
        self.admitted_bytes, self.admitted_at = limit_bytes or 0, time.monotonic()
        return limit_bytes

    def _read_head(self) -> tuple[int, dict[str, str]]:
        if self._head is None:
            self._head = head_of_answer(self.lines)
        return self._head


class Connection:
    """A connection that is kept for the next request. Not thread-safe: each thread has one of its own.

    Once `stopping` is set, what is under way has a few seconds left, and what is begun later does not get far.
    """

    def __init__(
        self,
        timeouts: Timeouts = Timeouts(),
        ca_file: str | None = None,
        stopping: threading.Event | None = None,
    ) -> None:
        self._whole_seconds = timeouts.whole_seconds
        self._stopping = stopping or threading.Event()
        self._stopped_at: float | None = None
        self._begun_at = 0.0
        self._sent_bytes = 0
        self._trouble = ""
        self._incoming = _Incoming()
        self._curl = curl = pycurl.Curl()
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.PROXY, "")
        curl.setopt(_QUICK_EXIT, 1)
        curl.setopt(pycurl.CAINFO, ca_file or trusted_authorities())
        curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        curl.setopt(pycurl.PATH_AS_IS, 1)
        curl.setopt(pycurl.TCP_KEEPALIVE, 1)
        curl.setopt(pycurl.BUFFERSIZE, _BUFFER_BYTES)
        curl.setopt(pycurl.USERAGENT, USER_AGENT)
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, round(timeouts.connect_seconds * 1000))
        curl.setopt(pycurl.LOW_SPEED_LIMIT, LEAST_BYTES_PER_SECOND)
        curl.setopt(pycurl.LOW_SPEED_TIME, max(round(timeouts.stall_seconds), 1))
        curl.setopt(pycurl.HEADERFUNCTION, self._incoming.lines.append)
        curl.setopt(pycurl.WRITEFUNCTION, self._incoming.take)
        curl.setopt(pycurl.NOPROGRESS, 0)
        curl.setopt(pycurl.XFERINFOFUNCTION, self._look_at_clock)

    def send(self, outgoing: Outgoing) -> Answer | Broken:
        """Send one request and return what came back; what `admit` raises comes out of here."""
        self._incoming.begin(outgoing.admit)
        self._set_up(outgoing)
        self._begun_at, self._sent_bytes, self._trouble = time.monotonic(), len(outgoing.body), ""
        try:
            self._curl.perform()
            return self._incoming.answer()
        except pycurl.error as error:
            return self._ended_by(error)
        finally:
            self._incoming.begin(None)
            self._curl.setopt(pycurl.POSTFIELDS, b"")  # which held the whole body

    def _set_up(self, outgoing: Outgoing) -> None:
        curl = self._curl
        curl.setopt(pycurl.URL, outgoing.url)
        curl.setopt(pycurl.HTTPHEADER, [*outgoing.headers, *_FIXED_HEADERS])
        curl.setopt(pycurl.NOBODY, outgoing.method == "HEAD")
        if outgoing.method in ("PUT", "POST"):
            curl.setopt(pycurl.POSTFIELDS, outgoing.body)
        elif outgoing.method != "HEAD":
            curl.setopt(pycurl.HTTPGET, 1)
        curl.setopt(pycurl.CUSTOMREQUEST, outgoing.method)

    def _look_at_clock(self, *_: object) -> int | None:
        """Have libcurl stop when it is time; it asks this whenever something moves, and else each second."""
        try:
            self._trouble = self._why_to_stop(time.monotonic())
        except KeyboardInterrupt as stop:
            self._incoming.stopped_by = stop  # libcurl would print it
            return _ABORT
        return _ABORT if self._trouble else None

    def _why_to_stop(self, now: float) -> str:
        if self._stopping.is_set():
            self._stopped_at = self._stopped_at or now
        if self._stopped_at is not None and now - self._stopped_at > _STOPPING_SECONDS:
            return "the run was stopped"
        if now > self._due_at():
            return "it is too slow"
        return "the header of its answer does not end" if len(self._incoming.lines) > _MOST_HEADER_LINES else ""

    def _due_at(self) -> float:
        incoming = self._incoming
        if incoming.admitted_at is not None:
            return incoming.admitted_at + self._whole_seconds + incoming.admitted_bytes / FLOOR_BYTES_PER_SECOND
        return self._begun_at + self._whole_seconds + self._sent_bytes / FLOOR_BYTES_PER_SECOND

    def _ended_by(self, error: pycurl.error) -> Answer | Broken:
        incoming = self._incoming
        if incoming.stopped_by is not None:
            raise incoming.stopped_by
        if incoming.is_refused:
            return incoming.answer()
        code, message = int(error.args[0]), str(error.args[-1])
        text = self._trouble or _IN_WORDS.get(code) or printable(message) or f"libcurl error {code}"
        return Broken(text, code not in _OWN_TROUBLE, code not in _NEVER_SENT)


def head_of_answer(lines: Sequence[bytes]) -> tuple[int, dict[str, str]]:
    """Return the status and the headers of the last of the answers these lines are of.

    The status is 0 where it cannot be read, or where the lines break off. Names are in lower case; bytes that are no
    UTF-8 stay as they are.
    """
    status, headers, is_whole = 0, dict[str, str](), False
    for line in lines:
        if line.startswith(b"HTTP/"):
            status, headers, is_whole = _status(line), {}, False  # what came before was a 100 Continue
        elif line in _BLANK:
            is_whole = True
        elif not is_whole:  # what follows the body says nothing of it
            name, _, value = line.decode("utf-8", "surrogateescape").partition(":")
            headers[name.lower()] = value.strip()
    return status if is_whole else 0, headers


def _status(line: bytes) -> int:
    word = line[:_LONGEST_STATUS_LINE].split(b" ", 2)[1:2]
    return int(word[0]) if word and word[0].strip().isdigit() else 0


def printable(text: str) -> str:
    """Return a text fit for one line of a message: no control characters, bounded."""
    shown = text[:_LONGEST_TEXT]
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in shown)
