"""How a fault turns a healthy answer into another one, or into misbehaviour."""

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus

from exporter.demo.answers import Answer, Request, html, json_document, redirect
from exporter.demo.federation import link_host_meta
from exporter.demo.misbehaviour import Misbehaviour, Outcome
from exporter.demo.pages import error, parked
from exporter.demo.site import Site
from exporter.demo.storage import list_bucket, store_error

Alteration = Callable[[Site, Request, Answer], Outcome]
"""What becomes of the healthy answer to a request."""

METADATA_ADDRESS = "http://169.254.169.254/latest/meta-data/"
"""Where clouds keep the credentials of a machine: what a redirect must never lead to."""


def fail_with(status: int) -> Alteration:
    """Answer an error page."""
    return lambda site, request, answer: error(status)


def refuse_json(status: int, message: str) -> Alteration:
    """Answer an error of the API."""
    return lambda site, request, answer: json_document({"error": message}, status)


def fail_as_store(status: int, code: str) -> Alteration:
    """Answer an error of an S3 store."""
    return lambda site, request, answer: store_error(status, code)


def open_listing(site: Site, request: Request, answer: Answer) -> Answer:
    """Answer the names of all objects."""
    return list_bucket(site)


def park(site: Site, request: Request, answer: Answer) -> Answer:
    """Answer the page of a seller of domains."""
    return parked(site, request)


def replace_page(text: str) -> Alteration:
    """Answer 200 and another page."""
    return lambda site, request, answer: html(f"<!DOCTYPE html>\n<title>{text}</title>\n<p>{text}</p>\n")


def replace_body(text: str) -> Alteration:
    """Keep status and headers, and answer another text."""
    return lambda site, request, answer: replace(answer, body=text.encode())


def set_field(name: str, value: object) -> Alteration:
    """Answer the same JSON object with one key changed."""
    return lambda site, request, answer: _edit(answer, lambda document: {**document, name: value})


def link_host_meta_to(template: str) -> Alteration:
    """Answer a host-meta with another template."""
    return lambda site, request, answer: link_host_meta(site, template)


def drop_link(relation: str) -> Alteration:
    """Answer the same links without one."""

    def without(document: dict[str, object]) -> dict[str, object]:
        links = document.get("links", [])
        kept = [link for link in links if link["rel"] != relation] if isinstance(links, list) else links
        return {**document, "links": kept}

    return lambda site, request, answer: _edit(answer, without)


def mark(name: str, value: str) -> Alteration:
    """Answer the same with a header changed or added."""

    def marked(site: Site, request: Request, answer: Answer) -> Answer:
        others = tuple(header for header in answer.headers if header[0].lower() != name.lower())
        return replace(answer, headers=(*others, (name, value)))

    return marked


def redirect_to(location: str) -> Alteration:
    """Send the client elsewhere."""
    return lambda site, request, answer: redirect(location)


def redirect_onwards(site: Site, request: Request, answer: Answer) -> Answer:
    """Send the client to an address it has not seen yet, each time."""
    hop = request.query.get("hop", "0")
    following = int(hop) + 1 if hop.isascii() and hop.isdecimal() and len(hop) < len("1000000") else 1
    return redirect(f"{site.url}{request.path}?hop={following}")


def corrupt_gzip(site: Site, request: Request, answer: Answer) -> Answer:
    """Answer with a compressed body that is damaged from its first block on."""
    packed = gzip.compress(answer.body)
    damaged = replace(answer, body=packed[:10] + bytes(byte ^ 0xFF for byte in packed[10:]))
    return damaged.with_headers(("Content-Encoding", "gzip"))


def instead(how: Misbehaviour) -> Alteration:
    """Do something to the connection and send no answer."""
    return lambda site, request, answer: how


def spoil(how: Callable[[Answer], Misbehaviour]) -> Alteration:
    """Send the healthy answer in a way no server would."""
    return lambda site, request, answer: how(answer)


def _edit(answer: Answer, change: Callable[[dict[str, object]], dict[str, object]]) -> Answer:
    document = _read_object(answer.body) if answer.status == HTTPStatus.OK else None
    return answer if document is None else replace(answer, body=json.dumps(change(document)).encode())


def _read_object(body: bytes) -> dict[str, object] | None:
    """Return the JSON object, or None: another fault may have broken it, or it is the XML of versions before 3.0."""
    try:
        document = json.loads(body)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None
