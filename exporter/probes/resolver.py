"""Names to addresses, under a deadline that the system's resolver does not know of."""

import asyncio
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from weakref import WeakValueDictionary

from exporter.config.model import AddressFamilies
from exporter.probes.result import Failure, Reason

MAX_LOOKUPS = 8
"""System look-ups that may run at once: each may outlive its probe, since none can be cancelled."""

MAX_LOOKUPS_OF_ONE_ASKER = 2
"""A server that leads to ever new names, none of which is ever answered, must leave threads for the others."""

Lookup = Callable[..., list[Any]]
Addresses = tuple[str, ...]

_FAMILY = {AddressFamilies.IPV4: socket.AF_INET, AddressFamilies.IPV6: socket.AF_INET6}


@dataclass
class _SharedLookup:
    """One look-up and how many wait for it; once `begun` it cannot be taken back."""

    host: str
    families: AddressFamilies
    waiting: int = 0
    begun: bool = False
    task: asyncio.Task[Addresses | Failure] | None = None


class Resolver:
    """Looks names up in at most eight threads; callers that ask for one name at one time share one look-up.

    Belongs to one event loop. The threads are daemons: a name server that never answers delays neither
    a probe nor the end of the program. A look-up that nobody waits for any more is never begun.
    """

    def __init__(self, lookup: Lookup = socket.getaddrinfo) -> None:
        self._lookup = lookup
        self._free = asyncio.Semaphore(MAX_LOOKUPS)
        self._shares: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._under_way: dict[tuple[str, AddressFamilies], _SharedLookup] = {}

    async def resolve(self, host: str, families: AddressFamilies, asker: str = "") -> Addresses | Failure:
        """Return the addresses of a host, best first, for an instance; may be cancelled at any time."""
        if is_address(host):
            return literal(host, families)
        shared = self._under_way.setdefault((host, families), _SharedLookup(host, families))
        if shared.task is None:
            shared.task = asyncio.create_task(self._run(shared, asker))
        shared.waiting += 1
        try:
            return await asyncio.shield(shared.task)
        finally:
            shared.waiting -= 1
            if not shared.waiting and not shared.begun:
                shared.task.cancel()
                self._forget(shared)

    async def _run(self, shared: _SharedLookup, asker: str) -> Addresses | Failure:
        share = self._shares.setdefault(asker, asyncio.Semaphore(MAX_LOOKUPS_OF_ONE_ASKER))
        try:
            async with share, self._free:
                shared.begun = True
                return await self._in_thread(shared)
        finally:
            self._forget(shared)

    async def _in_thread(self, shared: _SharedLookup) -> Addresses | Failure:
        answer: asyncio.Future[Addresses | Failure] = asyncio.get_running_loop().create_future()
        run = _LookupThread(self._lookup, shared.host, shared.families, answer)
        threading.Thread(target=run, name="resolver", daemon=True).start()
        return await answer

    def _forget(self, shared: _SharedLookup) -> None:
        key = (shared.host, shared.families)
        if self._under_way.get(key) is shared:
            del self._under_way[key]


class _LookupThread:
    def __init__(
        self, lookup: Lookup, host: str, families: AddressFamilies, answer: asyncio.Future[Addresses | Failure]
    ) -> None:
        self._lookup = lookup
        self._host = host
        self._families = families
        self._answer = answer

    def __call__(self) -> None:
        found = look_up(self._lookup, self._host, self._families)
        try:
            self._answer.get_loop().call_soon_threadsafe(self._deliver, found)
        except RuntimeError:
            return  # the loop has been closed: nobody waits for this answer any more

    def _deliver(self, found: Addresses | Failure) -> None:
        if not self._answer.done():
            self._answer.set_result(found)


def look_up(lookup: Lookup, host: str, families: AddressFamilies) -> Addresses | Failure:
    """Ask the system's resolver; blocks for as long as that takes."""
    try:
        found = lookup(host, None, _FAMILY.get(families, socket.AF_UNSPEC), socket.SOCK_STREAM)
    except ValueError:  # of names that cannot be encoded: too long, an empty label, a NUL
        return Failure(Reason.DNS, f"{host[:100]} is not a host name")
    except OSError as error:
        kind = f" (only IPv{families.value} is wanted)" if families in _FAMILY else ""
        return Failure(Reason.DNS, f"{host} cannot be resolved: {_in_words(error)}{kind}")
    addresses = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
    return addresses or Failure(Reason.DNS, f"{host} has no address")


def _in_words(error: OSError) -> str:
    if not isinstance(error, socket.gaierror):
        return error.strerror or "the resolver failed"
    if error.errno == socket.EAI_AGAIN:
        return "no name server gave an answer"
    if error.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)):
        return "it does not exist, or has no address"
    return error.strerror or "the resolver failed"


def literal(address: str, families: AddressFamilies) -> Addresses | Failure:
    """Return an address as the only one of its host, or the failure of a family it does not belong to."""
    wanted = AddressFamilies.IPV6 if ":" in address else AddressFamilies.IPV4
    if families in (AddressFamilies.IPV4, AddressFamilies.IPV6) and families is not wanted:
        return Failure(Reason.DNS, f"{address} is not an IPv{families.value} address")
    return (address,)


def is_address(host: str) -> bool:
    """Tell whether a host is an IP address rather than a name."""
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
