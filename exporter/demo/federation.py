"""How other servers find an account: host-meta, webfinger, actor."""

from http import HTTPStatus

from exporter.demo.answers import JSON_TYPES, Answer, Request, json_document, redirect, xml
from exporter.demo.pages import not_found, profile
from exporter.demo.site import ACCOUNT, ACCOUNT_ID, DISPLAY_NAME, Site

ACTIVITY_TYPE = "application/activity+json"
XRD_TYPE = "application/xrd+xml"
ACTIVITY_CONTEXT = ("https://www.w3.org/ns/activitystreams", "https://w3id.org/security/v1")

_FOR_THREE_DAYS = ("Cache-Control", "max-age=259200, public")
# Nobody has the private half: the sample signs nothing.
_PUBLIC_KEY = """-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAp9SA7pmfQRBExw8nPAa+
FQVhqFjY01wJvM6PM70iVY4NoZIo33JLlX6T8voV4xWDvaDaHAfvbcLTGaFK96gm
fJmRigAn0M7uT5cQzPi0cxIikwfU3YGtnmyHpYE96D0K77OIIwlV1m7QfIdeSQDW
Hh7+WJec8ELCbQkCnlWswcpcd/zTdd+GjseJfqyXrrYhJ6Z7shJ2U1KY8IRDE71M
AuhvWj16GvNt0kCpY1/jOYuCrEWspyoq0vQ+5Ka9dG/pQlqC/Mk8Hnkb51doNSeF
ZPCsD4B3de79i9RFqpMJA6kRDPqjXl9L7XEEMgvAtmwvIZY+xNfPpAVA7snX0o9r
KQIDAQAB
-----END PUBLIC KEY-----
"""

Link = dict[str, str]


def host_meta(site: Site, request: Request) -> Answer:
    """Return where webfinger is: XML, and from 4.3 on JSON to those who ask for JSON."""
    if site.since(4, 3) and request.accepted_types[0] in JSON_TYPES:
        return host_meta_json(site, request)
    return link_host_meta(site, _webfinger_template(site)).with_headers(_FOR_THREE_DAYS)


def link_host_meta(site: Site, template: str) -> Answer:
    """Return the XML form with any template."""
    link_type = "" if site.since(3, 0) else f' type="{XRD_TYPE}"'
    link = f'<Link rel="lrdd"{link_type} template="{template}"/>'
    return xml(f'<XRD xmlns="http://docs.oasis-open.org/ns/xri/xrd-1.0">{link}</XRD>', content_type=XRD_TYPE)


def host_meta_json(site: Site, request: Request) -> Answer:
    """Return the JSON form (4.3 and newer)."""
    if not site.since(4, 3):
        return not_found(site, request)
    links = [{"rel": "lrdd", "template": _webfinger_template(site)}]
    return json_document({"links": links}).with_headers(_FOR_THREE_DAYS)


def webfinger(site: Site, request: Request) -> Answer:
    """Return the links of an account; 404 and 400 have no body."""
    resource = request.query.get("resource", "").lower()
    if not resource.startswith("http") and "@" not in resource:
        return Answer(status=HTTPStatus.BAD_REQUEST if site.since(3, 5) else HTTPStatus.NOT_FOUND)
    if resource in _names_of_account(site):
        return _account_links(site, request)
    if site.since(3, 0) and resource in _names_of_instance(site):
        return _instance_links(site)
    return Answer(status=HTTPStatus.NOT_FOUND)


def account(site: Site, request: Request) -> Answer:
    """Return the page or the actor, whichever was asked for."""
    return actor(site) if request.wants_json else profile(site, request)


def account_address(site: Site, request: Request) -> Answer:
    """Return the actor; those who want a page are sent to the profile."""
    return actor(site) if request.wants_json else redirect(site.profile_url, HTTPStatus.MOVED_PERMANENTLY)


def numbered_account(site: Site, request: Request) -> Answer:
    """Return the actor by the id that 4.6 brought."""
    return account_address(site, request) if site.since(4, 6) else not_found(site, request)


def actor(site: Site) -> Answer:
    """Return the account as an ActivityPub actor."""
    document = _actor_document(site.actor_url, ACCOUNT, "Person") | {
        "name": DISPLAY_NAME,
        "url": site.profile_url,
        "followers": f"{site.actor_url}/followers",
        "following": f"{site.actor_url}/following",
        "icon": {"type": "Image", "mediaType": "image/png", "url": site.avatar_url},
        "endpoints": {"sharedInbox": f"{site.url}/inbox"},
    }
    return json_document(document, content_type=ACTIVITY_TYPE).with_headers(("Cache-Control", "max-age=180, public"))


def instance_actor(site: Site, request: Request) -> Answer:
    """Return the actor that stands for the server itself (3.0 and newer)."""
    if not site.since(3, 0):
        return not_found(site, request)
    document = _actor_document(site.instance_actor_url, site.domain, "Application") | {
        "url": f"{site.url}/about/more?instance_actor=true",
    }
    return json_document(document, content_type=ACTIVITY_TYPE).with_headers(("Cache-Control", "max-age=600, public"))


def _actor_document(actor_id: str, username: str, kind: str) -> dict[str, object]:
    return {
        "@context": ACTIVITY_CONTEXT,
        "id": actor_id,
        "type": kind,
        "preferredUsername": username,
        "inbox": f"{actor_id}/inbox",
        "outbox": f"{actor_id}/outbox",
        "publicKey": {"id": f"{actor_id}#main-key", "owner": actor_id, "publicKeyPem": _PUBLIC_KEY},
    }


def _webfinger_template(site: Site) -> str:
    return f"{site.url}/.well-known/webfinger?resource={{uri}}"


def _names_of_account(site: Site) -> frozenset[str]:
    names = (f"acct:{site.handle}", site.handle, site.profile_url, site.account_url, site.actor_url)
    return frozenset(name.lower() for name in names)


def _names_of_instance(site: Site) -> frozenset[str]:
    handle = f"{site.domain}@{site.domain}"
    return frozenset(name.lower() for name in (f"acct:{handle}", handle, site.instance_actor_url))


def _account_links(site: Site, request: Request) -> Answer:
    links = [_link("http://webfinger.net/rel/profile-page", "text/html", site.profile_url)]
    if not site.since(3, 0):
        feed = f"{site.account_url}.atom"
        links.append(_link("http://schemas.google.com/g/2010#updates-from", "application/atom+xml", feed))
    links += [_link("self", ACTIVITY_TYPE, site.actor_url), _subscribe_link(site)]
    if site.since(4, 2):
        links.append(_link("http://webfinger.net/rel/avatar", "image/png", site.avatar_url))
    if not site.since(3, 0) and request.accepted_types[0] in {"application/xml", "text/xml", XRD_TYPE}:
        return _as_xrd(site, links)
    aliases = [site.profile_url, site.actor_url]
    return _descriptor({"subject": f"acct:{site.handle}", "aliases": aliases, "links": links})


def _instance_links(site: Site) -> Answer:
    page = f"{site.url}/about/more?instance_actor=true"
    links = [
        _link("http://webfinger.net/rel/profile-page", "text/html", page),
        _link("self", ACTIVITY_TYPE, site.instance_actor_url),
        _subscribe_link(site),
    ]
    subject = f"acct:{site.domain}@{site.domain}"
    return _descriptor({"subject": subject, "aliases": [site.instance_actor_url], "links": links})


def _descriptor(document: dict[str, object]) -> Answer:
    return json_document(document, content_type="application/jrd+json").with_headers(_FOR_THREE_DAYS)


def _as_xrd(site: Site, links: list[Link]) -> Answer:
    """Return the links in the older form, which versions before 3.0 send to whoever asks for XML."""
    shown = "".join(f'<Link rel="{link["rel"]}" href="{link["href"]}"/>' for link in links if "href" in link)
    subject = f"<Subject>acct:{site.handle}</Subject>"
    return xml(f'<XRD xmlns="http://docs.oasis-open.org/ns/xri/xrd-1.0">{subject}{shown}</XRD>', content_type=XRD_TYPE)


def _link(relation: str, media_type: str, address: str) -> Link:
    return {"rel": relation, "type": media_type, "href": address}


def _subscribe_link(site: Site) -> Link:
    template = f"{site.url}/authorize_interaction?uri={{uri}}"
    return {"rel": "http://ostatus.org/schema/1.0/subscribe", "template": template}


PATHS = {
    "/.well-known/host-meta": host_meta,
    "/.well-known/host-meta.json": host_meta_json,
    "/.well-known/webfinger": webfinger,
    "/actor": instance_actor,
    f"/@{ACCOUNT}": account,
    f"/users/{ACCOUNT}": account_address,
    f"/ap/users/{ACCOUNT_ID}": numbered_account,
}
"""Every document by its path."""
