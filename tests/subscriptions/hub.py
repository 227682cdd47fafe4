"""A hub that takes requests for subscriptions and misbehaves as its path says, e.g. http://127.0.0.1:PORT/late/hub.

It believes in a new secret only once the callback has echoed its challenge, as a hub should.
"""

import hashlib
import hmac
import secrets
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qsl

import requests

VERIFIERS = 8
PATIENCE_SECONDS = 30


@dataclass(frozen=True)
class Asked:
    """A request the hub has read to its end."""

    path: str
    headers: Mapping[str, str]
    form: Mapping[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)

    @property
    def callback(self) -> str:
        return self.form["hub.callback"]


class Hub:
    """A hub on 127.0.0.1, over TLS where a context is given. A context manager.

    `asked` are the requests in the order they came, `believed` the secret of each callback, `verified` the
    callbacks in the order of their verifications, and whether each echoed its challenge.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[Asked] = []
        self.believed: dict[str, str] = {}
        self.verified: list[tuple[str, bool]] = []
        self.closing = threading.Event()
        self._times_asked: Counter[tuple[str, str]] = Counter()
        self._withheld: list[Asked] = []
        self._lock = threading.Lock()
        self._verifiers = ThreadPoolExecutor(VERIFIERS, "verifier")
        self._verifications: list[Future[object]] = []
        self._server = _Server(self)
        self._scheme = "https" if tls else "http"
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), name="hub", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._verifiers.shutdown(cancel_futures=True)

    @property
    def port(self) -> int:
        return self._server.server_port

    def url(self, behaviour: str, host: str = "127.0.0.1") -> str:
        """Return the address of a hub; every name under .localhost is a host of its own, and is this one."""
        path = GNU_SOCIAL_PATH if behaviour == "gnusocial" else f"/{behaviour}/hub"
        assert path.split("/")[1] in BEHAVIOURS, behaviour
        return f"{self._scheme}://{host}:{self.port}{path}"

    def times_asked(self, callback: str) -> int:
        """Return how many requests for a callback were read to their end."""
        with self._lock:
            return sum(asked.callback == callback for asked in self.asked)

    def verify_late(self) -> None:
        """Verify what `late` has taken so far, and return when that is done."""
        with self._lock:
            due, self._withheld = self._withheld, []
        for asked in due:
            self.take(asked)
        self.wait_until_verified()

    def wait_until_verified(self) -> None:
        """Return when nothing that was to be verified is left."""
        while pending := [one for one in list(self._verifications) if not one.done()]:
            wait(pending, timeout=PATIENCE_SECONDS)
        for one in list(self._verifications):
            if not one.cancelled():
                one.result()

    def deliver(self, callback: str, body: bytes) -> int:
        """Send a callback something signed with the secret believed in; return the status it answers with."""
        signature = hmac.new(self.believed[callback].encode(), body, hashlib.sha1).hexdigest()
        headers = {"Content-Type": "application/atom+xml", "X-Hub-Signature": f"sha1={signature}"}
        with _session() as session:
            return session.post(callback, data=body, headers=headers, timeout=PATIENCE_SECONDS).status_code

    def read(self, asked: Asked) -> int:
        """Remember a request; return how many times this hub has been asked for its callback."""
        with self._lock:
            self.asked.append(asked)
            self._times_asked[asked.path, asked.callback] += 1
            return self._times_asked[asked.path, asked.callback]

    def is_even(self, path: str) -> bool:
        """Tell whether the request just read is the second, fourth, ... at this path."""
        with self._lock:
            return sum(asked.path == path for asked in self.asked) % 2 == 0

    def withhold(self, asked: Asked) -> None:
        """Keep a request to be verified later."""
        with self._lock:
            self._withheld.append(asked)

    def take(self, asked: Asked, times: int = 1, *, tell_lease: bool = True) -> None:
        """Verify a request soon, so many times in a row."""

        def verify() -> None:
            for _ in range(times):
                self._verify(asked, tell_lease)

        self._soon(verify)

    def deny(self, asked: Asked) -> None:
        """Tell the callback soon that nothing will come of it."""
        words = {"hub.mode": "denied", "hub.topic": asked.form["hub.topic"], "hub.reason": "not for you"}
        self._soon(lambda: self._get(asked.callback, words))

    def _soon(self, work: Callable[[], object]) -> None:
        if not self.closing.is_set():
            self._verifications.append(self._verifiers.submit(work))

    def _verify(self, asked: Asked, tell_lease: bool) -> None:
        challenge = secrets.token_hex(16)
        words = {"hub.mode": "subscribe", "hub.topic": asked.form["hub.topic"], "hub.challenge": challenge}
        if tell_lease:
            words["hub.lease_seconds"] = asked.form["hub.lease_seconds"]
        answer = self._get(asked.callback, words)
        is_meant = answer is not None and answer.ok and answer.text == challenge
        with self._lock:
            self.verified.append((asked.callback, is_meant))
            if is_meant:
                self.believed[asked.callback] = asked.form["hub.secret"]

    def _get(self, callback: str, words: dict[str, str]) -> requests.Response | None:
        try:
            with _session() as session:
                return session.get(callback, params=words, timeout=PATIENCE_SECONDS, allow_redirects=False)
        except requests.ConnectionError:
            return None  # nobody is there to be verified


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def do_POST(self) -> None:
        self.close_connection = True
        behaviour = self.path.split("/")[1]
        if behaviour == "cut":
            return
        asked = self._read()
        BEHAVIOURS[behaviour](self, asked, self.server.hub.read(asked))

    def _read(self) -> Asked:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Asked(self.path, headers, dict(parse_qsl(body.decode(), keep_blank_values=True)), body)

    def answer(self, status: int, text: str = "", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(text.encode())))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(text.encode())

    def drip(self, text: bytes) -> None:
        """Send one byte a second."""
        for byte in text:
            self.wfile.write(bytes([byte]))
            if self.server.hub.closing.wait(1):
                return

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, *_: object) -> None:
        """Say nothing: clients that go away early are part of the tests."""


def _session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # no proxy of this machine's
    return session


_Behaviour = Callable[[_Handler, Asked, int], None]


def _prompt(handler: _Handler, asked: Asked, _time: int) -> None:
    handler.server.hub.take(asked)
    handler.answer(202)


def _silent(handler: _Handler, _asked: Asked, _time: int) -> None:
    handler.answer(202)


def _late(handler: _Handler, asked: Asked, _time: int) -> None:
    handler.server.hub.withhold(asked)
    handler.answer(202)


def _twice(handler: _Handler, asked: Asked, _time: int) -> None:
    handler.server.hub.take(asked, times=2)
    handler.answer(202)


def _deny(handler: _Handler, asked: Asked, _time: int) -> None:
    handler.server.hub.deny(asked)
    handler.answer(202)


def _gnusocial(handler: _Handler, asked: Asked, _time: int) -> None:
    handler.server.hub.take(asked, tell_lease=False)
    handler.answer(202)


def _busy(handler: _Handler, asked: Asked, time: int, **headers: str) -> None:
    if time == 1:
        handler.answer(429, "slow down", **headers)
    else:
        _prompt(handler, asked, time)


def _busy_for_a_second(handler: _Handler, asked: Asked, time: int) -> None:
    _busy(handler, asked, time, Retry_After="1")


def _refuse(handler: _Handler, _asked: Asked, _time: int) -> None:
    handler.answer(422, "Invalid topic URL")


def _echo(handler: _Handler, asked: Asked, _time: int) -> None:
    handler.answer(400, f"cannot\x1b[2J read {asked.body.decode()}")


def _broken(handler: _Handler, _asked: Asked, _time: int) -> None:
    handler.answer(503, "out of order")


def _cut_after_reading(_handler: _Handler, _asked: Asked, _time: int) -> None:
    """Close the connection, and forget the request."""


def _cut_after_taking(handler: _Handler, asked: Asked, _time: int) -> None:
    handler.server.hub.take(asked)


def _every_second(handler: _Handler, asked: Asked, time: int) -> None:
    if not handler.server.hub.is_even(asked.path):
        _prompt(handler, asked, time)


def _elsewhere(handler: _Handler, _asked: Asked, _time: int) -> None:
    handler.answer(307, Location="/prompt/hub")


def _elsewhere_308(handler: _Handler, _asked: Asked, _time: int) -> None:
    handler.answer(308, Location=f"{handler.server.hub.url('prompt')}#top")


def _hesitating(handler: _Handler, _asked: Asked, _time: int) -> None:
    handler.server.hub.closing.wait(1)
    handler.answer(307, Location="/slow-header/hub")


def _inward(handler: _Handler, _asked: Asked, _time: int) -> None:
    handler.answer(307, Location="http://10.0.0.1/hub")


def _moved(handler: _Handler, _asked: Asked, _time: int) -> None:
    handler.answer(302, Location="/prompt/hub")


def _loop(handler: _Handler, asked: Asked, _time: int) -> None:
    handler.answer(307, Location=asked.path)


def _astray(handler: _Handler, _asked: Asked, _time: int) -> None:
    handler.answer(307, Location="file:///etc/passwd")


def _slow(handler: _Handler, asked: Asked, _time: int) -> None:
    handler.server.hub.take(asked)
    handler.wfile.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 100\r\n\r\n")
    handler.drip(b"." * 100)


def _slow_header(handler: _Handler, _asked: Asked, _time: int) -> None:
    handler.drip(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")


def _flood(handler: _Handler, _asked: Asked, _time: int) -> None:
    handler.wfile.write(b"HTTP/1.1 404 Not Found\r\n\r\n")
    while not handler.server.hub.closing.is_set():
        handler.wfile.write(b"no " * 10_000)


def _not_http(handler: _Handler, _asked: Asked, _time: int) -> None:
    handler.wfile.write(b"220 mail.example ESMTP\r\n")


GNU_SOCIAL_PATH = "/main/push/hub"
BEHAVIOURS: Mapping[str, _Behaviour] = {
    "prompt": _prompt,
    "silent": _silent,
    "late": _late,
    "twice": _twice,
    "deny": _deny,
    "main": _gnusocial,
    "busy": _busy,
    "busy-for-a-second": _busy_for_a_second,
    "refuse": _refuse,
    "echo": _echo,
    "broken": _broken,
    "cut": _cut_after_reading,
    "cut-after-reading": _cut_after_reading,
    "cut-after-taking": _cut_after_taking,
    "every-second": _every_second,
    "elsewhere": _elsewhere,
    "elsewhere-308": _elsewhere_308,
    "hesitating": _hesitating,
    "inward": _inward,
    "moved": _moved,
    "loop": _loop,
    "astray": _astray,
    "slow": _slow,
    "slow-header": _slow_header,
    "flood": _flood,
    "not-http": _not_http,
}
