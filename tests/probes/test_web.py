from collections.abc import Callable

import pytest
import re2

from exporter.config.model import CheckSettings, Keyword
from exporter.probes.result import ProbeResult, Reason
from tests.probes import mastodon_site
from tests.probes.site import Reply, Site, page, redirect

ResultOf = Callable[..., ProbeResult]
SIGN_IN = page("<html>Log in</html>")


@pytest.mark.parametrize("shape", [mastodon_site.newest, mastodon_site.before_4, mastodon_site.before_3])
def test_a_healthy_main_page_passes_on_every_version(
    site: Site, result_of: ResultOf, shape: Callable[[Site], dict[str, Reply]]
) -> None:
    site.routes = shape(site)
    assert result_of("web").success


@pytest.mark.parametrize("shape", [mastodon_site.newest, mastodon_site.before_4])
def test_about_more_passes_where_it_is_a_page_and_where_it_redirects(
    site: Site, result_of: ResultOf, shape: Callable[[Site], dict[str, Reply]]
) -> None:
    site.routes = shape(site)
    assert result_of("web", checks={"web": CheckSettings(path="/about/more")}).success


@pytest.mark.parametrize(
    "text",
    [
        "<html><title>{domain}</title>{domain} is parked. Buy {domain} now!</html>",
        '<html><meta property="og:site_name" content="{domain}"><a href="{url}/about">continue</a></html>',
        "<html>Checking your browser before you go to {url}/about</html>",
        '<script id="initial-state" type="application/json">{{"meta":{{"domain":"other.example"}}}}</script>{domain}',
        "",
    ],
)
def test_a_page_that_only_names_the_domain_or_repeats_the_address_fails(
    site: Site, result_of: ResultOf, text: str
) -> None:
    site.routes["/about"] = page(text.format(domain=site.domain, url=site.url))
    assert result_of("web").reason is Reason.KEYWORD


def test_about_is_found_under_its_older_name_where_only_that_exists(site: Site, result_of: ResultOf) -> None:
    site.routes = mastodon_site.before_4(site)
    del site.routes["/about"]
    assert result_of("web").success


def test_limited_federation_before_4_is_restricted_and_not_down(site: Site, result_of: ResultOf) -> None:
    del site.routes["/about"], site.routes["/about/more"]
    site.routes |= {"/": redirect("/auth/sign_in"), "/auth/sign_in": SIGN_IN}
    result = result_of("web")
    assert (result.success, result.restricted, result.http_status) == (True, True, 404)
    assert "limited federation" in result.detail


def test_a_missing_main_page_is_down_where_the_front_page_does_not_lead_to_sign_in(
    site: Site, result_of: ResultOf
) -> None:
    del site.routes["/about"], site.routes["/about/more"]
    result = result_of("web")
    assert (result.reason, result.http_status) == (Reason.HTTP_STATUS, 404)


def test_an_international_domain_is_known_in_either_spelling(site: Site, result_of: ResultOf) -> None:
    site.routes["/about"] = mastodon_site.main_page_4("mastodon.bücher.example")
    assert result_of("web", domain="mastodon.xn--bcher-kva.example").success


def test_a_configured_keyword_takes_the_place_of_the_built_in_marks(site: Site, result_of: ResultOf) -> None:
    site.routes["/about"] = page("Welcome to qdon")
    settings = {"web": CheckSettings(keyword=Keyword("qdon"))}
    assert result_of("web", checks=settings).success
    site.routes["/about"] = page("Welcome")
    assert result_of("web", checks=settings).reason is Reason.KEYWORD


def test_a_keyword_may_be_an_expression(site: Site, result_of: ResultOf) -> None:
    keyword = Keyword(r"v\d+", re2.compile(r"v\d+"))
    site.routes["/about"] = page("release v42")
    assert result_of("web", checks={"web": CheckSettings(keyword=keyword)}).success


def test_a_word_that_must_be_absent_fails_the_check_when_it_is_there(site: Site, result_of: ResultOf) -> None:
    settings = {"web": CheckSettings(absent=Keyword("We're sorry"))}
    assert result_of("web", checks=settings).success
    site.routes["/about"] = page(mastodon_site.main_page_4(site.domain).body.decode() + "We're sorry")
    result = result_of("web", checks=settings)
    assert (result.reason, "must not be" in result.detail) == (Reason.KEYWORD, True)


def test_a_keyword_before_the_limit_counts_in_a_body_that_is_too_large(site: Site, result_of: ResultOf) -> None:
    healthy = mastodon_site.main_page_4(site.domain).body
    site.routes["/about"] = Reply(body=healthy + b" " * 3_000_000)
    assert result_of("web").success
    site.routes["/about"] = Reply(body=b" " * 3_000_000 + healthy)
    assert result_of("web").reason is Reason.BODY_TOO_LARGE


def test_that_a_word_is_absent_is_not_believed_of_a_body_that_was_cut(site: Site, result_of: ResultOf) -> None:
    site.routes["/about"] = Reply(body=mastodon_site.main_page_4(site.domain).body + b" " * 3_000_000)
    settings = {"web": CheckSettings(absent=Keyword("sorry"))}
    assert result_of("web", checks=settings).reason is Reason.BODY_TOO_LARGE


def test_a_misspelt_path_is_down_though_the_front_page_leads_to_sign_in(site: Site, result_of: ResultOf) -> None:
    site.routes |= {"/": redirect("/auth/sign_in"), "/auth/sign_in": SIGN_IN}
    assert result_of("web", checks={"web": CheckSettings(path="/typo")}).reason is Reason.HTTP_STATUS


def test_the_main_page_of_another_domain_says_which_one_to_configure(site: Site, result_of: ResultOf) -> None:
    site.routes["/about"] = mastodon_site.main_page_4("qdon.example")
    result = result_of("web")
    assert (result.reason, "qdon.example" in result.detail, "domain:" in result.detail) == (Reason.KEYWORD, True, True)
