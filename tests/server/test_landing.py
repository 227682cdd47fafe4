import html
import re
import time
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from exporter import __version__
from exporter.config import CHECK_NAMES, CheckSettings, Config, Instance
from exporter.probes.debug import debug_text
from exporter.probes.result import AbsentCheck, Reason
from exporter.server.history import History
from exporter.server.landing import SHOWN_FAILURES, LandingPage
from exporter.server.messages import Request
from tests.probes.sample_reports import QDON, STARTED, bad, good, mixed_report, report
from tests.server.client import Client
from tests.server.fake_prober import FakeProber
from tests.server.serving import config

REQUEST = Request("GET", "/", (), {})
HOSTILE = "\"'><script>alert(1)</script>{{ 7 * 7 }}&"


class Cells(HTMLParser):
    """Collects the state of each check, row by row, and the addresses that are linked or loaded."""

    def __init__(self) -> None:
        super().__init__()
        self.states: list[tuple[str, str]] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.tags.add(tag)
        if check := attributes.get("data-check"):
            self.states.append((check, attributes["class"] or ""))
        if tag == "a":
            self.links.append(attributes["href"] or "")
        self.loaded += [value or "" for name, value in attrs if name in ("src", "srcset", "style") or name[:2] == "on"]
        if tag == "link":
            self.loaded.append(attributes.get("href") or "")


@pytest.fixture
def history() -> History:
    return History()


@pytest.fixture
def page(history: History) -> Callable[..., str]:
    """Return a function that renders the page of a configuration, a minute and a half after STARTED."""

    def render(shown: Config | None = None) -> str:
        shown = shown or config()
        landing = LandingPage(lambda: shown, history, lambda: "http://127.0.0.1:10747", lambda: STARTED + 90)
        return landing(REQUEST).body.decode()

    return render


Page = Callable[..., str]


def cells(text: str) -> Cells:
    parsed = Cells()
    parsed.feed(text)
    return parsed


def states(text: str) -> dict[str, str]:
    return dict(cells(text).states)


def test_an_instance_that_was_never_probed_says_so_and_how_to_start(page: Page) -> None:
    text = page()
    assert "not probed yet" in text
    assert states(text) == dict.fromkeys(CHECK_NAMES, "unknown")
    assert "- url: http://127.0.0.1:10747/targets" in text
    assert "replacement: 127.0.0.1:10747" in text


def test_each_check_shows_how_it_went(page: Page, history: History) -> None:
    history.record(QDON, mixed_report())
    text = page()
    assert states(text) == {
        "web": "ok",
        "api": "ok",
        "streaming": "failed",
        "profile": "failed",
        "storage": "ok",
        "activitypub": "failed",
        "health": "off",
    }
    assert "</span> cached_stale</td>" in text
    assert "</span> restricted</td>" in text
    assert ">1 min ago</time>" in text
    assert "2026-09-21 14:13:20 UTC" in text


def test_state_is_told_by_symbol_and_word_and_not_by_colour_alone(page: Page, history: History) -> None:
    history.record(QDON, report(good("web"), bad("api", Reason.JSON)))
    text = page()
    assert '<span aria-hidden="true">✓</span> ok' in text
    assert '<span aria-hidden="true">✗</span> json' in text


def test_a_check_that_is_switched_off_is_shown_as_off(page: Page) -> None:
    quiet = replace(QDON, checks={"streaming": CheckSettings(enabled=False)})
    assert states(page(config(instances=(quiet,))))["streaming"] == "off"


def test_a_check_the_server_cannot_have_says_why(page: Page, history: History) -> None:
    history.record(QDON, replace(report(good("web")), absent=(AbsentCheck("health", "older than 3.0"),)))
    assert 'title="older than 3.0"' in page()


def test_failures_are_listed_newest_first_with_their_pages(page: Page, history: History) -> None:
    numbers = [history.record(QDON, report(bad("web", Reason.DNS), bad("api", Reason.TLS))) for _ in range(3)]
    text = page()
    assert [link for link in cells(text).links if link.startswith("/results/")] == [
        f"/results/{number}" for number in reversed(numbers)
    ]
    assert "web (dns)</span> <small>not as it should be</small>" in text
    assert "api (tls)</span>" in text


def test_only_the_last_failures_are_listed(page: Page, history: History) -> None:
    for _ in range(SHOWN_FAILURES + 5):
        history.record(QDON, report(bad("web", Reason.DNS)))
    assert sum(link.startswith("/results/") for link in cells(page()).links) == SHOWN_FAILURES


def test_the_page_links_what_else_there_is(page: Page) -> None:
    text = page()
    assert {
        "/metrics",
        "/targets",
        "https://qdon.example",
        "/probe?target=qdon",
        "/probe?target=qdon&debug=true",
    } == set(cells(text).links)
    assert f"mastodon-exporter {__version__}" in text
    assert "docs/configuration.md" in text


def test_names_in_links_survive_any_character(page: Page) -> None:
    named = replace(QDON, name="a b&c=d#é?")
    assert "/probe?target=a%20b%26c%3Dd%23%C3%A9%3F&debug=true" in cells(page(config(instances=(named,)))).links


def test_nothing_a_server_says_becomes_part_of_the_page(page: Page, history: History) -> None:
    hostile = replace(QDON, name=HOSTILE)
    result = bad("web", Reason.KEYWORD, detail=HOSTILE)
    history.record(hostile, replace(report(result, instance=hostile), absent=(AbsentCheck("health", HOSTILE),)))
    text = page(config(instances=(hostile,)))
    assert "script" not in cells(text).tags
    assert HOSTILE not in text
    assert html.escape(HOSTILE, quote=True).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in text
    assert "49" not in re.findall(r">([^<]*)<", text)


def test_the_page_loads_nothing_and_runs_nothing(page: Page) -> None:
    parsed = cells(page())
    assert parsed.loaded == []
    assert parsed.tags & {"script", "img", "iframe", "object", "form", "link"} == set()


def test_the_policy_allows_this_pages_style_and_nothing_else(client: Client) -> None:
    first, second = client.get("/"), client.get("/")
    nonces = [re.findall(r'<style nonce="([^"]+)">', answer.text)[0] for answer in (first, second)]
    assert first.headers["Content-Security-Policy"] == (
        f"default-src 'none'; style-src 'nonce-{nonces[0]}'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    assert nonces[0] != nonces[1]
    assert first.headers["Referrer-Policy"] == "no-referrer"
    assert first.headers["Content-Type"] == "text/html; charset=utf-8"


def test_the_page_fits_a_phone_and_the_dark(page: Page) -> None:
    text = page()
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in text
    assert "@media (prefers-color-scheme: dark)" in text
    assert "@media (max-width:" in text


def test_looking_at_the_page_probes_nothing(client: Client, prober: FakeProber) -> None:
    client.get("/")
    client.ask("HEAD", "/")
    assert (prober.asked, prober.controls) == ([], [])


def test_a_probe_is_seen_on_the_page_and_its_result_behind_its_link(client: Client, prober: FakeProber) -> None:
    prober.answer = lambda _asked: mixed_report()
    client.get("/probe?target=qdon")
    prober.answer = lambda _asked: report()
    client.get("/probe?target=qdon&check=web")
    links = [link for link in cells(client.get("/").text).links if link.startswith("/results/")]
    assert links == ["/results/1", "/results/2"]
    assert client.get("/results/1").text == debug_text(mixed_report())


def test_no_instance_is_said_so(page: Page) -> None:
    assert "No instance is configured." in page(config(instances=()))


def test_five_hundred_instances_are_one_quick_page(page: Page, history: History) -> None:
    instances = tuple(Instance(f"i{number}", f"https://i{number}.example", "x") for number in range(500))
    for instance in instances:
        history.record(instance, report(instance=instance))
    started = time.process_time()
    text = page(config(instances=instances))
    # It takes about 40 ms; the slack is for slow machines.
    assert time.process_time() - started < 1
    assert len(cells(text).states) == 500 * len(CHECK_NAMES)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-5, "0 s ago"), (59, "59 s ago"), (60, "1 min ago"), (7200, "2 h ago"), (200_000, "2 d ago")],
)
def test_times_are_told_in_the_unit_that_fits(history: History, seconds: int, words: str) -> None:
    history.record(QDON, report())
    landing = LandingPage(config, history, lambda: "http://[::1]:1", lambda: STARTED + seconds)
    assert f">{words}</time>" in landing(REQUEST).body.decode()
