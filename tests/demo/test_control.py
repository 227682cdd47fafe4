from urllib.parse import urlsplit

import pytest
import requests

from exporter.demo import SampleServer
from exporter.demo.control import is_loopback
from exporter.demo.faults import FAULTS

TIMEOUT_SECONDS = 5.0
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def ask(
    sample: SampleServer, path: str, method: str = "GET", headers: dict[str, str] | None = None
) -> requests.Response:
    return requests.request(
        method, sample.control_url + path, headers=headers, allow_redirects=False, timeout=TIMEOUT_SECONDS
    )


def switched_on(sample: SampleServer) -> set[str]:
    return {fault["name"] for fault in ask(sample, "faults").json() if fault["on"]}


def test_the_page_shows_every_fault_with_a_button(healthy: SampleServer) -> None:
    page = ask(healthy, "").text

    assert [fault.name for fault in FAULTS if f'action="/faults/{fault.name}/on"' not in page] == []
    assert f'href="{healthy.url}/about"' in page


def test_the_page_offers_to_switch_off_what_is_on(healthy: SampleServer) -> None:
    healthy.switch("web_500", on=True)

    page = ask(healthy, "").text

    assert 'action="/faults/web_500/off"' in page
    assert 'action="/faults/web_500/on"' not in page


def test_the_page_can_neither_load_nor_be_framed(healthy: SampleServer) -> None:
    policy = ask(healthy, "").headers["Content-Security-Policy"]

    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy


def test_the_list_tells_what_each_fault_breaks(healthy: SampleServer) -> None:
    listed = {fault["name"]: fault for fault in ask(healthy, "faults").json()}

    assert list(listed) == [fault.name for fault in FAULTS]
    assert listed["streaming_down"] == {
        "name": "streaming_down",
        "title": "The streaming server refuses connections",
        "breaks": "streaming",
        "reason": "connect",
        "on": False,
    }


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_url_switches_a_fault_on_and_off(method: str, healthy: SampleServer) -> None:
    assert ask(healthy, "faults/web_500/on", method).status_code == 200
    assert healthy.switched_on == {"web_500"}

    assert ask(healthy, "faults/web_500/off", method).status_code == 200
    assert healthy.switched_on == frozenset()


def test_switching_twice_is_switching_once(healthy: SampleServer) -> None:
    for position in ("on", "on", "off"):
        ask(healthy, f"faults/web_500/{position}")

    assert healthy.switched_on == frozenset()


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_reset_switches_everything_off(method: str, healthy: SampleServer) -> None:
    healthy.switch("web_500", on=True)
    healthy.switch("everything_down", on=True)

    assert ask(healthy, "faults/reset", method).status_code == 200
    assert healthy.switched_on == frozenset()


def test_what_is_on_is_told_after_each_switch(healthy: SampleServer) -> None:
    ask(healthy, "faults/web_500/on")

    assert ask(healthy, "faults/health_503/on").json() == {"on": ["health_503", "web_500"]}
    assert ask(healthy, "faults/reset").json() == {"on": []}


def test_a_browser_comes_back_to_the_page(healthy: SampleServer) -> None:
    answer = ask(healthy, "faults/web_500/on", "POST", BROWSER)

    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert healthy.switched_on == {"web_500"}


def test_ports_can_be_closed_and_opened_from_the_page(healthy: SampleServer) -> None:
    ask(healthy, "faults/everything_down/on")
    assert ask(healthy, "faults/everything_down/off").status_code == 200

    page = requests.get(healthy.url, verify=str(healthy.ca_file), timeout=TIMEOUT_SECONDS)
    assert page.status_code == 200


@pytest.mark.parametrize("path", ["faults/web_501/on", "faults/web_501/off"])
def test_an_unknown_fault_is_not_found(path: str, healthy: SampleServer) -> None:
    answer = ask(healthy, path)

    assert answer.status_code == 404
    assert "/faults lists those there are" in answer.text


@pytest.mark.parametrize("path", ["faults/web_500", "faults/web_500/toggle", "faults/web_500/on/", "elsewhere"])
def test_an_unknown_address_is_not_found_and_switches_nothing(path: str, healthy: SampleServer) -> None:
    assert ask(healthy, path).status_code == 404
    assert switched_on(healthy) == set()


@pytest.mark.parametrize("path", ["", "faults", "faults/reset", "faults/web_500/on", "elsewhere"])
@pytest.mark.parametrize("host", ["mastodon.example", "127.0.0.1.mastodon.example:80", "192.0.2.1", ""])
def test_a_foreign_host_header_is_refused(path: str, host: str, healthy: SampleServer) -> None:
    answer = ask(healthy, path, headers={"Host": host})

    assert answer.status_code == 403
    assert healthy.switched_on == frozenset()


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_another_site_cannot_switch_through_a_browser(method: str, site: str, healthy: SampleServer) -> None:
    answer = ask(healthy, "faults/web_500/on", method, {"Sec-Fetch-Site": site})

    assert answer.status_code == 403
    assert healthy.switched_on == frozenset()


def test_a_link_from_another_site_may_lead_to_the_page(healthy: SampleServer) -> None:
    assert ask(healthy, "", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


def test_the_control_page_is_reached_under_its_other_names(healthy: SampleServer) -> None:
    port = urlsplit(healthy.control_url).port

    for name in ("localhost", "127.0.0.1", "[::1]", "127.1.2.3"):
        assert ask(healthy, "faults", headers={"Host": f"{name}:{port}"}).status_code == 200


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("LOCALHOST:80", True),
        ("127.0.0.1:80", True),
        ("[::1]:80", True),
        ("localhost.example", False),
        ("user@127.0.0.1", False),
        ("127.0.0.1/x", False),
        ("127.1", False),
        ("2130706433", False),
        ("[::1", False),
        ("[::ffff:192.0.2.1]", False),
        ("", False),
    ],
)
def test_loopback_is_told_from_what_only_looks_like_it(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
