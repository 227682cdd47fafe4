"""A proxy before an S3 server that does to requests what networks and stores do to them.

It passes every byte on as it came, so that signatures stay right, and remembers what was asked for.
"""

import asyncio
import socket
import struct
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from urllib.parse import unquote

from tests.media.http_head import Head, read_head

_CHUNK_BYTES = 1 << 16
_NO_BODY = {204, 304}


class Fault(StrEnum):
    """What happens to one request."""

    INTERNAL_ERROR = "500"
    UNAVAILABLE = "503"
    SLOW_DOWN = "503 with Retry-After"
    TOO_MANY_REQUESTS = "429"
    FORBIDDEN = "403"
    REFUSED_EARLY = "503 before the body was read, and the connection closed"
    RESET = "reset before the store heard of it"
    DONE_AND_RESET = "reset after the store has done it"
    DONE_AND_LOST = "500 after the store has done it"
    CUT_SHORT = "an answer that ends in its middle"
    FLIPPED_ANSWER = "a wrong bit in the body of the answer"
    FLIPPED_REQUEST = "a wrong bit in the body of the request"
    STALLED = "an answer that stands still in its middle"
    ERROR_INSIDE = "200, and an error in its body"


PASSING = tuple(fault for fault in Fault if fault not in {Fault.FORBIDDEN, Fault.STALLED, Fault.ERROR_INSIDE})
"""What a second try may mend, and takes no longer than that try."""

_STATUS = {
    Fault.INTERNAL_ERROR: (500, "InternalError", ""),
    Fault.UNAVAILABLE: (503, "ServiceUnavailable", ""),
    Fault.SLOW_DOWN: (503, "SlowDown", "Retry-After: 1\r\n"),
    Fault.TOO_MANY_REQUESTS: (429, "TooManyRequests", ""),
    Fault.FORBIDDEN: (403, "AccessDenied", ""),
    Fault.REFUSED_EARLY: (503, "SlowDown", "Connection: close\r\n"),
    Fault.DONE_AND_LOST: (500, "InternalError", ""),
    Fault.ERROR_INSIDE: (200, "InternalError", ""),
}


@dataclass(frozen=True)
class Asked:
    """One request. `key` is decoded and empty for the bucket itself; the names of headers are in lower case."""

    method: str
    key: str
    query: str
    headers: dict[str, str]

    @property
    def moves_data(self) -> bool:
        """Whether the bytes of an object are read or written."""
        about = {word.partition("=")[0] for word in self.query.split("&")}
        return bool(self.key) and self.method in {"GET", "PUT"} and "acl" not in about


Choice = Callable[[Asked], Fault | None]


class RandomFaults:
    """Chooses a fault for some requests, for the same one at most twice, so that some try of each comes through."""

    def __init__(self, chance: Random, rate: float, faults: tuple[Fault, ...] = PASSING) -> None:
        self.chosen: dict[Fault, int] = dict.fromkeys(faults, 0)
        self._chance = chance
        self._rate = rate
        self._faults = faults
        self._times: dict[tuple[str, str, str], int] = {}

    def __call__(self, asked: Asked) -> Fault | None:
        what = (asked.method, asked.key, asked.query)
        times = self._times.get(what, 0)
        if times >= 2 or self._chance.random() >= self._rate:
            return None
        self._times[what] = times + 1
        fault = self._chance.choice(self._faults)
        self.chosen[fault] += 1
        return fault


class FaultProxy:
    """Stands before one S3 server on a port of its own. `choose` is asked at each request, in the proxy's thread."""

    def __init__(self, store_port: int) -> None:
        self.port = 0
        self.choose: Choice = lambda _: None
        self.asked: list[Asked] = []
        self._store_port = store_port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault proxy", daemon=True)
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def asked_for(self, method: str, key: str) -> list[Asked]:
        """Return the requests for one object, oldest first."""
        return [asked for asked in self.asked if (asked.method, asked.key) == (method, key)]

    def data_requests(self) -> list[Asked]:
        """Return the requests that read or write an object's bytes."""
        return [asked for asked in self.asked if asked.moves_data]

    def start(self) -> None:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(timeout=10)

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(timeout=10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=_CHUNK_BYTES * 4)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        client = _Connection(reader, writer)
        store = await _connect(self._store_port)
        try:
            with suppress(OSError, EOFError, asyncio.CancelledError):
                while await self._pass_one(client, store):
                    pass
        finally:
            self._connections.discard(task)
            store.close()
            client.close()

    async def _pass_one(self, client: "_Connection", store: "_Connection") -> bool:
        """Pass one request on; False where the connection is over."""
        request = await read_head(client.reader)
        if request is None:
            return False
        asked = _asked(request)
        self.asked.append(asked)
        exchange = _Exchange(request, client, store, self.choose(asked))
        return await exchange.run()


@contextmanager
def fault_proxy(store_port: int) -> Iterator[FaultProxy]:
    """Give a proxy that does nothing to any request until `choose` is set."""
    proxy = FaultProxy(store_port)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()


def _asked(request: Head) -> Asked:
    method, target, _ = request.first_line.split(" ", 2)
    path, _, query = target.partition("?")
    key = path.removeprefix("/").partition("/")[2]
    return Asked(method, unquote(key), query, request.headers)


@dataclass
class _Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def close(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        """Close so that the other side is told of an error instead of an end."""
        made = self.writer.get_extra_info("socket")
        made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


async def _connect(port: int) -> _Connection:
    return _Connection(*await asyncio.open_connection("127.0.0.1", port, limit=_CHUNK_BYTES * 4))


@dataclass
class _Exchange:
    """One request and its answer, and what happens to them."""

    request: Head
    client: _Connection
    store: _Connection
    fault: Fault | None

    async def run(self) -> bool:
        """Return whether the client may send another request on its connection."""
        if self.fault is Fault.RESET:
            self.client.reset()
            return False
        if "expect" in self.request.headers:
            self.client.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if self.fault in _STATUS and self.fault is not Fault.DONE_AND_LOST:
            return await self._answer_instead()
        await self._send_request()
        return await self._send_answer()

    async def _answer_instead(self) -> bool:
        if self.fault is not Fault.REFUSED_EARLY:
            await self._drop(self.client.reader, self.request.length)
        await self._answer_with_error()
        return self.fault is not Fault.REFUSED_EARLY

    async def _answer_with_error(self) -> None:
        assert self.fault is not None
        status, code, headers = _STATUS[self.fault]
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>for a test</Message></Error>".encode()
        head = f"HTTP/1.1 {status} Trouble\r\nContent-Length: {len(body)}\r\nContent-Type: application/xml\r\n"
        is_head = self.request.first_line.startswith("HEAD ")
        self.client.writer.write((head + headers + "\r\n").encode() + (b"" if is_head else body))
        await self.client.writer.drain()

    async def _send_request(self) -> None:
        self.store.writer.write(self.request.raw)
        flipped = self.fault is Fault.FLIPPED_REQUEST
        async for chunk in _body(self.client.reader, self.request.length):
            self.store.writer.write(_flip(chunk) if flipped else chunk)
            await self.store.writer.drain()
            flipped = False

    async def _send_answer(self) -> bool:
        answer = await read_head(self.store.reader)
        while answer is not None and answer.status == 100:
            answer = await read_head(self.store.reader)
        if answer is None:
            return False
        length = self._length_of(answer)
        if self.fault is Fault.DONE_AND_LOST or self.fault is Fault.DONE_AND_RESET:
            return await self._lose(answer, length)
        self.client.writer.write(answer.raw)
        return await self._send_body(answer, length) and answer.headers.get("connection", "").lower() != "close"

    async def _lose(self, answer: Head, length: int) -> bool:
        await self._drop_body(answer, length)
        if self.fault is Fault.DONE_AND_RESET:
            self.client.reset()
            return False
        await self._answer_with_error()
        return True

    async def _send_body(self, answer: Head, length: int) -> bool:
        if answer.is_chunked and length:
            await self._send_chunks()
            return True
        left = length // 2 if self.fault in {Fault.CUT_SHORT, Fault.STALLED} else length
        flipped = self.fault is Fault.FLIPPED_ANSWER
        async for chunk in _body(self.store.reader, left):
            self.client.writer.write(_flip(chunk) if flipped else chunk)
            await self.client.writer.drain()
            flipped = False
        if self.fault is Fault.STALLED:
            await self.client.writer.drain()
            await self.client.reader.read()  # until the client has had enough
        return self.fault not in {Fault.CUT_SHORT, Fault.STALLED}

    async def _send_chunks(self) -> None:
        size = -1
        while size != 0:
            line = await self.store.reader.readline()
            size = int(line.split(b";")[0], 16)
            self.client.writer.write(line + await self.store.reader.readexactly(size + 2))
            await self.client.writer.drain()

    def _length_of(self, answer: Head) -> int:
        without_body = self.request.first_line.startswith("HEAD ") or answer.status in _NO_BODY
        return 0 if without_body else (1 if answer.is_chunked else answer.length)

    async def _drop_body(self, answer: Head, length: int) -> None:
        if not (answer.is_chunked and length):
            await self._drop(self.store.reader, length)
            return
        size = -1
        while size != 0:
            size = int((await self.store.reader.readline()).split(b";")[0], 16)
            await self._drop(self.store.reader, size + 2)

    async def _drop(self, reader: asyncio.StreamReader, length: int) -> None:
        async for _ in _body(reader, length):
            pass


async def _body(reader: asyncio.StreamReader, length: int) -> AsyncIterator[bytes]:
    left = length
    while left:
        chunk = await reader.read(min(left, _CHUNK_BYTES))
        if not chunk:
            raise EOFError
        left -= len(chunk)
        yield chunk


def _flip(chunk: bytes) -> bytes:
    middle = len(chunk) // 2
    return chunk[:middle] + bytes([chunk[middle] ^ 1]) + chunk[middle + 1 :]
