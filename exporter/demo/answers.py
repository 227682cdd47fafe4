"""What the sample server is asked and what it answers, before any of it is bytes on a wire."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from functools import cached_property
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote

JSON_TYPES = frozenset(
    {"application/json", "application/activity+json", "application/ld+json", "application/jrd+json"},
)
HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Request:
    """One request. `target` is path and query as they were sent; header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def path(self) -> str:
        """The path alone, decoded."""
        return unquote(self.target.partition("?")[0])

    @cached_property
    def query(self) -> Mapping[str, str]:
        """The query parameters, decoded; of two with the same name, the last."""
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))

    @cached_property
    def accepted_types(self) -> tuple[str, ...]:
        """The media types of the Accept header in their order, without parameters."""
        accept = self.headers.get("accept", "*/*")
        return tuple(part.partition(";")[0].strip().lower() for part in accept.split(","))

    @property
    def wants_json(self) -> bool:
        """Whether Mastodon would answer in JSON where it can answer in HTML too."""
        if len(self.accepted_types) > 1 and "*/*" in self.accepted_types:  # Rails takes such a list for a browser's
            return False
        known = (one for one in self.accepted_types if one in JSON_TYPES | HTML_TYPES)
        return next(known, "") in JSON_TYPES


@dataclass(frozen=True)
class Answer:
    """One answer; length, date and the end of the connection are added when it is sent."""

    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    status: int = HTTPStatus.OK
    headers: Headers = ()

    def with_headers(self, *headers: tuple[str, str]) -> "Answer":
        """Return the same answer with more headers, after those it has."""
        return replace(self, headers=self.headers + headers)

    def head_bytes(self) -> bytes:
        """Return the status line and the headers, with the empty line that ends them."""
        return encode_head(self.status, (*self._framing(), *self.headers))

    def to_bytes(self) -> bytes:
        """Return the whole answer as it is sent."""
        return self.head_bytes() + self.body

    def _framing(self) -> Headers:
        if self.status == HTTPStatus.SWITCHING_PROTOCOLS:
            return ()
        return (
            ("Content-Type", self.content_type),
            ("Content-Length", str(len(self.body))),
            ("Connection", "close"),
        )


def encode_head(status: int, headers: Headers) -> bytes:
    """Return a status line and headers, dated now, with the empty line that ends them."""
    first = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"
    dated = (("Date", formatdate(usegmt=True)), *headers)
    return "\r\n".join((first, *(f"{name}: {value}" for name, value in dated), "", "")).encode("latin-1")


def html(text: str, status: int = HTTPStatus.OK) -> Answer:
    """Return a page."""
    return Answer(text.encode(), "text/html; charset=utf-8", status)


def plain(text: str, status: int = HTTPStatus.OK) -> Answer:
    """Return a text."""
    return Answer(text.encode(), "text/plain; charset=utf-8", status)


def xml(text: str, status: int = HTTPStatus.OK, content_type: str = "application/xml") -> Answer:
    """Return an XML document; the declaration is added."""
    return Answer(
        f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode(), f"{content_type}; charset=utf-8", status
    )


def json_document(value: object, status: int = HTTPStatus.OK, content_type: str = "application/json") -> Answer:
    """Return a value as JSON."""
    return Answer(json.dumps(value).encode(), f"{content_type}; charset=utf-8", status)


def redirect(location: str, status: int = HTTPStatus.FOUND) -> Answer:
    """Return the way to another URL."""
    return Answer(status=status, headers=(("Location", location),))
