"""A connection to PostgreSQL that never waits without end: not for a silent server, and not past a signal.

libpq's own waiting ends only when the server speaks or the network breaks, and no handler of a signal runs meanwhile.
So these connections are asynchronous inside, each for itself, and wait here.
"""

import select
import socket
import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, cast

import psycopg2
from psycopg2.extensions import POLL_OK, POLL_READ, POLL_WRITE, connection, cursor

from exporter.errors import DatabaseError

Parameters = Mapping[str, str | int]
"""What libpq is told, by its names."""

_EVENTS: Mapping[int, int] = {POLL_READ: select.POLLIN, POLL_WRITE: select.POLLOUT}
_SHORTEST_CONNECT_TIMEOUT_SECONDS = 2  # as in libpq


class Silence(psycopg2.OperationalError):
    """The server has not answered in time; the connection is closed."""


class WaitingCursor(cursor):
    """A cursor whose statements have ended when `execute` returns; of psycopg2's other ways to ask it knows none."""

    def execute(self, query: Any, vars: Any = None) -> None:  # noqa: A002 - psycopg2 calls it so
        """Have a statement carried out; raises psycopg2.Error, and Silence among these."""
        super().execute(query, vars)
        cast(WaitingConnection, self.connection).wait()


class WaitingConnection(connection):
    """Each statement is committed by itself, unless a transaction is begun by hand."""

    silence_seconds: float
    """How long the server may take for one statement, and for all of its answer."""

    def wait(self) -> None:
        """Return when the statement under way has ended; raises psycopg2.Error, and Silence among these."""
        if not self.has_ended_within(self.silence_seconds):
            self.close()
            raise Silence(f"no answer within {self.silence_seconds:g} s")

    def has_ended_within(self, seconds: float | None) -> bool:
        """Wait for what is under way, without end where no time is told; raises psycopg2.Error where it failed."""
        give_up = None if seconds is None else time.monotonic() + seconds
        waiting = select.poll()
        while (state := self.poll()) != POLL_OK:
            descriptor = self.fileno()  # another one for each address that is tried
            waiting.register(descriptor, _EVENTS[state])
            # Handlers of signals run meanwhile.
            if not waiting.poll(None if give_up is None else max(0.0, give_up - time.monotonic()) * 1000):
                return False
            waiting.unregister(descriptor)
        return True


class _Place(NamedTuple):
    host: str
    port: str
    hostaddr: str


class _ConnectSilence(Silence):
    def __init__(self, host: str, server: str) -> None:
        super().__init__(f"connection to server {server} failed: timeout expired")
        self.host = host


def connect(parameters: Parameters, silence_seconds: float) -> WaitingConnection:
    """Return a connection where each statement may take so long.

    Each address of the server has `connect_timeout` seconds to answer. Raises psycopg2.Error and DatabaseError.
    """
    limit_seconds = _connect_timeout_seconds(parameters)
    try:
        opened = _opened(parameters, limit_seconds)
    except _ConnectSilence as silence:
        opened = _opened_elsewhere(parameters, limit_seconds, silence)
    opened.silence_seconds = silence_seconds
    return opened


def _connect_timeout_seconds(parameters: Parameters) -> float | None:
    try:
        told = int(parameters.get("connect_timeout", 0))
    except ValueError:
        raise DatabaseError("connect_timeout of the database must be a whole number of seconds") from None
    return max(told, _SHORTEST_CONNECT_TIMEOUT_SECONDS) if told > 0 else None


def _opened(parameters: Parameters, limit_seconds: float | None) -> WaitingConnection:
    told: dict[str, Any] = dict(parameters)
    opened: WaitingConnection = psycopg2.connect(
        connection_factory=WaitingConnection, cursor_factory=WaitingCursor, async_=True, **told
    )
    try:
        if opened.has_ended_within(limit_seconds):
            return opened
        raise _ConnectSilence(opened.info.host, _server(opened))
    except Silence:
        opened.close()
        raise
    except psycopg2.OperationalError as error:
        raise psycopg2.OperationalError(_with_server(str(error), opened)) from None


def _with_server(said: str, failed: connection) -> str:
    """Return libpq's words with the server that they are of, which it loses of the first one it tries."""
    _, named, rest = said.partition("connection to server ")
    return f"{named}{rest}" if named else f"connection to server {_server(failed)} failed: {said}"


def _server(tried: connection) -> str:
    host, port = tried.info.host, tried.info.port
    if host.startswith(("/", "@")):
        return f'on socket "{host}/.s.PGSQL.{port}"'
    return f'at "{host}", port {port}'


def _opened_elsewhere(
    parameters: Parameters, limit_seconds: float | None, silence: _ConnectSilence
) -> WaitingConnection:
    """Connect without the addresses that say nothing: libpq leaves one by itself only where it is refused."""
    places = list(_places(parameters))
    while True:
        silent = next((place for place in places if place.host == silence.host), None)
        if silent is None or len(places) == 1:
            raise silence
        places.remove(silent)
        left = {name: ",".join(values) for name, values in zip(_Place._fields, zip(*places, strict=True), strict=True)}
        try:
            return _opened({**parameters, **left}, limit_seconds)
        except _ConnectSilence as another:
            silence = another


def _places(parameters: Parameters) -> Iterator[_Place]:
    """Yield every address of every host, in the order in which libpq tries them; none where that cannot be told."""
    if "host" not in parameters or "hostaddr" in parameters:
        return
    hosts = str(parameters["host"]).split(",")
    ports = str(parameters.get("port", "")).split(",")
    for host, port in zip(hosts, ports if len(ports) == len(hosts) else ports * len(hosts), strict=False):
        yield from (_Place(host, port, address) for address in _addresses(host))


def _addresses(host: str) -> list[str]:
    if not host or host.startswith(("/", "@")):
        return [""]  # a socket
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return [""]  # libpq says what is wrong with it
    return [str(address[0]) for *_, address in found]
