from collections.abc import Callable

import pytest

from exporter.config.model import CheckSettings, Keyword
from exporter.probes.result import InstanceReport, ProbeResult, Reason
from tests.probes import mastodon_site
from tests.probes.mastodon_site import ACTIVITY, JRD, XRD
from tests.probes.site import Reply, Site, document, page, redirect

ResultOf = Callable[..., ProbeResult]
HOST_META = "/.well-known/host-meta"
WEBFINGER = "/.well-known/webfinger"
SIGNATURE_WANTED = document({"error": "Request not signed"}, status=401)


def test_the_whole_chain_is_walked(site: Site, result_of: ResultOf) -> None:
    result = result_of("activitypub")
    assert (result.success, len(result.trace)) == (True, 3)
    assert site.asked_for(WEBFINGER)[0].query["resource"] == [f"acct:admin@{site.domain}"]
    assert "application/jrd+json" in site.asked_for(WEBFINGER)[0].headers["accept"]
    assert site.asked_for("/ap/users/1")[0].headers["accept"] == "application/activity+json"


@pytest.mark.parametrize("status", [404, 410])
def test_webfinger_is_asked_directly_where_host_meta_is_missing(site: Site, result_of: ResultOf, status: int) -> None:
    site.routes[HOST_META] = page("none", status)
    assert result_of("activitypub").success


def test_a_split_domain_is_followed_to_the_web_domain(site: Site, other_site: Site, result_of: ResultOf) -> None:
    other_site.routes[HOST_META] = redirect(site.url + HOST_META, 301)
    site.routes[WEBFINGER] = mastodon_site.webfinger(f"acct:admin@{other_site.domain}", f"{site.url}/ap/users/1")
    assert result_of("activitypub", domain=other_site.domain).success


def test_a_split_domain_that_is_not_configured_says_which_domain_it_is(site: Site, result_of: ResultOf) -> None:
    site.routes[WEBFINGER] = mastodon_site.webfinger("acct:admin@qdon.example", f"{site.url}/ap/users/1")
    result = result_of("activitypub")
    assert result.reason is Reason.SUBJECT
    assert "acct:admin@qdon.example" in result.detail
    assert "domain:" in result.detail


@pytest.mark.parametrize(
    ("path", "reply", "reason", "hop"),
    [
        (HOST_META, page("down", 500), Reason.HTTP_STATUS, "host-meta"),
        (HOST_META, page("<XRD><Link", 200), Reason.XML, "host-meta"),
        (HOST_META, page("<!DOCTYPE x [<!ENTITY a 'b'>]><XRD>&a;</XRD>"), Reason.XML, "host-meta"),
        (HOST_META, Reply(200, b"<XRD></XRD>", XRD), Reason.TEMPLATE, "host-meta"),
        (HOST_META, Reply(200, b"<XRD><Link rel='lrdd' template='https://x.test/'/></XRD>", XRD), Reason.TEMPLATE,
         "host-meta"),
        (HOST_META, redirect(HOST_META), Reason.REDIRECT, "host-meta"),
        (WEBFINGER, page("no such account", 404), Reason.HTTP_STATUS, "webfinger"),
        (WEBFINGER, page("{"), Reason.JSON, "webfinger"),
        (WEBFINGER, document([]), Reason.JSON, "webfinger"),
        (WEBFINGER, document({"links": []}, JRD), Reason.SUBJECT, "webfinger"),
        ("/ap/users/1", page("gone", 410), Reason.HTTP_STATUS, "actor"),
        ("/ap/users/1", page("<html>a page</html>"), Reason.JSON, "actor"),
        ("/ap/users/1", page("<h1>Unauthorized</h1>", 401), Reason.HTTP_STATUS, "actor"),
    ],
)  # fmt: skip
def test_the_hop_that_fails_is_named(
    site: Site, result_of: ResultOf, path: str, reply: Reply, reason: Reason, hop: str
) -> None:
    site.routes[path] = reply
    result = result_of("activitypub")
    assert result.reason is reason
    assert result.detail.startswith(f"{hop}: ")


def test_links_without_a_self_link_to_an_actor_fail(site: Site, result_of: ResultOf) -> None:
    links = [
        {"rel": "self", "type": "text/html", "href": site.url},
        {"rel": "self", "type": "application/activity+json"},
    ]
    site.routes[WEBFINGER] = document({"subject": f"acct:admin@{site.domain}", "links": [*links, None, 7]}, JRD)
    assert result_of("activitypub").reason is Reason.SELF_LINK


@pytest.mark.parametrize("reply", [SIGNATURE_WANTED, Reply(401, b"Request not signed", "text/plain")])
def test_secure_mode_is_restricted_and_not_down(site: Site, result_of: ResultOf, reply: Reply) -> None:
    site.routes["/ap/users/1"] = reply
    result = result_of("activitypub")
    assert (result.success, result.restricted, result.http_status) == (True, True, 401)


def without_contact(site: Site, version: str) -> None:
    silent = mastodon_site.instance_v2(site, version) | {"contact": {"account": None}}
    site.routes["/api/v2/instance"] = document(silent)


def test_the_instance_actor_is_asked_about_where_no_account_is_known(site: Site, result_of: ResultOf) -> None:
    without_contact(site, "4.6.0")
    site.routes[WEBFINGER] = mastodon_site.webfinger(f"acct:{site.domain}@{site.domain}", f"{site.url}/actor")
    site.routes["/actor"] = Reply(200, mastodon_site.actor(f"{site.url}/actor").body, ACTIVITY)
    assert result_of("activitypub").success


def test_an_instance_actor_may_go_by_another_name(site: Site, result_of: ResultOf) -> None:
    without_contact(site, "4.6.0")
    site.routes[WEBFINGER] = mastodon_site.webfinger(f"acct:mastodon.internal@{site.domain}", f"{site.url}/actor")
    site.routes["/actor"] = mastodon_site.actor(f"{site.url}/actor")
    assert result_of("activitypub").success
    site.routes[WEBFINGER] = mastodon_site.webfinger("acct:mastodon.internal@other.example", f"{site.url}/actor")
    assert result_of("activitypub").reason is Reason.SUBJECT


def test_there_is_no_check_where_there_is_no_instance_actor_either(
    site: Site, look: Callable[..., InstanceReport]
) -> None:
    without_contact(site, "3.4.0")
    site.routes[WEBFINGER] = page("", 404)
    report = look("activitypub")
    assert [entry.check for entry in report.absent] == ["activitypub"]


def test_a_newer_server_that_does_not_know_its_instance_actor_is_down(site: Site, result_of: ResultOf) -> None:
    without_contact(site, "4.6.0")
    site.routes[WEBFINGER] = page("", 404)
    assert result_of("activitypub").reason is Reason.HTTP_STATUS


def test_an_account_that_was_never_learnt_fails_by_discovery(site: Site, result_of: ResultOf) -> None:
    site.routes["/api/v2/instance"] = page("down", 500)
    assert result_of("activitypub").reason is Reason.DISCOVERY


def test_a_configured_keyword_is_looked_for_in_webfinger(site: Site, result_of: ResultOf) -> None:
    settings = {"activitypub": CheckSettings(keyword=Keyword("application/activity+json"))}
    assert result_of("activitypub", checks=settings).success
    settings = {"activitypub": CheckSettings(keyword=Keyword("salmon"))}
    assert result_of("activitypub", checks=settings).reason is Reason.KEYWORD
