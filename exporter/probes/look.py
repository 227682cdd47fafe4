"""One look at one instance: what its checks share, over one choice of address families, under one deadline."""

import asyncio
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from exporter.config.model import AddressFamilies, CheckSettings, Instance
from exporter.probes.connections import Connections
from exporter.probes.knowledge import ApiAnswer, Knowledge, Learning, TimeSpan, ask_instance_api
from exporter.probes.memory import Memory
from exporter.probes.visit import Network, Route, Visit


@dataclass(frozen=True)
class Surroundings:
    """What every look needs beside its instance."""

    network: Network
    memory: Memory


class Look:
    """Gives each check a visit of its own; the instance API is asked once, when the first check needs it.

    Belongs to the running event loop; `deadline` is in its time. To be closed.
    """

    def __init__(
        self, surroundings: Surroundings, instance: Instance, families: AddressFamilies, deadline: float
    ) -> None:
        self.instance = instance
        self._network = surroundings.network
        self._memory = surroundings.memory
        self._time = TimeSpan(asyncio.get_running_loop().time(), deadline)
        self._route = Route(surroundings.network, instance, families)
        self._opened: list[Connections] = []
        self._asking: asyncio.Task[ApiAnswer] | None = None

    def visit(self, check: str = "") -> Visit:
        """Return the visit of a check. That of `api` is shared with whoever needs the instance API first."""
        return self._api_visit if check == "api" else self._new_visit()

    def visit_after_api(self) -> Visit:
        """Return a visit over the connections on which the instance API was asked."""
        before = self._api_visit
        return Visit(self._network, self._route, before.connections, before.apart, self._time.ends)

    @cached_property
    def _api_visit(self) -> Visit:
        return self._new_visit()

    def _new_visit(self) -> Visit:
        return Visit(self._network, self._route, self._connections(), self._connections(), self._time.ends)

    def _connections(self) -> Connections:
        self._opened.append(Connections())
        return self._opened[-1]

    def settings(self, check: str) -> CheckSettings:
        """Return what is configured for a check."""
        return self.instance.settings(check)

    async def ask_api(self) -> ApiAnswer:
        """Return what the instance API came to."""
        return await asyncio.shield(self._ask_api())

    async def knowledge(self) -> Knowledge:
        """Return what is known of the server, now or from before."""
        remembered = self._memory.recall(self.instance)
        return await Learning(remembered, self._ask_api(), self._time).knowledge()

    async def addresses(self, host: str) -> tuple[str, ...]:
        """Return the addresses of a host, or none where it cannot be resolved."""
        found = await self._route.addresses(host)
        return found if isinstance(found, tuple) else ()

    async def close(self) -> None:
        """End what nobody waits for any more, and every connection."""
        self._route.close()
        if self._asking is not None:
            await end(self._asking)
        for connections in self._opened:
            connections.close()

    def _ask_api(self) -> asyncio.Task[ApiAnswer]:
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask_and_learn())
        return self._asking

    async def _ask_and_learn(self) -> ApiAnswer:
        answer = await ask_instance_api(self._api_visit, self.instance)
        if answer.announcement is not None:
            self._memory.learn(self.instance, answer.announcement)
        return answer


async def end(task: "asyncio.Task[Any]") -> None:
    """Cancel a task and wait until it has given back what it holds."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
