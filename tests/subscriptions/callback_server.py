"""The part of Mastodon 2.9 that hubs talk to: /api/subscriptions/<account id>, over a real database."""

import hashlib
import hmac
import html
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import psycopg2

_DEFAULT_LEASE_SECONDS = 86400
_PATH = re.compile(r"/api/subscriptions/([0-9]{1,18})")
_LEADING_NUMBER = re.compile(r"\s*([+-]?[0-9]+)")


class CallbackServer:
    """Mastodon's callbacks on 127.0.0.1. A context manager.

    `deliveries` are the account id of everything that hubs delivered, and whether it was signed with the secret
    in the database: Mastodon answers 200 either way, and throws away what is not.
    """

    def __init__(self, database_url: str) -> None:
        self.deliveries: list[tuple[int, bool]] = []
        self.asked: list[tuple[int, str]] = []
        self._database = psycopg2.connect(database_url)
        self._database.autocommit = True
        self._lock = threading.Lock()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), name="callbacks", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        with self._lock:
            self._database.close()

    @property
    def url(self) -> str:
        """The address of the instance."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def callback(self, account_id: int) -> str:
        """Return the callback that Mastodon names for an account."""
        return f"{self.url}/api/subscriptions/{account_id}"

    def verify(self, account_id: int, query: dict[str, list[str]]) -> bool:
        """Move the expiry where the topic is right, whatever the mode; tell whether it was."""
        self.asked.append((account_id, query.get("hub.mode", [""])[0]))
        found = self._run("SELECT remote_url FROM accounts WHERE id = %s", account_id)
        if not found or query.get("hub.topic", [None])[0] != found[0][0]:
            return False
        statement = (
            "UPDATE accounts SET updated_at = now() AT TIME ZONE 'utc',"
            " subscription_expires_at = now() AT TIME ZONE 'utc' + %s * interval '1 second' WHERE id = %s RETURNING id"
        )
        return bool(self._run(statement, _lease_seconds(query), account_id))

    def take(self, account_id: int, body: bytes, signature: str) -> bool:
        """Note a delivery; tell whether there is such an account."""
        found = self._run("SELECT secret FROM accounts WHERE id = %s", account_id)
        if not found:
            return False
        expected = "sha1=" + hmac.new(found[0][0].encode(), body, hashlib.sha1).hexdigest()
        self.deliveries.append((account_id, hmac.compare_digest(expected, signature.lower())))
        return True

    def _run(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        with self._lock, self._database.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall()


def _lease_seconds(query: dict[str, list[str]]) -> int:
    """Return what Ruby's to_i makes of the lease: the number it begins with, else 0; a day if none is told."""
    if "hub.lease_seconds" not in query:
        return _DEFAULT_LEASE_SECONDS
    match = _LEADING_NUMBER.match(query["hub.lease_seconds"][0])
    return int(match[1]) if match else 0


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def do_GET(self) -> None:
        account_id = self._account_id()
        query = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        if account_id is None or not self.server.callbacks.verify(account_id, query):
            self._answer(404)
        else:
            self._answer(200, html.escape(query.get("hub.challenge", [""])[0]))

    def do_POST(self) -> None:
        account_id = self._account_id()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        signature = self.headers.get("X-Hub-Signature", "")
        is_known = account_id is not None and self.server.callbacks.take(account_id, body, signature)
        self._answer(200 if is_known else 404)

    def _account_id(self) -> int | None:
        match = _PATH.fullmatch(urlsplit(self.path).path)
        return int(match[1]) if match else None

    def _answer(self, status: int, text: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, callbacks: CallbackServer) -> None:
        self.callbacks = callbacks
        super().__init__(("127.0.0.1", 0), _Handler)
