"""A libcurl handle, set up for one request and asked how it went."""

import ssl
import time
from typing import Self
from urllib.parse import urlsplit

import pycurl

from exporter import __version__
from exporter.config.model import DEFAULT_PORTS
from exporter.probes.connections import Gate
from exporter.probes.curl_failure import failure_of
from exporter.probes.receiver import Receiver
from exporter.probes.request import Answer, Request
from exporter.probes.result import Failure, Phases, Reason

USER_AGENT = f"mastodon-exporter/{__version__}"
_KEY_EXCHANGES = "X25519:P-256:P-384:P-521"  # what every server has; newer ones cost more time than the request


class CurlHandle:
    """A libcurl handle set up for one request; gives everything back when left."""

    def __init__(self, request: Request, receiver: Receiver, gate: Gate) -> None:
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

    def _set_up_request(self, request: Request, receiver: Receiver) -> None:
        curl = self.curl
        curl.setopt(pycurl.URL, request.url)
        curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        curl.setopt(pycurl.ACCEPT_ENCODING, "gzip, deflate")
        curl.setopt(pycurl.USERAGENT, USER_AGENT)
        curl.setopt(pycurl.HTTPHEADER, list(request.headers))
        curl.setopt(pycurl.HEADERFUNCTION, receiver.take_header)
        curl.setopt(pycurl.WRITEFUNCTION, receiver.take_body)
        if request.method == "POST":
            curl.setopt(pycurl.POSTFIELDS, b"")

    def limit(self, seconds: float) -> None:
        """Have libcurl end the transfer after so many seconds."""
        self.curl.setopt(pycurl.TIMEOUT_MS, max(round(seconds * 1000), 1))

    def look_at_certificate_only(self) -> None:
        """Shake hands with whoever is there, and ask for nothing."""
        self.curl.setopt(pycurl.SSL_VERIFYPEER, 0)
        self.curl.setopt(pycurl.SSL_VERIFYHOST, 0)
        self.curl.setopt(pycurl.CONNECT_ONLY, 1)

    def failure(self, code: int, message: str) -> Failure | None:
        """Return what a libcurl error stands for; None where the end was wanted."""
        if self._receiver.complete:
            return None
        if code == pycurl.E_OPERATION_TIMEDOUT:
            return Failure(Reason.TIMEOUT, self.progress())
        known = self._gate.failure() or self._receiver.failure()
        return known or failure_of(code, message, self.curl.getinfo(pycurl.OS_ERRNO))

    def progress(self) -> str:
        """Return in words how far the transfer has got."""
        if self._gate.opened and not self.curl.getinfo(pycurl.CONNECT_TIME):
            return "no answer to the attempt to connect"
        if self._is_shaking_hands():
            return "the TLS handshake did not end"
        if not self._receiver.begun:
            return "connected, but no answer came"
        if not self._receiver.body_bytes:
            return "the answer's header did not end, or no body followed it"
        return f"the body did not end; {self._receiver.body_bytes} bytes of it came"

    def answer(self, failure: Failure | None) -> Answer:
        """Return what has come."""
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
        """Return when the server's own certificate ends; None without a handshake in this transfer."""
        chain = self.curl.getinfo(pycurl.INFO_CERTINFO)
        ends = dict(chain[0]).get("Expire date") if chain else None
        try:
            return float(ssl.cert_time_to_seconds(ends)) if ends else None
        except ValueError:
            return None  # OpenSSL prints a malformed date as such

    def _phases(self, total: float) -> Phases:
        connected = self.curl.getinfo(pycurl.CONNECT_TIME)
        if self._gate.opened and not connected:
            return Phases(connect=total)
        if self._is_shaking_hands():
            return Phases(connect=connected, tls=total - connected)
        asked = self.curl.getinfo(pycurl.APPCONNECT_TIME) or connected
        answered = self.curl.getinfo(pycurl.STARTTRANSFER_TIME) if self._receiver.begun else total
        return Phases(0.0, connected, asked - connected, max(answered - asked, 0.0), max(total - answered, 0.0))

    def _is_shaking_hands(self) -> bool:
        encrypted = self._request.url.startswith("https:")
        return encrypted and self._gate.opened and not self.curl.getinfo(pycurl.APPCONNECT_TIME)


def pin(url: str, addresses: tuple[str, ...]) -> str:
    """Return libcurl's way of saying that a URL's host lies at these addresses and nowhere else."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    shown = (f"[{address}]" if ":" in address else address for address in addresses)
    return f"{host}:{parts.port or DEFAULT_PORTS[parts.scheme]}:{','.join(shown)}"
