"""Is our own network up? Asked of servers that are none of ours, so that their silence means something."""

import asyncio
from collections.abc import Sequence
from contextlib import closing

from exporter.config.model import AddressFamilies, Instance, origin
from exporter.probes.connections import Connections
from exporter.probes.request import Request
from exporter.probes.visit import Network, Route


async def is_network_up(network: Network, urls: Sequence[str], timeout_seconds: float) -> bool:
    """Tell whether any of the URLs gives any HTTP answer within that time."""
    deadline = asyncio.get_running_loop().time() + timeout_seconds
    asking = [asyncio.create_task(_answers(network, url, deadline)) for url in urls]
    try:
        for answered in asyncio.as_completed(asking):
            if await answered:
                return True
        return False
    finally:
        for task in asking:
            task.cancel()


async def _answers(network: Network, url: str, deadline: float) -> bool:
    route = Route(network, Instance(name=url, url=origin(url), domain=""), AddressFamilies.AUTO)
    try:
        async with asyncio.timeout_at(deadline):
            request = await route.request(url, (), trusted=True)
    except TimeoutError:
        return False
    finally:
        route.close()
    if not isinstance(request, Request):
        return False
    with closing(Connections()) as connections:
        return (await network.transfers.perform(request, connections, deadline)).status is not None
