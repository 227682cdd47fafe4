"""HTTP requests and answers as values; what cannot be read as a request is refused here."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from exporter.errors import RequestRefused

PLAIN_TEXT = "text/plain; charset=utf-8"
QUERY_SIZE_BYTES = 8 * 1024
PARAMETERS = 50

_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Request:
    """One request. `headers` has WSGI's names (HTTP_ACCEPT), `parameters` their order and repetitions."""

    method: str
    path: str
    parameters: tuple[tuple[str, str], ...]
    headers: Mapping[str, Any]

    def header(self, name: str) -> str | None:
        """Return the value of a header, or None."""
        value: str | None = self.headers.get("HTTP_" + name.upper().replace("-", "_"))
        return value


@dataclass(frozen=True)
class Response:
    """One answer. The body is sent as it is; Content-Length is worked out."""

    body: bytes
    content_type: str = PLAIN_TEXT
    status: HTTPStatus = HTTPStatus.OK
    headers: tuple[tuple[str, str], ...] = ()


def sentence(text: str, status: HTTPStatus = HTTPStatus.OK, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """Return an answer in words."""
    return Response(f"{text}\n".encode(errors="backslashreplace"), PLAIN_TEXT, status, headers)


def read_request(environ: Mapping[str, Any]) -> Request:
    """Return the request of a WSGI environment; RequestRefused when it is malformed or too long."""
    query = environ.get("QUERY_STRING", "")
    return Request(environ["REQUEST_METHOD"], environ.get("PATH_INFO", ""), _parameters(query), environ)


def _parameters(query: str) -> tuple[tuple[str, str], ...]:
    if len(query) > QUERY_SIZE_BYTES:
        raise RequestRefused(
            HTTPStatus.REQUEST_URI_TOO_LONG, f"The query is too long: shorten it to {QUERY_SIZE_BYTES} bytes."
        )
    if _BROKEN_ESCAPE.search(query):
        raise _bad("The query holds a % that two hexadecimal digits do not follow: write %25 for a percent sign.")
    try:
        parameters = tuple(parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=PARAMETERS))
    except UnicodeDecodeError as error:
        raise _bad("The query is not UTF-8: encode it as UTF-8 before percent-encoding it.") from error
    except ValueError as error:
        raise _bad(f"The query has too many parameters: give at most {PARAMETERS}.") from error
    if any(_CONTROL_CHARACTER.search(text) for pair in parameters for text in pair):
        raise _bad("The query holds a control character: take it out.")
    return parameters


def _bad(message: str) -> RequestRefused:
    return RequestRefused(HTTPStatus.BAD_REQUEST, message)
