from collections.abc import Callable

import pytest

from exporter.config.model import CheckSettings, Keyword
from exporter.probes.result import ProbeResult, Reason
from tests.probes import mastodon_site
from tests.probes.mastodon_site import PNG
from tests.probes.site import Reply, Site, document, page, say_nothing

ResultOf = Callable[..., ProbeResult]
LISTING = page('<?xml version="1.0"?><ListBucketResult><Name>files</Name></ListBucketResult>')
DENIED = page("<Error><Code>AccessDenied</Code></Error>", 403)


def announce(site: Site, **values: object) -> None:
    silent = {"thumbnail": {"url": f"{site.url}/packs/media/images/preview-1a.png"}}
    site.routes["/api/v2/instance"] = document(mastodon_site.instance_v2(site) | silent | values)


def test_the_thumbnail_is_fetched_where_nothing_is_configured(
    site: Site, other_site: Site, result_of: ResultOf
) -> None:
    announce(site, thumbnail={"url": f"{other_site.url}/site_uploads/files/1/original/a.png"})
    other_site.routes["/site_uploads/files/1/original/a.png"] = Reply(200, PNG, "image/png")
    result = result_of("storage")
    assert (result.success, result.detail) == (True, other_site.domain)


def test_the_contacts_avatar_is_fetched_where_the_thumbnail_is_mastodons_own(
    site: Site, other_site: Site, result_of: ResultOf
) -> None:
    announce(site, contact={"account": {"acct": "admin", "avatar": f"{other_site.url}/accounts/avatars/1.png"}})
    other_site.routes["/accounts/avatars/1.png"] = Reply(200, PNG, "image/png")
    assert result_of("storage").success
    assert len(other_site.asked_for("/accounts/avatars/1.png")) == 1


def allow_media_from(site: Site, host: str) -> None:
    announce(site)
    policy = f"default-src 'none'; img-src 'self' data: blob: {site.url} {host}; media-src 'self' data: {host}"
    site.routes["/about"] = site.routes["/about"].with_header("Content-Security-Policy", policy)


def test_the_host_of_the_security_policy_is_asked_where_no_image_is_announced(
    site: Site, other_site: Site, result_of: ResultOf
) -> None:
    allow_media_from(site, other_site.url.replace("127.0.0.1", "files.test"))
    other_site.routes["/check.txt"] = page("OK")
    assert result_of("storage", resolve={"files.test": "127.0.0.1"}).success


@pytest.mark.parametrize(
    ("reply", "passes"),
    [(DENIED, True), (page("<Error><Code>NoSuchKey</Code></Error>", 404), True),
     (page("<Error><Code>NoSuchBucket</Code></Error>", 404), False), (page("nothing here", 404), False)],
)  # fmt: skip
def test_a_guessed_object_may_be_missing_if_the_store_itself_says_so(
    site: Site, other_site: Site, result_of: ResultOf, reply: Reply, passes: bool
) -> None:
    allow_media_from(site, other_site.url.replace("127.0.0.1", "files.test"))
    other_site.routes["/check.txt"] = reply
    assert result_of("storage", resolve={"files.test": "127.0.0.1"}).success is passes


def test_a_server_that_tells_of_no_storage_fails_by_discovery_and_says_what_to_configure(
    site: Site, result_of: ResultOf
) -> None:
    announce(site)
    result = result_of("storage")
    assert (result.reason, "storage:" in result.detail) == (Reason.DISCOVERY, True)


def test_storage_that_was_never_learnt_fails_by_discovery(site: Site, result_of: ResultOf) -> None:
    site.routes["/api/v2/instance"] = page("down", 500)
    assert result_of("storage").reason is Reason.DISCOVERY


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (page("OK\n"), None),
        (Reply(200, PNG, "image/png"), None),
        (Reply(200, PNG * 100_000, "image/png"), None),
        (DENIED, Reason.HTTP_STATUS),
        (page("<Error><Code>NoSuchKey</Code></Error>", 404), Reason.HTTP_STATUS),
        (page("<html>LOOK, a page</html>"), Reason.KEYWORD),
        (Reply(200, b"<html>error</html>", "image/png"), Reason.KEYWORD),
        (Reply(200, b"", "image/png"), Reason.KEYWORD),
        (page("x" * 3_000_000), Reason.BODY_TOO_LARGE),
    ],
)
def test_a_configured_object_is_ok_or_an_image(
    other_site: Site, result_of: ResultOf, reply: Reply, reason: Reason | None
) -> None:
    other_site.routes["/check.txt"] = reply
    assert result_of("storage", storage=f"{other_site.url}/check.txt").reason is reason


def test_a_configured_keyword_takes_the_place_of_ok(other_site: Site, result_of: ResultOf) -> None:
    other_site.routes["/check.txt"] = page("FINE")
    settings = {"storage": CheckSettings(keyword=Keyword("FINE"))}
    assert result_of("storage", storage=f"{other_site.url}/check.txt", checks=settings).success


@pytest.mark.parametrize(
    ("path", "root", "reply", "is_open"),
    [
        ("/check.txt", "/", LISTING, True),
        ("/check.txt", "/", DENIED, False),
        ("/bucket/check.txt", "/bucket/", LISTING, True),
        ("/bucket/check.txt", "/bucket/", DENIED, False),
    ],
)
def test_an_open_listing_is_told_and_does_not_fail_the_check(
    other_site: Site, result_of: ResultOf, path: str, root: str, reply: Reply, is_open: bool
) -> None:
    other_site.routes |= {path: page("OK"), root: reply}
    result = result_of("storage", storage=other_site.url + path)
    assert (result.success, result.bucket_listing_open, result.http_status) == (True, is_open, 200)


def test_whether_the_listing_is_open_is_not_told_of_a_store_that_does_not_answer(
    other_site: Site, result_of: ResultOf
) -> None:
    url = f"{other_site.url}/check.txt"
    other_site.stop()
    assert result_of("storage", storage=url).bucket_listing_open is None


def test_a_folder_of_mastodons_is_not_taken_for_a_bucket(other_site: Site, result_of: ResultOf) -> None:
    other_site.routes["/site_uploads/1.png"] = Reply(200, PNG, "image/png")
    result_of("storage", storage=f"{other_site.url}/site_uploads/1.png")
    assert [asked.path for asked in other_site.asked] == ["/site_uploads/1.png", "/"]


def test_a_listing_that_hangs_costs_a_second_and_is_not_in_the_checks_figures(
    other_site: Site, result_of: ResultOf
) -> None:
    other_site.routes |= {"/check.txt": page("OK"), "/": Reply(misbehave=say_nothing)}
    result = result_of("storage", storage=f"{other_site.url}/check.txt")
    assert (result.success, result.bucket_listing_open) == (True, None)
    assert result.duration_seconds < 0.9
