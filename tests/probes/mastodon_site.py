"""The answers of Mastodon servers of several versions, for tests of the checks."""

import html
import json

from tests.probes.site import Reply, Site, document, page, redirect

XRD = "application/xrd+xml; charset=utf-8"
JRD = "application/jrd+json; charset=utf-8"
ACTIVITY = "application/activity+json; charset=utf-8"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(32)


def main_page_4(domain: str) -> Reply:
    state = json.dumps({"meta": {"domain": domain, "version": "4.6.0"}, "accounts": {}})
    return page(
        "<!DOCTYPE html><html><head><title>x</title>"
        f'<meta content="Mastodon hosted on {domain}" property="og:site_name">'
        f'<script id="initial-state" type="application/json">{state}</script></head>'
        '<body class="app-body"><div id="mastodon"></div></body></html>'
    )


def main_page_3(domain: str) -> Reply:
    return page(
        f"<!DOCTYPE html><html><head><meta content='Mastodon hosted on {domain}' property='og:site_name'>"
        '<link rel="stylesheet" href="/packs/css/common-1a2b.css"></head><body>administered by @admin</body></html>'
    )


def host_meta(template: str) -> Reply:
    body = (
        '<?xml version="1.0" encoding="UTF-8"?><XRD xmlns="http://docs.oasis-open.org/ns/xri/xrd-1.0">'
        f'<Link rel="lrdd" template="{html.escape(template)}"/></XRD>'
    )
    return Reply(200, body.encode(), XRD)


def webfinger(subject: str, actor: str) -> Reply:
    links = [
        {"rel": "http://webfinger.net/rel/profile-page", "type": "text/html", "href": actor},
        {"rel": "self", "type": "application/activity+json", "href": actor},
    ]
    return document({"subject": subject, "links": links}, JRD)


def actor(url: str) -> Reply:
    return document({"id": url, "type": "Person", "inbox": url + "/inbox"}, ACTIVITY)


def instance_v2(site: Site, version: str = "4.6.0") -> dict[str, object]:
    return {
        "domain": site.domain,
        "version": version,
        "thumbnail": {"url": f"{site.url}/system/site_uploads/files/1/original/shot.png"},
        "configuration": {"urls": {"streaming": site.url.replace("http", "ws", 1)}},
        "contact": {"account": {"acct": "admin", "username": "admin"}},
    }


def instance_v1(site: Site, version: str = "3.5.3") -> dict[str, object]:
    return {
        "uri": site.domain,
        "version": version,
        "thumbnail": f"{site.url}/system/site_uploads/files/1/original/shot.png",
        "urls": {"streaming_api": site.url.replace("http", "ws", 1)},
        "stats": {"user_count": 12, "status_count": 345, "domain_count": 6789},
        "contact_account": {"acct": "admin", "username": "admin"},
    }


def newest(site: Site) -> dict[str, Reply]:
    """Return the answers of a healthy 4.6 server, all on one host."""
    me = f"{site.url}/ap/users/1"
    return {
        "/": main_page_4(site.domain),
        "/about": main_page_4(site.domain),
        "/about/more": redirect("/about"),
        "/api/v2/instance": document(instance_v2(site)),
        "/api/v1/instance": document(instance_v1(site, "4.6.0")),
        "/api/v1/streaming/health": Reply(200, b"OK", "text/plain"),
        "/api/v1/streaming": document({"error": "Missing access token"}, status=401),
        "/@admin": page(f'<meta content="admin@{site.domain}" property="profile:username">'),
        "/system/site_uploads/files/1/original/shot.png": Reply(200, PNG, "image/png"),
        "/.well-known/host-meta": host_meta(f"{site.url}/.well-known/webfinger?resource={{uri}}"),
        "/.well-known/webfinger": webfinger(f"acct:admin@{site.domain}", me),
        "/.well-known/nodeinfo": document(
            {"links": [{"rel": "http://nodeinfo.diaspora.software/ns/schema/2.0", "href": f"{site.url}/nodeinfo/2.0"}]}
        ),
        "/nodeinfo/2.0": document({"usage": {"users": {"total": 12}, "localPosts": 345}}),
        "/ap/users/1": actor(me),
        "/health": Reply(200, b"OK", "text/plain"),
    }


def before_4(site: Site, version: str = "3.5.3") -> dict[str, Reply]:
    """Return the answers of a healthy server from before 4.0: no version 2 of the instance API."""
    routes = newest(site)
    del routes["/api/v2/instance"]
    return routes | {
        "/": redirect("/about"),
        "/about": main_page_3(site.domain),
        "/about/more": main_page_3(site.domain),
        "/api/v1/instance": document(instance_v1(site, version)),
    }


def before_3(site: Site) -> dict[str, Reply]:
    """Return the answers of a healthy 2.9 server: no /health, no nodeinfo."""
    gone = ("/health", "/.well-known/nodeinfo", "/nodeinfo/2.0")
    return {path: reply for path, reply in before_4(site, "2.9.4").items() if path not in gone}
