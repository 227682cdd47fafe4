from collections.abc import Callable

import pytest

from exporter.config.model import CheckSettings
from exporter.probes.result import ProbeResult, Reason
from tests.probes import mastodon_site
from tests.probes.site import Reply, Site, document, page, redirect, send

ResultOf = Callable[..., ProbeResult]
HEALTH = "/api/v1/streaming/health"
HEALTHY = Reply(200, b"OK", "text/plain")
WEBSOCKET = {"streaming": CheckSettings(websocket=True)}


def announce(site: Site, address: str) -> None:
    announced = mastodon_site.instance_v2(site)
    announced["configuration"] = {"urls": {"streaming": address}}
    site.routes["/api/v2/instance"] = document(announced)


def test_the_announced_host_is_asked(site: Site, other_site: Site, result_of: ResultOf) -> None:
    announce(site, other_site.url.replace("http", "ws", 1))
    site.routes[HEALTH] = page("not here", 404)
    other_site.routes[HEALTH] = HEALTHY
    assert result_of("streaming").success
    assert len(other_site.asked_for(HEALTH)) == 1


@pytest.mark.parametrize("scheme", ["ws", "http"])
def test_a_configured_host_is_asked_in_place_of_the_announced_one(
    site: Site, other_site: Site, result_of: ResultOf, scheme: str
) -> None:
    other_site.routes[HEALTH] = HEALTHY
    assert result_of("streaming", streaming=other_site.url.replace("http", scheme, 1)).success
    assert site.asked == []


def test_the_main_host_is_asked_where_none_was_ever_announced(site: Site, result_of: ResultOf) -> None:
    for path in ("/api/v2/instance", "/api/v1/instance"):
        site.routes[path] = page("down", 500)
    assert result_of("streaming").success


def test_a_redirect_from_the_main_host_to_the_streaming_host_is_followed(
    site: Site, other_site: Site, result_of: ResultOf
) -> None:
    announce(site, "")
    site.routes[HEALTH] = redirect(other_site.url + HEALTH, 301)
    other_site.routes[HEALTH] = HEALTHY
    assert result_of("streaming").success


@pytest.mark.parametrize(
    ("reply", "reason"), [(redirect(HEALTH, 301), Reason.REDIRECT), (page("gone", 404), Reason.HTTP_STATUS)]
)
def test_a_proxy_that_does_not_pass_streaming_on_is_told_from_a_dead_process(
    site: Site, result_of: ResultOf, reply: Reply, reason: Reason
) -> None:
    site.routes[HEALTH] = reply
    result = result_of("streaming")
    assert result.reason is reason
    assert "proxy" in result.detail


def test_a_dead_process_behind_a_living_proxy_is_its_status(site: Site, result_of: ResultOf) -> None:
    site.routes[HEALTH] = page("<h1>502 Bad Gateway</h1>", 502)
    result = result_of("streaming")
    assert (result.reason, result.http_status) == (Reason.HTTP_STATUS, 502)
    assert "proxy" not in result.detail


@pytest.mark.parametrize("body", ["NOT OK", "<html>OK</html>", "", "OKAY", "ok"])
def test_anything_but_ok_alone_fails(site: Site, result_of: ResultOf, body: str) -> None:
    site.routes[HEALTH] = page(body)
    assert result_of("streaming").reason is Reason.KEYWORD


def test_an_ok_with_a_line_end_passes(site: Site, result_of: ResultOf) -> None:
    site.routes[HEALTH] = page("OK\n")
    assert result_of("streaming").success


def test_an_announcement_that_is_no_address_fails_by_discovery(site: Site, result_of: ResultOf) -> None:
    announce(site, "gopher://example.test")
    assert result_of("streaming").reason is Reason.DISCOVERY


SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\x00"


@pytest.mark.parametrize(
    "reply", [document({"error": "Missing access token"}, status=401), Reply(misbehave=send(SWITCHING))]
)
def test_a_handshake_answered_401_or_101_proves_that_requests_are_parsed(
    site: Site, result_of: ResultOf, reply: Reply
) -> None:
    site.routes["/api/v1/streaming"] = reply
    assert result_of("streaming", checks=WEBSOCKET).success
    asked = site.asked_for("/api/v1/streaming")[0].headers
    assert (asked["upgrade"], asked["sec-websocket-version"]) == ("websocket", "13")


def test_a_handshake_that_ends_in_an_error_fails_though_health_is_fine(site: Site, result_of: ResultOf) -> None:
    site.routes["/api/v1/streaming"] = page("bad gateway", 502)
    assert result_of("streaming", checks=WEBSOCKET).reason is Reason.HTTP_STATUS
    assert result_of("streaming").success
