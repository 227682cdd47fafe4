"""A server that looks like Mastodon from outside, on loopback, with faults to switch."""

import threading
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from exporter.demo.certificates import NAMES, Certificates, issue_certificates
from exporter.demo.control import Panel
from exporter.demo.faults import FAULTS, find_fault
from exporter.demo.hosts import Hosts, Place
from exporter.demo.listener import Conduct, Listener, Reception
from exporter.demo.site import parse_version
from exporter.errors import ListenError, StateError, UnknownFault

CA_FILE_NAME = "sample-ca.pem"
ALL_ADDRESSES = "0.0.0.0"  # noqa: S104 - only where a name says that others are to reach it


@dataclass(frozen=True)
class _Running:
    hosts: Hosts
    control: Listener


class SampleServer:
    """A sample server with its control page; as a context manager it runs from entry to exit.

    A port of 0 is chosen by the system. With `name` it listens on all addresses, for whoever reaches this
    machine by that name: between containers. Raises ConfigError for a version that is none, ListenError for
    a host that is not loopback; `start` raises ListenError for a port that is taken, StateError when
    the certificate cannot be written.
    """

    def __init__(  # noqa: PLR0913 - two addresses and a version, each with its default
        self,
        folder: Path,
        *,
        version: str = "4.6.0",
        host: str = "127.0.0.1",
        name: str | None = None,
        control_port: int = 0,
        port: int = 0,
    ) -> None:
        parse_version(version)
        if host not in NAMES:
            raise ListenError(f"the sample server does not listen on {host}; choose one of {', '.join(NAMES)}")
        self.ca_file = folder / CA_FILE_NAME
        self._version = version
        self._place = Place(host, host, port) if name is None else Place(ALL_ADDRESSES, name, port)
        self._control_port = control_port
        self._lock = threading.Lock()
        self._switched_on: frozenset[str] = frozenset()
        self._started: _Running | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The main host, as https://host:port."""
        return self._running.hosts.site.url

    @property
    def domain(self) -> str:
        """The main host, as host:port; it is the part after the @ too."""
        return self._running.hosts.site.domain

    @property
    def control_url(self) -> str:
        """The page where faults are switched; it answers to loopback names only."""
        host = "127.0.0.1" if self._place.listen == ALL_ADDRESSES else self.domain.rpartition(":")[0]
        return f"http://{host}:{self._running.control.port}/"

    @property
    def switched_on(self) -> frozenset[str]:
        """The names of the faults that are on."""
        return self._switched_on

    def start(self) -> None:
        """Open all ports with every fault off, and write the certificate to trust."""
        certificates = issue_certificates(datetime.now(UTC), self._place.name)
        self._write(certificates)
        with self._lock, ExitStack() as on_failure:
            hosts = Hosts(self._place, self._version, certificates)
            on_failure.callback(hosts.stop)
            panel = Panel(hosts.site, self)
            control = Listener(self._place.listen, self._control_port, Conduct(Reception, panel.answer))
            on_failure.pop_all()
            self._started, self._switched_on = _Running(hosts, control), frozenset()
            control.start()

    def stop(self) -> None:
        """Close all ports and cut all connections; when it returns, no thread is left. A second call does nothing."""
        running = self._started
        if running is None:
            return
        # Outside the lock: a request to the control page may be waiting for it.
        running.control.stop()
        with self._lock:
            running.hosts.stop()
            self._started = None

    def switch(self, fault: str, on: bool) -> None:
        """Switch a fault; raise UnknownFault when there is none of that name. Safe to call from any thread."""
        if find_fault(fault) is None:
            raise UnknownFault(f'there is no fault "{fault}"; the control page lists those there are')
        with self._lock:
            self._apply(self._switched_on | {fault} if on else self._switched_on - {fault})

    def reset(self) -> None:
        """Switch every fault off. Safe to call from any thread."""
        with self._lock:
            self._apply(())

    def _apply(self, names: Iterable[str]) -> None:
        hosts = self._running.hosts
        self._switched_on = frozenset(names)
        hosts.apply(tuple(fault.effect for fault in FAULTS if fault.name in self._switched_on))

    @property
    def _running(self) -> _Running:
        if self._started is None:
            raise ListenError("the sample server does not run; start it first")
        return self._started

    def _write(self, certificates: Certificates) -> None:
        try:
            self.ca_file.parent.mkdir(parents=True, exist_ok=True)
            self.ca_file.write_bytes(certificates.authority)
        except OSError as error:
            raise StateError(f"cannot write {self.ca_file}: {error.strerror}; choose another folder") from error
