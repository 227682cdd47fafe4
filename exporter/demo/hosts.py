"""The three hosts of a running sample server: open as long as no fault closes them."""

from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from exporter.demo.answers import Request
from exporter.demo.certificates import Certificates
from exporter.demo.effects import Effect, Exchange, Part, apply, is_closed, receive
from exporter.demo.listener import Conduct, Listener, Reception
from exporter.demo.misbehaviour import Outcome
from exporter.demo.sample import answer_main
from exporter.demo.site import Site
from exporter.demo.storage import answer_storage
from exporter.demo.streaming import answer_streaming

HEALTHY = {Part.MAIN: answer_main, Part.STREAMING: answer_streaming, Part.STORAGE: answer_storage}
"""What each host answers when no fault is on."""


@dataclass(frozen=True)
class Place:
    """Where the sample server listens, by which name it is reached, and the main host's port (0: any free one)."""

    listen: str
    name: str
    port: int


class Hosts:
    """Main, streaming and storage host, each on a port of its own that it keeps when it is closed for a while."""

    def __init__(self, place: Place, version: str, certificates: Certificates) -> None:
        self._place = place
        self._ports = {Part.MAIN: place.port, Part.STREAMING: 0, Part.STORAGE: 0}
        self._certificates = certificates
        self._effects: tuple[Effect, ...] = ()
        self._listeners: dict[Part, Listener] = {}
        with ExitStack() as on_failure:
            on_failure.callback(self.stop)
            for part in Part:
                self._open(part)
            on_failure.pop_all()
        self.site = Site(
            version,
            domain=self._domain(Part.MAIN),
            streaming_domain=self._domain(Part.STREAMING),
            storage_domain=self._domain(Part.STORAGE),
        )
        for listener in self._listeners.values():
            listener.start()

    def apply(self, effects: tuple[Effect, ...]) -> None:
        """Put these effects in force in place of those before; not to be called from two threads at once."""
        self._effects = effects
        for part in Part:
            if is_closed(part, effects):
                self._close(part)
            elif part not in self._listeners:
                self._open(part).start()

    def stop(self) -> None:
        """Close all ports."""
        for part in tuple(self._listeners):
            self._close(part)

    def _domain(self, part: Part) -> str:
        name = self._place.name
        host = f"[{name}]" if ":" in name else name
        return f"{host}:{self._ports[part]}"

    def _open(self, part: Part) -> Listener:
        conduct = Conduct(partial(self._receive, part), partial(self._answer, part))
        listener = Listener(self._place.listen, self._ports[part], conduct)
        self._listeners[part] = listener
        self._ports[part] = listener.port
        return listener

    def _close(self, part: Part) -> None:
        listener = self._listeners.pop(part, None)
        if listener is not None:
            listener.stop()

    def _receive(self, part: Part) -> Reception:
        return receive(part, self._certificates, self._effects)

    def _answer(self, part: Part, request: Request) -> Outcome:
        healthy = HEALTHY[part](self.site, request)
        return apply(Exchange(part, self.site, request, healthy), self._effects)
