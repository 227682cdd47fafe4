"""The documents by which servers find each other's accounts: host-meta, webfinger, nodeinfo, actors."""

from dataclasses import dataclass
from urllib.parse import quote, urlsplit
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from exporter.mastodon.documents import MAX_TEXT_LENGTH, lookup, lookup_text, parse_json

ACTIVITY_JSON = "application/activity+json"
_LINKED_DATA = "application/ld+json"
_MAX_HOST_META_BYTES = 64 * 1024  # a hundred times what servers send; the parser takes its time over more
_NODEINFO_2 = "http://nodeinfo.diaspora.software/ns/schema/2."


class NotXml:
    """The text is not the XML it should be."""


NOT_XML = NotXml()


def webfinger_template(document: bytes) -> str | NotXml | None:
    """Return the URL template that host-meta gives for webfinger; None where it gives no usable one.

    RFC 6415: the Link with rel `lrdd`, whose template holds `{uri}`.
    """
    if len(document) > _MAX_HOST_META_BYTES:
        return NOT_XML
    try:
        root = fromstring(document, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        return NOT_XML
    links = (element for element in root.iter() if element.tag.rpartition("}")[2] == "Link")
    return next((template for link in links if (template := _lrdd_template(link))), None)


def _lrdd_template(link: Element) -> str | None:
    template = link.get("template", "")
    if link.get("rel") != "lrdd" or "{uri}" not in template or not is_http_url(template):
        return None
    return template


def fill_template(template: str, resource: str) -> str:
    """Return the webfinger URL for a resource such as acct:name@domain."""
    return template.replace("{uri}", quote(resource, safe=""))


@dataclass(frozen=True)
class WebfingerAnswer:
    """What webfinger says of an account: whom it means, and where its actor lies (None where it does not say)."""

    subject: str | None
    actor_url: str | None


def read_webfinger(text: str) -> WebfingerAnswer | None:
    """Return what a webfinger answer says, or None where it is not a JSON object (RFC 7033)."""
    document = parse_json(text)
    if not isinstance(document, dict):
        return None
    return WebfingerAnswer(lookup_text(document, "subject"), _actor_url(document))


def _actor_url(document: object) -> str | None:
    links = lookup(document, "links")
    for link in links if isinstance(links, list) else ():
        url = lookup_text(link, "href")
        if lookup(link, "rel") == "self" and is_activity_type(lookup_text(link, "type")) and url and is_http_url(url):
            return url
    return None


def is_activity_type(content_type: str | None) -> bool:
    """Tell whether a media type is one of the two that ActivityPub documents come in."""
    media_type = (content_type or "").partition(";")[0].strip().lower()
    return media_type in (ACTIVITY_JSON, _LINKED_DATA)


def is_actor(text: str) -> bool:
    """Tell whether a document is an ActivityPub actor: a JSON object with an id and a type."""
    document = parse_json(text)
    return all(lookup_text(document, key) for key in ("id", "type"))


def nodeinfo_url(text: str) -> str | None:
    """Return where the nodeinfo document lies, by /.well-known/nodeinfo, or None."""
    links = lookup(parse_json(text), "links")
    for link in links if isinstance(links, list) else ():
        url = lookup_text(link, "href")
        if (lookup_text(link, "rel") or "").startswith(_NODEINFO_2) and url and is_http_url(url):
            return url
    return None


def is_http_url(url: str) -> bool:
    """Tell whether a text is an http or https URL with a host, of a length that servers use."""
    if len(url) > MAX_TEXT_LENGTH:
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
