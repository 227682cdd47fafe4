import asyncio
import socket
import threading
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from exporter.config.model import AddressFamilies, Instance
from exporter.probes.memory import Memory
from exporter.probes.prober import Prober
from exporter.probes.resolver import MAX_LOOKUPS, MAX_LOOKUPS_OF_ONE_ASKER, Resolver
from exporter.probes.result import Failure, Reason
from tests.probes.conftest import failures
from tests.probes.site import Site

AUTO = AddressFamilies.AUTO


def entry(address: str) -> tuple[Any, ...]:
    return (socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0))


class NameServer:
    """Stands in for the system's resolver: counts, and answers only while it is let."""

    def __init__(self, *addresses: str, stuck: bool = False) -> None:
        self.asked: list[str] = []
        self.at_once = 0
        self.most_at_once = 0
        self.answering = threading.Event()
        self.busy = threading.Event()
        self._addresses = addresses
        if not stuck:
            self.answering.set()

    def __call__(self, host: str, *_: object) -> list[Any]:
        self.asked.append(host)
        self.at_once += 1
        if self.at_once == MAX_LOOKUPS:
            self.busy.set()
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.answering.wait(20)
        self.at_once -= 1
        return [entry(address) for address in self._addresses]


def run(work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    return asyncio.run(work())


def test_an_address_needs_no_look_up() -> None:
    server = NameServer("192.0.2.1")
    assert run(lambda: Resolver(server).resolve("192.0.2.7", AUTO)) == ("192.0.2.7",)
    assert server.asked == []


@pytest.mark.parametrize(
    ("host", "families"), [("192.0.2.7", AddressFamilies.IPV6), ("2001:db8::1", AddressFamilies.IPV4)]
)
def test_an_address_of_the_other_family_is_no_address(host: str, families: AddressFamilies) -> None:
    found = run(lambda: Resolver().resolve(host, families))
    assert isinstance(found, Failure)
    assert found.reason is Reason.DNS


def test_the_systems_own_resolver_is_asked() -> None:
    assert "127.0.0.1" in run(lambda: Resolver().resolve("localhost", AddressFamilies.IPV4))


@pytest.mark.parametrize("host", ["does-not-exist.invalid", "a" * 70 + ".example", "a..b", ""])
def test_a_name_that_is_none_is_a_dns_failure(host: str) -> None:
    found = run(lambda: Resolver().resolve(host, AUTO))
    assert isinstance(found, Failure)
    assert found.reason is Reason.DNS


def test_callers_of_one_name_share_one_look_up() -> None:
    server = NameServer("192.0.2.1", stuck=True)

    async def work() -> list[Any]:
        resolver = Resolver(server)
        waiting = [asyncio.create_task(resolver.resolve("a.test", AUTO)) for _ in range(20)]
        await asyncio.sleep(0)
        server.answering.set()
        return await asyncio.gather(*waiting)

    assert run(work) == [("192.0.2.1",)] * 20
    assert server.asked == ["a.test"]


def test_no_more_than_eight_look_ups_run_at_once() -> None:
    server = NameServer("192.0.2.1", stuck=True)

    async def work() -> None:
        resolver = Resolver(server)
        waiting = [asyncio.create_task(resolver.resolve(f"{number}.test", AUTO, f"{number}")) for number in range(30)]
        await asyncio.to_thread(server.busy.wait, 5)
        server.answering.set()
        await asyncio.gather(*waiting)

    run(work)
    assert (len(server.asked), server.most_at_once) == (30, MAX_LOOKUPS)


def test_one_server_that_leads_to_names_without_end_leaves_threads_for_the_others() -> None:
    server = NameServer("192.0.2.1", stuck=True)

    def lookup(host: str, *_: object) -> list[Any]:
        return server(host) if host.startswith("hostile") else [entry("192.0.2.7")]

    async def work() -> Any:
        resolver = Resolver(lookup)
        hostile = [asyncio.create_task(resolver.resolve(f"hostile{n}.test", AUTO, "hostile")) for n in range(50)]
        found = await asyncio.wait_for(resolver.resolve("good.test", AUTO, "good"), 5)
        server.answering.set()
        await asyncio.gather(*hostile)
        return found

    assert run(work) == ("192.0.2.7",)
    assert server.most_at_once <= MAX_LOOKUPS_OF_ONE_ASKER


def test_a_look_up_that_nobody_waits_for_any_more_is_never_begun() -> None:
    server = NameServer("192.0.2.1", stuck=True)

    async def work() -> Any:
        resolver = Resolver(server)
        waiting = [asyncio.create_task(resolver.resolve(f"{n}.test", AUTO, "hostile")) for n in range(50)]
        await asyncio.sleep(0)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        again = asyncio.create_task(resolver.resolve("49.test", AUTO, "other"))
        await asyncio.sleep(0)
        server.answering.set()
        return await again

    assert run(work) == ("192.0.2.1",)
    assert len(server.asked) <= MAX_LOOKUPS_OF_ONE_ASKER + 1


def test_a_caller_that_gives_up_does_not_take_the_answer_from_the_others() -> None:
    server = NameServer("192.0.2.1", stuck=True)

    async def work() -> Any:
        resolver = Resolver(server)
        impatient = asyncio.create_task(resolver.resolve("a.test", AUTO))
        patient = asyncio.create_task(resolver.resolve("a.test", AUTO))
        await asyncio.sleep(0)
        impatient.cancel()
        await asyncio.sleep(0)
        server.answering.set()
        return await patient

    assert run(work) == ("192.0.2.1",)


def test_a_name_server_that_does_not_answer_is_a_dns_failure_at_the_deadline(tmp_path: Path) -> None:
    server = NameServer(stuck=True)
    started = time.monotonic()
    with Prober(Memory(tmp_path), Resolver(server)) as prober:
        report = prober.probe(Instance("test", "https://a.test", "a.test"), None, 1.0)
        assert time.monotonic() - started < 1.2
    assert time.monotonic() - started < 1.5, "the end of the program waits for the name server"
    assert server.asked == ["a.test"]
    server.answering.set()
    reasons = failures(report)
    assert {reasons[check] for check in ("web", "api", "health")} == {"dns"}


def test_both_families_are_checked_apart_when_asked(prober: Prober, site: Site) -> None:
    instance = Instance("test", site.url.replace("127.0.0.1", "both.test"), site.domain, families=AddressFamilies.BOTH)
    server = NameServer()

    def lookup(host: str, _port: None, family: int, *_: object) -> list[Any]:
        server.asked.append(host)
        return [entry("127.0.0.1")] if family == socket.AF_INET else [entry("::1")]

    with Prober(Memory(None), Resolver(lookup)) as other:
        result = other.probe(instance, ["health"], 5.0).results[0]
    assert [(family.family, family.success) for family in result.families] == [("4", True), ("6", False)]
    assert (result.success, result.reason) == (False, Reason.CONNECT)
    assert result.detail.startswith("over IPv6: ")
