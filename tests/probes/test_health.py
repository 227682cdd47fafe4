from collections.abc import Callable

import pytest

from exporter.config.model import CheckSettings, Keyword
from exporter.probes.result import InstanceReport, ProbeResult, Reason
from tests.probes import mastodon_site
from tests.probes.site import Site, page

ResultOf = Callable[..., ProbeResult]


def test_a_200_passes_whatever_it_says(site: Site, result_of: ResultOf) -> None:
    site.routes["/health"] = page("success")
    assert result_of("health").success


@pytest.mark.parametrize("status", [404, 500, 503])
def test_any_other_status_fails(site: Site, result_of: ResultOf, status: int) -> None:
    site.routes["/health"] = page("no", status)
    result = result_of("health")
    assert (result.reason, result.http_status) == (Reason.HTTP_STATUS, status)


def test_before_3_there_is_no_such_check(site: Site, look: Callable[..., InstanceReport]) -> None:
    site.routes = mastodon_site.before_3(site)
    report = look("health")
    assert report.results == ()
    assert [entry.check for entry in report.absent] == ["health"]
    assert report.success


def test_a_configured_keyword_must_be_there(site: Site, result_of: ResultOf) -> None:
    assert result_of("health", checks={"health": CheckSettings(keyword=Keyword("OK"))}).success
    assert result_of("health", checks={"health": CheckSettings(keyword=Keyword("fine"))}).reason is Reason.KEYWORD
