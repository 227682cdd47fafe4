"""What the server tells of itself in JSON: the instance API and nodeinfo."""

from exporter.demo.answers import Answer, Request, json_document
from exporter.demo.pages import not_found
from exporter.demo.site import (
    ACCOUNT,
    ACCOUNT_ID,
    ACTIVE_USER_COUNT,
    DESCRIPTION,
    DISPLAY_NAME,
    PEER_COUNT,
    STATUS_COUNT,
    STATUS_PAGE_URL,
    TITLE,
    USER_COUNT,
    Site,
)

Document = dict[str, object]

NODEINFO_SCHEMA = "http://nodeinfo.diaspora.software/ns/schema/2.0"
EMAIL = "admin@sample.example"


def instance_v2(site: Site, request: Request) -> Answer:
    """Return the instance API, which is there from 4.0 on."""
    if not site.since(4, 0):
        return not_found(site, request)
    document: Document = {
        "domain": site.domain,
        "title": TITLE,
        "version": site.version,
        "source_url": "https://github.com/mastodon/mastodon",
        "description": DESCRIPTION,
        "usage": {"users": {"active_month": ACTIVE_USER_COUNT}},
        "thumbnail": {"url": site.thumbnail_url, "versions": {"@1x": site.thumbnail_url}},
        "languages": ["en"],
        "configuration": {"urls": _urls(site), **_limits()},
        "registrations": {"enabled": False, "approval_required": False, "message": None},
        "contact": {"email": EMAIL, "account": _account(site)},
        "rules": [],
    }
    return json_document(document).with_headers(_caching(site))


def instance_v1(site: Site, request: Request) -> Answer:
    """Return the older instance API; 4.4 and newer say that it will go."""
    document: Document = {
        "uri": site.domain,
        "title": TITLE,
        "short_description": DESCRIPTION,
        "description": DESCRIPTION,
        "email": EMAIL,
        "version": site.version,
        "urls": {"streaming_api": site.streaming_url},
        "stats": {"user_count": USER_COUNT, "status_count": STATUS_COUNT, "domain_count": PEER_COUNT},
        "thumbnail": site.thumbnail_url,
        "languages": ["en"],
        "registrations": False,
        "approval_required": False,
        "contact_account": _account(site),
    }
    if site.since(3, 4, 2):
        document |= {"invites_enabled": False, "configuration": _limits(), "rules": []}
    deprecation = (("Deprecation", "@1668384000"),) if site.since(4, 4) else ()
    return json_document(document).with_headers(_caching(site), *deprecation)


def nodeinfo_links(site: Site, request: Request) -> Answer:
    """Return where the nodeinfo document is (3.0 and newer)."""
    if not site.since(3, 0):
        return not_found(site, request)
    links = [{"rel": NODEINFO_SCHEMA, "href": f"{site.url}/nodeinfo/2.0"}]
    return json_document({"links": links}).with_headers(("Cache-Control", "max-age=259200, public"))


def nodeinfo(site: Site, request: Request) -> Answer:
    """Return the nodeinfo document (3.0 and newer)."""
    if not site.since(3, 0):
        return not_found(site, request)
    users = {"total": USER_COUNT, "activeMonth": ACTIVE_USER_COUNT, "activeHalfyear": ACTIVE_USER_COUNT}
    document: Document = {
        "version": "2.0",
        "software": {"name": "mastodon", "version": site.version},
        "protocols": ["activitypub"],
        "services": {"outbound": [], "inbound": []},
        "usage": {"users": users, "localPosts": STATUS_COUNT},
        "openRegistrations": False,
        "metadata": {},
    }
    return json_document(document).with_headers(("Cache-Control", "max-age=1800, public"))


def _caching(site: Site) -> tuple[str, str]:
    if site.since(4, 2):
        return ("Cache-Control", "max-age=300, public, stale-while-revalidate=30, stale-if-error=86400")
    return ("Cache-Control", "max-age=180, public")


def _urls(site: Site) -> Document:
    urls: Document = {"streaming": site.streaming_url}
    if site.since(4, 1):
        urls["status"] = STATUS_PAGE_URL
    if site.since(4, 4):
        urls |= {
            "about": f"{site.url}/about",
            "privacy_policy": f"{site.url}/privacy-policy",
            "terms_of_service": None,
        }
    return urls


def _limits() -> Document:
    return {
        "statuses": {"max_characters": 500, "max_media_attachments": 4, "characters_reserved_per_url": 23},
        "media_attachments": {"supported_mime_types": ["image/jpeg", "image/png"], "image_size_limit": 16777216},
        "polls": {"max_options": 4, "max_characters_per_option": 50},
    }


def _account(site: Site) -> Document:
    return {
        "id": ACCOUNT_ID,
        "username": ACCOUNT,
        "acct": ACCOUNT,
        "display_name": DISPLAY_NAME,
        "locked": False,
        "bot": False,
        "created_at": "2017-04-10T00:00:00.000Z",
        "note": "",
        "url": site.profile_url,
        "avatar": site.avatar_url,
        "avatar_static": site.avatar_url,
        "followers_count": USER_COUNT,
        "following_count": USER_COUNT,
        "statuses_count": STATUS_COUNT,
        "emojis": [],
        "fields": [],
    }


PATHS = {
    "/api/v1/instance": instance_v1,
    "/api/v2/instance": instance_v2,
    "/.well-known/nodeinfo": nodeinfo_links,
    "/nodeinfo/2.0": nodeinfo,
}
"""Every document by its path."""
