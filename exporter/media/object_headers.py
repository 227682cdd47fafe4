"""The headers by which an object is written."""

import re
from base64 import b64encode

from exporter.media.store import Put

# A type can come from the database, where anything may stand.
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


def headers_of(put: Put) -> dict[str, str]:
    """Return the headers that make the object what it should be; what says nothing is left out."""
    headers = {**put.metadata, "content-type": put.content_type, "cache-control": put.cache_control}
    if put.acl is not None:
        headers["x-amz-acl"] = put.acl.value
    fit = {name.lower(): _CONTROL.sub(" ", value).strip() for name, value in headers.items()}
    return {name: value for name, value in fit.items() if value}


def content_md5(md5: bytes) -> dict[str, str]:
    """Return the header by which a store tells that the bytes have come as they were sent."""
    return {"content-md5": b64encode(md5).decode()}
