from collections.abc import Callable

import pytest

from exporter.config.model import CheckSettings, Keyword
from exporter.probes.result import InstanceReport, ProbeResult, Reason
from tests.probes import mastodon_site
from tests.probes.site import Reply, Site, document, page, say_nothing

ResultOf = Callable[..., ProbeResult]
CLOSED = document({"error": "This method requires an authenticated user"}, status=401)


def test_version_2_is_asked_first(site: Site, result_of: ResultOf) -> None:
    assert result_of("api").detail == "version 4.6.0"


def test_version_1_is_asked_where_2_does_not_exist(site: Site, result_of: ResultOf) -> None:
    site.routes = mastodon_site.before_4(site)
    assert result_of("api").detail == "version 3.5.3"


def test_version_1_is_asked_where_2_is_closed(site: Site, result_of: ResultOf) -> None:
    site.routes["/api/v2/instance"] = CLOSED
    assert result_of("api").success


def test_both_closed_with_mastodons_own_words_is_restricted_and_not_down(site: Site, result_of: ResultOf) -> None:
    site.routes |= {"/api/v2/instance": CLOSED, "/api/v1/instance": CLOSED}
    result = result_of("api")
    assert (result.success, result.restricted, result.http_status) == (True, True, 401)


def test_a_401_that_is_not_mastodons_is_down(site: Site, result_of: ResultOf) -> None:
    site.routes |= dict.fromkeys(("/api/v2/instance", "/api/v1/instance"), page("<h1>Authorization Required</h1>", 401))
    result = result_of("api")
    assert (result.success, result.reason) == (False, Reason.HTTP_STATUS)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (page("down", 500), Reason.HTTP_STATUS),
        (page("down", 503), Reason.HTTP_STATUS),
        (page("{broken"), Reason.JSON),
        (page("<html>version 4.6.0</html>"), Reason.JSON),
        (page('["version"]'), Reason.JSON),
        (document({"version": ""}), Reason.JSON),
        (document({"version": "  "}), Reason.JSON),
        (document({"version": None}), Reason.JSON),
        (document({"version": 4}), Reason.JSON),
        (document({"uri": "version"}), Reason.JSON),
        (page("[" * 200_000), Reason.JSON),
        (page('{"version": ' + "9" * 10_000 + "}"), Reason.JSON),
        (page('{"version": "4.6.0"}' + " " * 3_000_000), Reason.BODY_TOO_LARGE),
    ],
)
def test_a_broken_answer_fails_and_version_1_does_not_hide_it(
    site: Site, result_of: ResultOf, reply: Reply, reason: Reason
) -> None:
    site.routes["/api/v2/instance"] = reply
    assert result_of("api").reason is reason


def test_a_keyword_is_looked_for_beside_the_version(site: Site, result_of: ResultOf) -> None:
    assert result_of("api", checks={"api": CheckSettings(keyword=Keyword("4.6.0"))}).success
    assert result_of("api", checks={"api": CheckSettings(keyword=Keyword("4.7"))}).reason is Reason.KEYWORD


def test_details_come_from_nodeinfo_and_the_first_version(site: Site, look: Callable[..., InstanceReport]) -> None:
    details = look().details
    assert (details.version, details.domain) == ("4.6.0", site.domain)
    assert (details.users, details.statuses, details.peers) == (12, 345, 6789)


def test_details_that_are_not_told_are_not_made_up(site: Site, look: Callable[..., InstanceReport]) -> None:
    for path in ("/.well-known/nodeinfo", "/api/v1/instance"):
        del site.routes[path]
    details = look().details
    assert (details.users, details.statuses, details.peers) == (None, None, None)


def test_slow_details_do_not_make_a_probe_long(site: Site, look: Callable[..., InstanceReport]) -> None:
    site.routes["/.well-known/nodeinfo"] = Reply(misbehave=say_nothing)
    report = look(timeout_seconds=20.0)
    assert report.success
    assert report.duration_seconds < 5


@pytest.mark.parametrize(("status_page", "same"), [("{own}/status", True), ("https://localhost:1/", True)])
def test_a_status_page_that_would_die_with_the_server_is_told(
    site: Site, look: Callable[..., InstanceReport], status_page: str, same: bool
) -> None:
    announced = mastodon_site.instance_v2(site)
    announced["configuration"] = {"urls": {"status": status_page.format(own=site.url)}}
    site.routes["/api/v2/instance"] = document(announced)
    assert look("api").details.status_page_same_host is same


def test_a_status_page_elsewhere_is_told(site: Site, look: Callable[..., InstanceReport]) -> None:
    announced = mastodon_site.instance_v2(site)
    announced["configuration"] = {"urls": {"status": "https://status.example/"}}
    site.routes["/api/v2/instance"] = document(announced)
    assert look("api", resolve={"status.example": "192.0.2.7"}).details.status_page_same_host is False
