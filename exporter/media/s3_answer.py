"""What an answer of a store means: the object's head, or why there is none."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from http import HTTPStatus
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from exporter.media.connection import Answer, printable
from exporter.media.store import ObjectHead

LONGEST_WAIT_SECONDS = 120.0
"""A store may ask for a longer pause with Retry-After; it is asked again after this one all the same."""

_MOST_DIGITS = 19
# A page of 1,000 objects has 30,000 of either. More would be built up to many times what was read.
_MOST_TAGS = _MOST_ATTRIBUTES = 100_000

_THROTTLED = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_THROTTLED_CODES = frozenset({"SlowDown", "RequestLimitExceeded", "RequestRateLimitExceeded", "TooManyRequests"})
_PASSING_CODES = frozenset({"BadDigest", "IncompleteBody", "InternalError", "OperationAborted", "RequestTimeout"})
# Either what was sent has been altered on the way, or somebody has to change a setting.
_DOUBTFUL_CODES = frozenset({"InvalidDigest", "SignatureDoesNotMatch", "XAmzContentSHA256Mismatch"})
_CLEARLY_ABSENT = frozenset({"NoSuchBucket", "NoSuchKey"})
# What no object has anything to do with.
_SHUT_CODES = frozenset(
    {
        "AccountProblem",
        "AllAccessDisabled",
        "ExpiredToken",
        "InvalidAccessKeyId",
        "InvalidToken",
        "NoSuchBucket",
        "QuotaExceeded",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "UserSuspended",
    }
)
_ADVICE = {
    "AccessControlListNotSupported": "write `acl: none` for this store",
    "AuthorizationHeaderMalformed": "check `region`",
    "ExpiredToken": "get new keys",
    "InvalidAccessKeyId": "check `access_key`",
    "NoSuchBucket": "check `bucket`, and `addressing`",
    "PermanentRedirect": "check `endpoint` and `region`",
    "QuotaExceeded": "make room, or have the quota raised",
    "RequestTimeTooSkewed": "set the clock of this machine",
    "SignatureDoesNotMatch": "check `secret_key`",
}
# Only a store names its answers so; a server in between says 404 without a word, too.
_STORES_OWN = frozenset({"x-amz-id-2", "x-amz-request-id", "x-cos-request-id", "x-obs-request-id", "x-oss-request-id"})
_OWN_HEADERS = frozenset({"content-disposition", "content-encoding", "content-language"})
_METADATA = "x-amz-meta-"
_ENCRYPTED = "x-amz-server-side-encryption"
_ENCRYPTED_BY_CUSTOMER = "x-amz-server-side-encryption-customer-algorithm"


class Kind(Enum):
    """What may come of trying again: DOUBTFUL ends sooner, CHANGED concerns an object that is no longer the same."""

    PASSING = auto()
    THROTTLED = auto()
    CHANGED = auto()
    DOUBTFUL = auto()
    FINAL = auto()


@dataclass(frozen=True, slots=True)
class Setback:
    """A try that came to nothing. `wait_seconds` is what the store asks for, `code` what it calls the trouble."""

    text: str
    kind: Kind = Kind.PASSING
    wait_seconds: float | None = None
    code: str = ""

    @property
    def is_shut(self) -> bool:
        """Whether the store would answer the same to any other request."""
        return self.code in _SHUT_CODES


def setback_of(answer: Answer, now: float) -> Setback:
    """Return what an answer that is not the wanted one stands for."""
    code, message = _error(answer.body)
    told = " ".join(str(part) for part in (answer.status, code, f"({message})" if message else "") if part)
    advice = _ADVICE.get(code) or _redirected(answer) or _not_said(answer, code)
    text = f"it answered {told}" + (f"; {advice}" if advice else "")
    return Setback(text, _kind(answer.status, code), _retry_after(answer.headers, now), code)


def _kind(status: int, code: str) -> Kind:
    if status in _THROTTLED or code in _THROTTLED_CODES:
        return Kind.THROTTLED
    if code in _DOUBTFUL_CODES:
        return Kind.DOUBTFUL
    if code == "NoSuchUpload":
        return Kind.CHANGED
    is_unclear = status == HTTPStatus.NOT_FOUND and code not in _CLEARLY_ABSENT
    may_pass = is_unclear or status == HTTPStatus.REQUEST_TIMEOUT or code in _PASSING_CODES
    is_final = not may_pass and (status < HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.NOT_IMPLEMENTED)
    return Kind.FINAL if is_final else Kind.PASSING


def is_not_found(answer: Answer, code: str, *, is_bare_enough: bool) -> bool:
    """Tell whether the store itself says that something is not there, in the words of the code.

    Another code is another matter, and so is the 404 of a server in between, with a page or without. One without a
    word is a store's where its headers show it, or where `is_bare_enough`.
    """
    if is_bare_404(answer):
        return is_bare_enough or is_stores_own(answer.headers)
    return answer.status == HTTPStatus.NOT_FOUND and answer.is_whole and _error(answer.body)[0] == code


def is_bare_404(answer: Answer) -> bool:
    """Tell whether an answer is a 404 that says nothing more, as some stores give it for what is not there."""
    return answer.status == HTTPStatus.NOT_FOUND and answer.is_whole and not answer.body.strip()


def is_stores_own(headers: Mapping[str, str]) -> bool:
    """Tell whether an answer shows that it is a store's, and no other server's."""
    return not _STORES_OWN.isdisjoint(headers)


def _not_said(answer: Answer, code: str) -> str:
    if answer.status != HTTPStatus.NOT_FOUND or code in ("NoSuchKey", "NoSuchUpload"):
        return ""
    return "which is not how a store says that an object is not there"


def _redirected(answer: Answer) -> str:
    region = answer.headers.get("x-amz-bucket-region")
    if region:
        return f"the bucket lies in the region {printable(region)}"
    if HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.BAD_REQUEST:
        return f"check `endpoint`, it leads on to {printable(answer.headers.get('location', 'elsewhere'))}"
    return ""


def _retry_after(headers: Mapping[str, str], now: float) -> float | None:
    written = headers.get("retry-after", "")
    try:
        seconds = float(written) if written.isdecimal() else _timestamp(written) - now
    except (TypeError, ValueError, OverflowError):
        return None
    return min(max(seconds, 0.0), LONGEST_WAIT_SECONDS)


def _timestamp(written: str) -> float:
    moment = parsedate_to_datetime(written)
    # An old form of these dates, and one with -0000, name no zone; all of HTTP is in GMT.
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _error(body: bytes) -> tuple[str, str]:
    root = parsed(body)
    if root is None:
        return "", ""
    return printable(text_of(root, "Code")), printable(text_of(root, "Message"))


def error_within(answer: Answer, now: float) -> Setback | None:
    """Return the error that an answer with status 200 may hold, as those to long operations do."""
    root = parsed(answer.body)
    if root is None:
        return Setback("it answered something that is no XML")
    return setback_of(Answer(HTTPStatus.INTERNAL_SERVER_ERROR, {}, answer.body), now) if root.tag == "Error" else None


def parsed(body: bytes) -> Element | None:
    """Return the root of an answer in XML, tags without a namespace; None where it is none that can be trusted."""
    try:
        text = body.decode()
        if text.count("<") > _MOST_TAGS or text.count("=") > _MOST_ATTRIBUTES:
            return None
        root: Element = fromstring(text)
    except (ParseError, DefusedXmlException, ValueError):
        return None
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def text_of(element: Element, tag: str) -> str:
    """Return the text of the first child of that name, or an empty one."""
    return element.findtext(tag) or ""


def whole_number(text: str) -> int | None:
    """Return a number of bytes as a store tells it; None where it is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS else None


def head_of(headers: Mapping[str, str]) -> ObjectHead | None:
    """Return what the headers tell of an object; None where they do not tell its size."""
    size_bytes = whole_number(headers.get("content-length", ""))
    if size_bytes is None:
        return None
    return ObjectHead(
        size_bytes=size_bytes,
        etag=etag_of(headers),
        content_type=headers.get("content-type") or None,
        cache_control=headers.get("cache-control") or None,
        metadata=_metadata(headers),
        is_etag_opaque=_ENCRYPTED_BY_CUSTOMER in headers or headers.get(_ENCRYPTED, "").startswith("aws:kms"),
        is_encrypted=_ENCRYPTED in headers,
    )


def etag_of(headers: Mapping[str, str]) -> str:
    """Return the ETag without its quotes."""
    return headers.get("etag", "").removeprefix("W/").strip('"')


def _metadata(headers: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in headers.items() if name in _OWN_HEADERS or name.startswith(_METADATA)}
    if "content-encoding" not in kept:
        return kept
    encoding = [word.strip() for word in kept.pop("content-encoding").split(",")]
    encoding = [
        word for word in encoding if word not in ("", "aws-chunked")
    ]  # which belongs to an upload, not to bytes
    return {**kept, "content-encoding": ", ".join(encoding)} if encoding else kept
