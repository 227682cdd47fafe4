"""One POST to a hub over libcurl: bounded in time and memory, and only to an address that the rule permits."""

import re
from dataclasses import dataclass
from typing import Self

import pycurl

from exporter.addresses import AddressRule
from exporter.third_party_connection import PermittedSockets

BODY_LIMIT_BYTES = 16 * 1024
"""What is read of an answer's body, after decompression."""

ASKED_FOR = "hubs"

_ABORT = 0  # a callback that takes less than it was given makes libcurl stop
_CONTINUE = 0
_STATUS = re.compile(rb"HTTP/[0-9.]+ ([0-9]{3})\b")
_FIRST_FINAL_STATUS = 200
_TLS = frozenset(
    {
        pycurl.E_SSL_CONNECT_ERROR,
        pycurl.E_PEER_FAILED_VERIFICATION,
        pycurl.E_SSL_CACERT_BADFILE,
    }
)
_IN_WORDS = {
    pycurl.E_COULDNT_RESOLVE_HOST: "its name cannot be resolved",
    pycurl.E_COULDNT_CONNECT: "it takes no connection",
    pycurl.E_GOT_NOTHING: "it closed the connection without an answer",
    pycurl.E_RECV_ERROR: "the connection broke off before an answer came",
    pycurl.E_SEND_ERROR: "the connection broke off while the request was sent",
    pycurl.E_UNSUPPORTED_PROTOCOL: "what came back is not HTTP/1.x",
    pycurl.E_FTP_WEIRD_SERVER_REPLY: "what came back is not HTTP",
}


@dataclass(frozen=True)
class Post:
    """What to send, and where. `headers` are whole lines."""

    url: str
    body: bytes
    headers: tuple[str, ...]
    user_agent: str
    ca_file: str


@dataclass(frozen=True)
class PostOutcome:
    """What came back. `http_status` is None where no whole header came, and `trouble` then says why."""

    http_status: int | None
    headers: dict[str, str]
    body: str
    sent: bool
    trouble: str = ""
    address_refused: bool = False


class HubPost:
    """One POST, to be sent once. A context manager that gives the connection back."""

    def __init__(self, post: Post, rule: AddressRule) -> None:
        self._post = post
        self._sockets = PermittedSockets(rule, ASKED_FOR)
        self._sent = False
        self._lines: list[bytes] = []
        self._status: int | None = None
        self._body = b""
        self._curl = pycurl.Curl()
        self._set_up()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._curl.close()
        self._sockets.close()

    def send(self, timeout_seconds: float) -> PostOutcome:
        """Return what came back within that time, the look-up of the name included.

        An answer counts from the end of its header on: how its body ends changes nothing.
        """
        self._curl.setopt(pycurl.TIMEOUT_MS, max(round(timeout_seconds * 1000), 1))
        trouble = ""
        try:
            self._curl.perform()
        except pycurl.error as error:
            trouble = self._in_words(int(error.args[0]), str(error.args[-1]))
        return PostOutcome(
            http_status=self._status,
            headers=self._headers(),
            body=self._body.decode("utf-8", "replace"),
            sent=self._sent,
            trouble=trouble or "it sent no answer",
            address_refused=bool(self._sockets.refusal),
        )

    def _set_up(self) -> None:
        curl, post = self._curl, self._post
        self._sockets.set_up(curl)
        curl.setopt(pycurl.CAINFO, post.ca_file)
        curl.setopt(pycurl.PREREQFUNCTION, self._note_sending)
        curl.setopt(pycurl.URL, post.url)
        curl.setopt(pycurl.ACCEPT_ENCODING, "gzip")
        curl.setopt(pycurl.USERAGENT, post.user_agent)
        curl.setopt(pycurl.HTTPHEADER, ["Expect:", *post.headers])
        curl.setopt(pycurl.POSTFIELDS, post.body)
        curl.setopt(pycurl.HEADERFUNCTION, self._take_header)
        curl.setopt(pycurl.WRITEFUNCTION, self._take_body)

    def _note_sending(self, *_: object) -> int:
        # libcurl calls this once the connection stands, TLS included, and before the first byte of the request.
        self._sent = True
        return _CONTINUE

    def _take_header(self, line: bytes) -> None:
        if line.startswith(b"HTTP/"):
            self._lines.clear()
        self._lines.append(line)
        if line in (b"\r\n", b"\n"):
            match = _STATUS.match(self._lines[0])
            status = int(match[1]) if match else 0
            self._status = status if status >= _FIRST_FINAL_STATUS else None

    def _take_body(self, piece: bytes) -> int | None:
        self._body += piece[: BODY_LIMIT_BYTES - len(self._body)]
        return _ABORT if len(self._body) >= BODY_LIMIT_BYTES else None

    def _headers(self) -> dict[str, str]:
        pairs = (line.decode("utf-8", "replace").partition(":") for line in self._lines[1:])
        return {name.strip().lower(): value.strip() for name, separator, value in pairs if separator}

    def _in_words(self, code: int, message: str) -> str:
        if self._sockets.refusal:
            return self._sockets.refusal
        if code == pycurl.E_OPERATION_TIMEDOUT:
            return "no answer came in time" if self._sent else "no connection came about in time"
        if code in _TLS:
            return f"no TLS connection: {message}"
        return self._sockets.own_trouble or _IN_WORDS.get(code) or message or f"libcurl error {code}"
