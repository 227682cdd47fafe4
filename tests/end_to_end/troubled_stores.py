"""Ports of stores that are there and say nothing, each in its own way."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress

Trouble = Callable[[], AbstractContextManager[int]]

_DRIP_SECONDS = 0.2


@contextmanager
def silent() -> Iterator[int]:
    """Give a port that takes connections, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


@contextmanager
def dropping() -> Iterator[int]:
    """Give a port whose queue is full, so that the kernel drops further attempts to connect."""
    with socket.socket() as listener, ExitStack() as fillers:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = fillers.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield int(listener.getsockname()[1])


@contextmanager
def dripping() -> Iterator[int]:
    """Give a port that answers a byte from time to time, and never to the end."""
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(_DRIP_SECONDS)
        dripping = threading.Thread(target=_drip, args=(listener, ended))
        dripping.start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            ended.set()
            dripping.join()


def _drip(listener: socket.socket, ended: threading.Event) -> None:
    with ExitStack() as taken:
        connections: list[socket.socket] = []
        while not ended.is_set():
            with suppress(TimeoutError):
                connections.append(taken.enter_context(listener.accept()[0]))
                connections[-1].send(b"+")  # with which a word of Redis begins
            for connection in connections:
                with suppress(OSError):  # who asked has given up
                    connection.send(b"O")
