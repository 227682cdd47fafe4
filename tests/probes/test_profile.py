from collections.abc import Callable

import pytest

from exporter.probes.result import InstanceReport, ProbeResult, Reason
from tests.probes import mastodon_site
from tests.probes.site import Reply, Site, document, page, redirect

ResultOf = Callable[..., ProbeResult]


def test_the_contact_account_is_asked_for(site: Site, result_of: ResultOf) -> None:
    result = result_of("profile")
    assert (result.success, result.detail) == (True, f"@admin@{site.domain}")


def test_a_configured_account_is_asked_for_without_the_api(site: Site, result_of: ResultOf) -> None:
    site.routes["/@qdon_support"] = page(f"<title>Support (@QDON_support@{site.domain.upper()})</title>")
    assert result_of("profile", account="qdon_support").success
    assert [asked.path for asked in site.asked] == ["/@qdon_support"]


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (page("suspended", 403), Reason.HTTP_STATUS),
        (page("deleted", 410), Reason.HTTP_STATUS),
        (page("unknown", 404), Reason.HTTP_STATUS),
        (page("You asked for /@admin"), Reason.KEYWORD),
        (page("admin@other.example"), Reason.KEYWORD),
    ],
)
def test_a_page_that_is_not_the_accounts_fails(site: Site, result_of: ResultOf, reply: Reply, reason: Reason) -> None:
    site.routes["/@admin"] = reply
    assert result_of("profile").reason is reason


def test_a_page_that_leads_to_sign_in_is_restricted_and_not_down(site: Site, result_of: ResultOf) -> None:
    site.routes |= {"/@admin": redirect("/auth/sign_in"), "/auth/sign_in": page("Log in")}
    result = result_of("profile")
    assert (result.success, result.restricted) == (True, True)


def test_there_is_no_profile_where_only_the_instance_actor_is_known(
    site: Site, look: Callable[..., InstanceReport]
) -> None:
    site.routes["/api/v2/instance"] = document(mastodon_site.instance_v2(site) | {"contact": {"account": None}})
    report = look("profile")
    assert report.results == ()
    assert [(entry.check, "account:" in entry.why) for entry in report.absent] == [("profile", True)]


def test_an_account_that_was_never_learnt_fails_by_discovery(site: Site, result_of: ResultOf) -> None:
    site.routes["/api/v2/instance"] = page("down", 500)
    assert result_of("profile").reason is Reason.DISCOVERY


def test_a_sign_in_page_that_is_broken_is_down(site: Site, result_of: ResultOf) -> None:
    site.routes |= {"/@admin": redirect("/auth/sign_in"), "/auth/sign_in": page("error", 500)}
    result = result_of("profile")
    assert (result.reason, result.restricted) == (Reason.HTTP_STATUS, False)


@pytest.mark.parametrize("name", ["\ud83d", "a/b?c", "ünicode", " "])
def test_an_announced_name_of_any_kind_is_no_fault_of_the_exporter(site: Site, result_of: ResultOf, name: str) -> None:
    site.routes["/api/v2/instance"] = document(
        mastodon_site.instance_v2(site) | {"contact": {"account": {"acct": name}}}
    )
    site.routes["/.well-known/webfinger"] = page("", 404)
    assert result_of("activitypub").reason is not Reason.INTERNAL
