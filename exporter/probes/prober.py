"""The probes' own thread: an event loop that any other thread can hand an instance to."""

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from types import TracebackType
from typing import Self, TypeVar

from exporter.authorities import trusted_authorities
from exporter.config.model import Instance
from exporter.probes.control import is_network_up
from exporter.probes.look import Surroundings
from exporter.probes.maintenance import MaintenanceReport, entrances, look_for_harm
from exporter.probes.memory import Memory
from exporter.probes.resolver import Resolver
from exporter.probes.result import InstanceReport
from exporter.probes.runner import Assignment, checks_to_run, probe
from exporter.probes.transfer import Transfers
from exporter.probes.visit import Network

_Result = TypeVar("_Result")


class Prober:
    """Probes instances, any number at a time, from any thread. A context manager."""

    def __init__(self, memory: Memory, resolver: Resolver | None = None) -> None:
        self._loop = asyncio.new_event_loop()
        network = Network(Transfers(), resolver or Resolver(), trusted_authorities())
        self._surroundings = Surroundings(network, memory)
        self._thread = threading.Thread(target=self._loop.run_forever, name="probes", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def probe(self, instance: Instance, checks: Sequence[str] | None, timeout_seconds: float) -> InstanceReport:
        """Return what the checks (None: all) found; blocks for at most the timeout, and never raises for a server."""
        assignment = Assignment(instance, checks_to_run(instance, checks), timeout_seconds)
        return self._run(probe(self._surroundings, assignment))

    def look_for_harm(self, instance: Instance) -> MaintenanceReport:
        """Return what senders of deliveries would be answered now; blocks for at most the instance's `timeout`."""
        return self._run(look_for_harm(self._surroundings, instance, entrances(instance)))

    def network_up(self, control: Sequence[str], timeout_seconds: float) -> bool:
        """Tell whether any control URL answers; blocks for no longer than that."""
        return self._run(is_network_up(self._surroundings.network, control, timeout_seconds))

    def close(self) -> None:
        """Drop what still runs and end the thread."""
        if self._loop.is_closed():
            return
        self._run(self._end_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[None, None, _Result]) -> _Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _end_all(self) -> None:
        await self._surroundings.network.transfers.aclose()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
