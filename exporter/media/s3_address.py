"""Where a bucket lies, and how the URL of an object is written."""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from exporter.config.media_model import Addressing, S3Settings
from exporter.config.model import DEFAULT_PORTS

DEFAULT_REGION = "us-east-1"
"""What Mastodon and most stores take for granted where nothing is said."""

_SAFE_IN_PATH = "/-._~"
_SAFE_IN_QUERY = "-._~"


@dataclass(frozen=True)
class S3Address:
    """A bucket. `origin` is scheme://host[:port] without a default port, `base_path` what comes before every key.

    `store` is the origin without the bucket. `ca_file` holds the authorities to trust instead of the usual ones.
    """

    bucket: str
    region: str
    store: str
    origin: str
    base_path: str
    ca_file: str | None = None

    @property
    def host(self) -> str:
        """What the Host header says."""
        return self.origin.partition("://")[2]

    @property
    def is_encrypted(self) -> bool:
        return self.origin.startswith("https:")

    @property
    def name(self) -> str:
        """The bucket in words, for messages."""
        return f"bucket {self.bucket} at {self.host}"

    def path(self, key: str) -> str:
        """Return the path of an object, percent-encoded; of the bucket itself for an empty key."""
        return self.base_path + quote(encoded(key), safe=_SAFE_IN_PATH)

    def copy_source(self, key: str) -> str:
        """Return how another request names an object here, as x-amz-copy-source wants it."""
        return quote(encoded(f"/{self.bucket}/{key}"), safe=_SAFE_IN_PATH)


def address_of(settings: S3Settings) -> S3Address:
    """Return where a bucket lies: in the path where an endpoint is given, else before the host's name at Amazon."""
    region = settings.region or DEFAULT_REGION
    parts = urlsplit(settings.endpoint or _amazon(region))
    host, path = _host(parts.scheme, parts.hostname or "", parts.port), parts.path.rstrip("/")
    in_path = _stands_in_path(settings)
    return S3Address(
        bucket=settings.bucket,
        region=region,
        store=f"{parts.scheme}://{host}",
        origin=f"{parts.scheme}://{host}" if in_path else f"{parts.scheme}://{settings.bucket}.{host}",
        base_path=f"{path}/{settings.bucket}/" if in_path else f"{path}/",
        ca_file=None if settings.ca_file is None else str(settings.ca_file),
    )


def _stands_in_path(settings: S3Settings) -> bool:
    if settings.addressing is not Addressing.AUTO:
        return settings.addressing is Addressing.PATH
    # A certificate for *.s3.amazonaws.com does not cover a name with a further dot.
    return settings.endpoint is not None or "." in settings.bucket


def _amazon(region: str) -> str:
    ending = ".cn" if region.startswith("cn-") else ""
    return f"https://s3.{region}.amazonaws.com{ending}"


def _host(scheme: str, name: str, port: int | None) -> str:
    shown = f"[{name}]" if ":" in name else name
    return shown if port in (None, DEFAULT_PORTS.get(scheme)) else f"{shown}:{port}"


def encoded(text: str) -> bytes:
    """Return the bytes of a key or a header; what was no UTF-8 when it came goes out as it came."""
    return text.encode("utf-8", "surrogateescape")


def query_of(pairs: Iterable[tuple[str, str]]) -> str:
    """Return a query in the form that is signed, which is also the one that is sent."""
    quoted = (
        (quote(encoded(name), safe=_SAFE_IN_QUERY), quote(encoded(value), safe=_SAFE_IN_QUERY)) for name, value in pairs
    )
    return "&".join(f"{name}={value}" for name, value in sorted(quoted))
