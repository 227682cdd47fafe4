"""What lies in a bucket, page by page."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import unquote_plus
from xml.etree.ElementTree import Element

from exporter.media.connection import ANSWER_LIMIT_BYTES, LISTING_LIMIT_BYTES, Answer
from exporter.media.s3_address import encoded
from exporter.media.s3_answer import Kind, Setback, parsed, text_of, whole_number
from exporter.media.s3_client import S3Client, S3Request
from exporter.media.store import Listed

PAGE_ROWS = 1000
"""What S3 lists in one answer at most."""

_MOST_EMPTY_PAGES = 3  # in a row; some stores show one where much has been deleted


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a listing goes on: behind a key, after so many pages with nothing on them.

    `mark` is what the store itself has left to find it by.
    """

    prefix: str
    after: str = ""
    mark: str = ""
    empty_pages: int = 0


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
            return _going_on(_read(answer, place), place)
        setback = self._client.unwanted(answer)
        is_unknown = answer.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_IMPLEMENTED) and not place.mark
        return None if is_unknown and setback.kind is Kind.FINAL else setback

    def _judge_older(self, answer: Answer, place: _Place) -> _Page | Setback:
        if answer.status != HTTPStatus.OK:
            return self._client.unwanted(answer)
        page = _going_on(_read(answer, place), place)
        is_stuck = isinstance(page, _Page) and page.following is not None and page.following.after == place.after
        return Setback("its listing does not go on", Kind.FINAL) if is_stuck else page


def admit_listing(status: int, _headers: Mapping[str, str]) -> int:
    """Return how much is read of an answer that should be a listing."""
    return LISTING_LIMIT_BYTES if status == HTTPStatus.OK else ANSWER_LIMIT_BYTES


def _going_on(page: _Page | Setback, place: _Place) -> _Page | Setback:
    """Return a page, unless it shows that this listing would never end."""
    if isinstance(page, Setback) or page.following is None:
        return page
    is_same_mark = page.following.mark != "" and page.following.mark == place.mark
    is_empty = page.following.empty_pages >= _MOST_EMPTY_PAGES
    return Setback("its listing does not go on", Kind.FINAL) if is_same_mark or is_empty else page


def _newer_request(place: _Place) -> S3Request:
    query = [("list-type", "2"), ("encoding-type", "url"), ("max-keys", str(PAGE_ROWS)), ("prefix", place.prefix)]
    if place.after:
        query.append(("start-after", place.after))
    if place.mark:
        query.append(("continuation-token", place.mark))
    return S3Request("GET", query=query, admit=admit_listing)


def _older_request(place: _Place) -> S3Request:
    query = [("encoding-type", "url"), ("max-keys", str(PAGE_ROWS)), ("prefix", place.prefix)]
    if place.after:
        query.append(("marker", place.after))
    return S3Request("GET", query=query, admit=admit_listing)


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
    empty_pages = 0 if rows else place.empty_pages + 1
    return _Page(rows, _Place(place.prefix, after or (rows[-1].key if rows else place.after), mark, empty_pages))


def _row(element: Element, is_encoded: bool) -> Listed:
    return Listed(
        key=_decoded(text_of(element, "Key"), is_encoded),
        size_bytes=whole_number(text_of(element, "Size")) or 0,
        etag=text_of(element, "ETag").strip('"'),
    )


def _decoded(text: str, is_encoded: bool) -> str:
    return unquote_plus(text, errors="surrogateescape") if is_encoded else text
