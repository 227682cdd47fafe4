"""The object storage host: a bucket whose objects are public and whose listing is not."""

import struct
import zlib
from http import HTTPStatus
from urllib.parse import urlsplit

from exporter.demo.answers import Answer, Request, plain, xml
from exporter.demo.site import Site

CHECK_PATH = "/check.txt"
IMAGE_SIDE_PIXELS = 16


def answer_storage(site: Site, request: Request) -> Answer:
    """Return an object, or the error of an S3 store."""
    if request.path == "/":
        return store_error(HTTPStatus.FORBIDDEN, "AccessDenied")
    if request.path == CHECK_PATH:
        return plain("OK\n")
    if request.path in image_paths(site):
        return Answer(draw_image(), "image/png", headers=(("Cache-Control", "public, max-age=315576000, immutable"),))
    return store_error(HTTPStatus.NOT_FOUND, "NoSuchKey")


def store_error(status: int, code: str) -> Answer:
    """Return an error in the form that S3 stores share."""
    return xml(f"<Error><Code>{code}</Code><Message>{HTTPStatus(status).phrase}</Message></Error>", status)


def list_bucket(site: Site) -> Answer:
    """Return the names of all objects, which a store should keep to itself."""
    keys = (path.removeprefix("/") for path in (CHECK_PATH, *image_paths(site)))
    contents = "".join(f"<Contents><Key>{key}</Key></Contents>" for key in keys)
    namespace = "http://s3.amazonaws.com/doc/2006-03-01/"
    return xml(f'<ListBucketResult xmlns="{namespace}"><Name>sample</Name>{contents}</ListBucketResult>')


def image_paths(site: Site) -> tuple[str, ...]:
    """Return the paths of the images that the other hosts name."""
    return tuple(urlsplit(url).path for url in (site.thumbnail_url, site.avatar_url))


def draw_image() -> bytes:
    """Return a PNG in one colour."""
    header = struct.pack(">IIBBBBB", IMAGE_SIDE_PIXELS, IMAGE_SIDE_PIXELS, 8, 2, 0, 0, 0)
    line = b"\0" + b"\x63\x64\xff" * IMAGE_SIDE_PIXELS
    parts = (_chunk(b"IHDR", header), _chunk(b"IDAT", zlib.compress(line * IMAGE_SIDE_PIXELS)), _chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
