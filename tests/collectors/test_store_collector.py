"""Each store for itself: one that is down, hangs or is broken takes nothing else with it."""

import logging
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

from exporter.collectors.store_collector import StoreCollector, StoreReading, deadline_seconds
from exporter.errors import DatabaseError

DEADLINE_SECONDS = 0.3


class Store:
    """A store that says what it is told to say."""

    def __init__(self, name: str, families: Callable[[], Iterator[Metric]] | None = None) -> None:
        self.name = name
        self.families = families or self.good

    def good(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(f"mastodon_{self.name}", "Something.", 1)

    def half(self) -> Iterator[Metric]:
        yield from self.good()
        raise DatabaseError(f"{self.name} went away")

    def faulty(self) -> Iterator[Metric]:
        yield from self.good()
        raise ZeroDivisionError("postgresql://mastodon:secret@db/")

    def hostile(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(f"mastodon_{self.name}", "Something.", labels=["queue"])
        family.add_metric(["\udcff"], 1)
        yield family


class Scraped:
    """A registry of these stores, and what it shows."""

    def __init__(self, *stores: Store) -> None:
        self.readings = [StoreReading(store) for store in stores]
        self.registry = CollectorRegistry()
        self.registry.register(StoreCollector(lambda: self.readings))

    def scrape(self) -> dict[str, float]:
        deadline_seconds.set(DEADLINE_SECONDS)
        lines = generate_latest(self.registry).decode().splitlines()
        return {name: float(value) for name, _, value in (one.rpartition(" ") for one in lines) if name[0] != "#"}


def success(name: str) -> str:
    return f'mastodon_exporter_collector_success{{collector="{name}"}}'


def duration(name: str) -> str:
    return f'mastodon_exporter_collector_duration_seconds{{collector="{name}"}}'


def test_what_the_stores_say_is_shown_with_how_long_it_took() -> None:
    shown = Scraped(Store("a"), Store("b")).scrape()
    assert shown.pop(duration("a")) < DEADLINE_SECONDS
    assert shown.pop(duration("b")) < DEADLINE_SECONDS
    assert shown == {"mastodon_a": 1, "mastodon_b": 1, success("a"): 1, success("b"): 1}


def test_without_a_store_there_is_no_family() -> None:
    assert Scraped().scrape() == {}


@pytest.mark.parametrize("kind", [Store.half, Store.faulty, Store.hostile], ids=lambda kind: kind.__name__)
def test_a_store_that_fails_shows_nothing_and_harms_nothing(kind: Callable[[Store], Iterator[Metric]]) -> None:
    broken = Store("broken")
    broken.families = lambda: kind(broken)
    shown = Scraped(broken, Store("good")).scrape()
    assert "mastodon_broken" not in shown
    assert (shown[success("broken")], shown[success("good")], shown["mastodon_good"]) == (0, 1, 1)
    assert duration("broken") in shown


def test_stores_are_asked_side_by_side() -> None:
    together = threading.Barrier(3)

    def meet() -> Iterator[Metric]:
        together.wait(5)
        yield from ()

    shown = Scraped(*(Store(name, meet) for name in "abc")).scrape()
    assert [shown[success(name)] for name in "abc"] == [1, 1, 1]


@pytest.fixture
def end() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_a_store_that_hangs_costs_one_scrape_its_deadline_and_one_thread(end: threading.Event) -> None:
    asked = []

    def hang() -> Iterator[Metric]:
        asked.append(1)
        end.wait(20)
        yield GaugeMetricFamily("mastodon_late", "Something.", 1)

    scraped = Scraped(Store("late", hang), Store("good"))
    began = time.monotonic()
    first = scraped.scrape()
    assert DEADLINE_SECONDS <= time.monotonic() - began < DEADLINE_SECONDS + 0.5
    assert (first[success("late")], first["mastodon_good"]) == (0, 1)
    threads = threading.active_count()
    began = time.monotonic()
    for _ in range(10):
        assert scraped.scrape()[success("late")] == 0
    assert time.monotonic() - began < DEADLINE_SECONDS
    assert (len(asked), threading.active_count()) == (1, threads)
    end.set()
    give_up = time.monotonic() + 5
    while scraped.scrape()[success("late")] == 0:
        assert time.monotonic() < give_up
    assert scraped.scrape()["mastodon_late"] == 1


def test_two_scrapes_at_once_share_one_answer(end: threading.Event) -> None:
    asked = []
    begun = threading.Event()

    def slow() -> Iterator[Metric]:
        asked.append(1)
        begun.set()
        end.wait(5)
        yield GaugeMetricFamily("mastodon_slow", "Something.", 1)

    scraped = Scraped(Store("slow", slow))
    scraped.readings[0].begin()
    assert begun.wait(5)
    scraped.readings[0].begin()
    end.set()
    assert scraped.readings[0].outcome(5).families is not None
    assert len(asked) == 1


def test_an_error_is_logged_once_and_again_when_it_changes(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "exporter")
    store = Store("a")
    scraped = Scraped(store)
    for kind in (store.half, store.half, store.faulty, store.faulty, store.good, store.good, store.half):
        store.families = kind
        scraped.scrape()
    assert [(one.levelname, getattr(one, "error", None)) for one in caplog.records] == [
        ("ERROR", "a went away"),
        ("ERROR", "a fault of its own: ZeroDivisionError; --log-level debug shows where"),
        ("INFO", None),
        ("ERROR", "a went away"),
    ]
