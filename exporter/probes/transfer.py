"""One HTTP request over libcurl: bounded in time and memory, to addresses that a rule permits."""

import asyncio
import socket
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Self
from urllib.parse import urlsplit

import pycurl

from exporter import __version__
from exporter.addresses import AddressRule
from exporter.config.model import DEFAULT_PORTS
from exporter.probes.curl_failure import failed_verification, failure_of
from exporter.probes.result import Failure, Phases, Reason

BODY_LIMIT_BYTES = 2 * 1024 * 1024
"""What is read of a body, after decompression."""

HEADER_LIMIT_BYTES = 256 * 1024
_KEY_EXCHANGES = "X25519:P-256:P-384:P-521"  # what every server has; newer ones cost more time than the request
USER_AGENT = f"mastodon-exporter/{__version__}"
_GRACE_SECONDS = 0.1  # libcurl keeps the deadline itself, and then knows how far it got; this is the net below
_ABORT = 0  # a callback that takes less than it was given makes libcurl stop
Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Request:
    """What to ask. `addresses` are those of the URL's host; `rule` None means: given by the administrator."""

    url: str
    addresses: tuple[str, ...]
    ca_file: str
    headers: tuple[str, ...] = ()
    rule: AddressRule | None = None
    headers_only: bool = False


@dataclass(frozen=True)
class Answer:
    """What came back. With a failure, the rest holds what had come until then."""

    failure: Failure | None = None
    status: int | None = None
    headers: Headers = ()
    body: bytes = b""
    truncated: bool = False
    address: str = ""
    phases: Phases = Phases()
    certificate_expiry_timestamp_seconds: float | None = None


class Connections:
    """The connections of one visitor, kept from one request to the next. To be closed.

    Every visitor begins without any, and takes up no TLS session of another: what is probed is what
    somebody new meets.
    """

    def __init__(self) -> None:
        self.share = pycurl.CurlShare()
        self.share.setopt(pycurl.SH_SHARE, pycurl.LOCK_DATA_CONNECT)
        # The addresses of these requests stay out of libcurl's common DNS cache, too.
        self.share.setopt(pycurl.SH_SHARE, pycurl.LOCK_DATA_DNS)
        self._sockets: list[socket.socket] = []

    def open(self, address: Any) -> socket.socket:
        """Open a socket for libcurl, which works on a duplicate of it."""
        self._sockets.append(socket.socket(address.family, address.socktype, address.protocol))
        return self._sockets[-1]

    def close(self) -> None:
        """Close every connection."""
        self.share.close()
        for opened in self._sockets:
            opened.close()


class Transfers:
    """Runs requests side by side on one event loop, all through one libcurl handle."""

    def __init__(self) -> None:
        self._multi = pycurl.AsyncCurlMulti()

    async def perform(self, request: Request, connections: Connections, deadline: float) -> Answer:
        """Return the answer, at the latest at the deadline (in the loop's time). Leaves nothing running."""
        receiver = _Receiver(request.headers_only)
        gate = _Gate(request.rule, connections)
        with _Handle(request, receiver, gate) as handle:
            failure, code = await self._run(handle.curl, receiver, gate, deadline)
            answer = handle.answer(failure)
        if failed_verification(code):
            return await self._with_certificate(answer, request, connections, deadline)
        return answer

    async def aclose(self) -> None:
        """Drop every transfer that still runs."""
        await self._multi.aclose()

    async def _run(
        self, curl: pycurl.Curl, receiver: "_Receiver", gate: "_Gate", deadline: float
    ) -> tuple[Failure | None, int]:
        remaining_seconds = deadline - asyncio.get_running_loop().time()
        curl.setopt(pycurl.TIMEOUT_MS, max(round(remaining_seconds * 1000), 1))
        try:
            async with asyncio.timeout(remaining_seconds + _GRACE_SECONDS):
                await self._multi.add_handle(curl)
        except TimeoutError:
            return Failure(Reason.TIMEOUT, _progress(curl, receiver)), 0
        except pycurl.error as error:
            if receiver.complete:
                return None, 0
            code, message = int(error.args[0]), str(error.args[-1])
            if code == pycurl.E_OPERATION_TIMEDOUT:
                return Failure(Reason.TIMEOUT, _progress(curl, receiver)), code
            return gate.failure() or receiver.failure() or failure_of(
                code, message, curl.getinfo(pycurl.OS_ERRNO)
            ), code
        finally:
            with suppress(RuntimeError):  # it is no longer there where it has ended by itself
                self._multi.remove_handle(curl)
        return None, 0

    async def _with_certificate(
        self, answer: Answer, request: Request, connections: Connections, deadline: float
    ) -> Answer:
        """Shake hands once more without verifying, only to learn when the refused certificate ends."""
        with _Handle(request, _Receiver(False), _Gate(request.rule, connections)) as handle:
            handle.look_at_certificate_only()
            with suppress(TimeoutError, pycurl.error):
                async with asyncio.timeout_at(deadline):
                    await self._multi.add_handle(handle.curl)
            with suppress(RuntimeError):
                self._multi.remove_handle(handle.curl)
            expiry = handle.certificate_expiry()
        return replace(answer, certificate_expiry_timestamp_seconds=expiry)


class _Gate:
    """Opens sockets to permitted addresses only: the last moment before a packet leaves."""

    def __init__(self, rule: AddressRule | None, connections: Connections) -> None:
        self.connections = connections
        self._rule = rule
        self._refused: list[str] = []
        self._opened = False

    def open(self, _purpose: int, address: Any) -> socket.socket | int:
        literal = str(address.addr[0])
        if self._rule is not None and not self._rule.permits(literal):
            self._refused.append(literal)
            return pycurl.SOCKET_BAD
        self._opened = True
        return self.connections.open(address)

    def failure(self) -> Failure | None:
        if self._opened or not self._refused:
            return None
        return Failure(Reason.ADDRESS, f"refused to connect to {self._refused[0]}: third-party text led there")


class _Receiver:
    """Takes header lines and body pieces from libcurl, up to the limits."""

    def __init__(self, headers_only: bool) -> None:
        self._headers_only = headers_only
        self._lines: list[bytes] = []
        self._header_bytes = 0
        self._pieces: list[bytes] = []
        self.body_bytes = 0
        self.truncated = False
        self.complete = False

    def take_header(self, line: bytes) -> int | None:
        if line.startswith(b"HTTP/"):
            self._lines.clear()
        self._header_bytes += len(line)
        if self._header_bytes > HEADER_LIMIT_BYTES:
            return _ABORT
        self._lines.append(line)
        if self._headers_only and line in (b"\r\n", b"\n") and not self._interim():
            self.complete = True
            return _ABORT
        return None

    def _interim(self) -> bool:
        status = self._lines[0].partition(b" ")[2]
        return status.startswith(b"1") and not status.startswith(b"101")

    def take_body(self, piece: bytes) -> int | None:
        room = BODY_LIMIT_BYTES - self.body_bytes
        self._pieces.append(piece[:room])
        self.body_bytes += min(len(piece), room)
        if len(piece) <= room:
            return None
        self.truncated = self.complete = True
        return _ABORT

    def failure(self) -> Failure | None:
        if self._header_bytes <= HEADER_LIMIT_BYTES:
            return None
        return Failure(Reason.PROTOCOL, f"the header is larger than {HEADER_LIMIT_BYTES // 1024} KiB")

    @property
    def begun(self) -> bool:
        return self._header_bytes > 0

    @property
    def body(self) -> bytes:
        return b"".join(self._pieces)

    def headers(self) -> Headers:
        pairs = (line.decode("utf-8", "replace").partition(":") for line in self._lines[1:])
        return tuple((name.strip().lower(), value.strip()) for name, separator, value in pairs if separator)


class _Handle:
    """A libcurl handle set up for one request; gives everything back when left."""

    def __init__(self, request: Request, receiver: _Receiver, gate: _Gate) -> None:
        self._request = request
        self._receiver = receiver
        self._gate = gate
        self._started = time.perf_counter()
        self.curl = pycurl.Curl()
        self._set_up_connection(request)
        self._set_up_request(request, receiver)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.curl.close()

    def _set_up_connection(self, request: Request) -> None:
        curl = self.curl
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.PROXY, "")
        curl.setopt(pycurl.SSL_SESSIONID_CACHE, 0)
        curl.setopt(pycurl.SSL_EC_CURVES, _KEY_EXCHANGES)
        curl.setopt(pycurl.OPT_CERTINFO, 1)
        curl.setopt(pycurl.CAINFO, request.ca_file)
        curl.setopt(pycurl.OPENSOCKETFUNCTION, self._gate.open)
        curl.setopt(pycurl.SHARE, self._gate.connections.share)
        curl.setopt(pycurl.RESOLVE, [pin(request.url, request.addresses)])

    def _set_up_request(self, request: Request, receiver: _Receiver) -> None:
        curl = self.curl
        curl.setopt(pycurl.URL, request.url)
        curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        curl.setopt(pycurl.ACCEPT_ENCODING, "gzip, deflate")
        curl.setopt(pycurl.USERAGENT, USER_AGENT)
        curl.setopt(pycurl.HTTPHEADER, list(request.headers))
        curl.setopt(pycurl.HEADERFUNCTION, receiver.take_header)
        curl.setopt(pycurl.WRITEFUNCTION, receiver.take_body)

    def look_at_certificate_only(self) -> None:
        self.curl.setopt(pycurl.SSL_VERIFYPEER, 0)
        self.curl.setopt(pycurl.SSL_VERIFYHOST, 0)
        self.curl.setopt(pycurl.CONNECT_ONLY, 1)

    def answer(self, failure: Failure | None) -> Answer:
        return Answer(
            failure=failure,
            status=self.curl.getinfo(pycurl.RESPONSE_CODE) or None,
            headers=self._receiver.headers(),
            body=self._receiver.body,
            truncated=self._receiver.truncated,
            address=self.curl.getinfo(pycurl.PRIMARY_IP) or "",
            phases=self._phases(time.perf_counter() - self._started),
            certificate_expiry_timestamp_seconds=self.certificate_expiry(),
        )

    def certificate_expiry(self) -> float | None:
        chain = self.curl.getinfo(pycurl.INFO_CERTINFO)
        ends = dict(chain[0]).get("Expire date") if chain else None
        return float(ssl.cert_time_to_seconds(ends)) if ends else None

    def _phases(self, total: float) -> Phases:
        connected = self.curl.getinfo(pycurl.CONNECT_TIME)
        if not connected:
            return Phases(connect=total)
        encrypted = self.curl.getinfo(pycurl.APPCONNECT_TIME)
        if self._request.url.startswith("https:") and not encrypted:
            return Phases(connect=connected, tls=total - connected)
        asked = encrypted or connected
        answered = self.curl.getinfo(pycurl.STARTTRANSFER_TIME) if self._receiver.begun else total
        return Phases(0.0, connected, asked - connected, max(answered - asked, 0.0), max(total - answered, 0.0))


def pin(url: str, addresses: tuple[str, ...]) -> str:
    """Return libcurl's way of saying that a URL's host lies at these addresses and nowhere else."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    shown = (f"[{address}]" if ":" in address else address for address in addresses)
    return f"{host}:{parts.port or DEFAULT_PORTS[parts.scheme]}:{','.join(shown)}"


def _progress(curl: pycurl.Curl, receiver: _Receiver) -> str:
    if not curl.getinfo(pycurl.CONNECT_TIME):
        return "no answer to the attempt to connect"
    if not curl.getinfo(pycurl.APPCONNECT_TIME) and curl.getinfo(pycurl.EFFECTIVE_URL).startswith("https:"):
        return "the TLS handshake did not end"
    if not receiver.begun:
        return "connected, but no answer came"
    if not receiver.body_bytes:
        return "the answer's header did not end, or no body followed it"
    return f"the body did not end; {receiver.body_bytes} bytes of it came"
