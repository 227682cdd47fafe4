"""What lies in a bucket, page by page."""

from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import unquote_plus
from xml.etree.ElementTree import Element

from exporter.media.connection import Answer
from exporter.media.s3_address import encoded
from exporter.media.s3_answer import Kind, Setback, parsed, text_of
from exporter.media.s3_client import S3Client, S3Request
from exporter.media.store import Listed

PAGE_ROWS = 1000
"""What S3 lists in one answer at most."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a listing goes on: behind a key. `mark` is what the store itself has left to find it by."""

    prefix: str
    after: str = ""
    mark: str = ""


@dataclass(frozen=True, slots=True)
class _Page:
    rows: tuple[Listed, ...]
    following: _Place | None


class Lister:
    """Lists one bucket; by the older request once the store has turned out not to know the newer one. Thread-safe."""

    def __init__(self, client: S3Client) -> None:
        self._client = client
        self._is_old = False

    def list_from(self, prefix: str, after: str = "") -> Iterator[Listed]:
        """Yield what lies under a prefix behind a key, in the order in which the store lists it."""
        place: _Place | None = _Place(prefix, after)
        while place is not None:
            page = self._page(place)
            yield from page.rows
            place = page.following

    def _page(self, place: _Place) -> _Page:
        if not self._is_old:
            page = self._client.ask(_newer_request(place), lambda answer: self._judge_newer(answer, place))
            if page is not None and not _begins_too_early(page, place):
                return page
            self._is_old = True
        return self._client.ask(_older_request(place), lambda answer: self._judge_older(answer, place))

    def _judge_newer(self, answer: Answer, place: _Place) -> _Page | Setback | None:
        if answer.status == HTTPStatus.OK:
            return _read(answer, place)
        setback = self._client.unwanted(answer)
        is_unknown = answer.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_IMPLEMENTED) and not place.mark
        return None if is_unknown and setback.kind is Kind.FINAL else setback

    def _judge_older(self, answer: Answer, place: _Place) -> _Page | Setback:
        if answer.status != HTTPStatus.OK:
            return self._client.unwanted(answer)
        page = _read(answer, place)
        is_stuck = isinstance(page, _Page) and page.following is not None and page.following.after == place.after
        return Setback("its listing does not go on", Kind.FINAL) if is_stuck else page


def _newer_request(place: _Place) -> S3Request:
    query = [("list-type", "2"), ("encoding-type", "url"), ("max-keys", str(PAGE_ROWS)), ("prefix", place.prefix)]
    if place.after:
        query.append(("start-after", place.after))
    if place.mark:
        query.append(("continuation-token", place.mark))
    return S3Request("GET", query=query)


def _older_request(place: _Place) -> S3Request:
    query = [("encoding-type", "url"), ("max-keys", str(PAGE_ROWS)), ("prefix", place.prefix)]
    if place.after:
        query.append(("marker", place.after))
    return S3Request("GET", query=query)


def _begins_too_early(page: _Page, place: _Place) -> bool:
    """Tell whether a store has not understood where to begin, as one that takes the newer request for the older."""
    return bool(page.rows and place.after) and encoded(page.rows[0].key) <= encoded(place.after)


def _read(answer: Answer, place: _Place) -> _Page | Setback:
    root = parsed(answer.body)
    if root is None or root.tag != "ListBucketResult":
        return Setback("its listing is not one that can be read")
    is_encoded = text_of(root, "EncodingType") == "url"
    rows = tuple(_row(element, is_encoded) for element in root.iter("Contents"))
    if text_of(root, "IsTruncated") != "true":
        return _Page(rows, None)
    mark, after = text_of(root, "NextContinuationToken"), _decoded(text_of(root, "NextMarker"), is_encoded)
    if not (rows or mark or after):
        return Setback("its listing breaks off", Kind.FINAL)
    return _Page(rows, _Place(place.prefix, after or (rows[-1].key if rows else place.after), mark))


def _row(element: Element, is_encoded: bool) -> Listed:
    size = text_of(element, "Size")
    return Listed(
        key=_decoded(text_of(element, "Key"), is_encoded),
        size_bytes=int(size) if size.isdecimal() else 0,
        etag=text_of(element, "ETag").strip('"'),
    )


def _decoded(text: str, is_encoded: bool) -> str:
    return unquote_plus(text, errors="surrogateescape") if is_encoded else text
