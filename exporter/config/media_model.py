"""What a configuration says of media: two stores, and how hard they may be worked."""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from exporter.config.secret import Secret

DEFAULT_WORKERS = 16
DEFAULT_MEMORY_BYTES = 256 * 1024 * 1024
LEAST_MEMORY_BYTES = 16 * 1024 * 1024

_AMAZON = re.compile(r"s3([.-][a-z0-9-]+)*\.amazonaws\.com(?P<china>\.cn)?")
_USUAL_PORTS = (("https", None), ("https", 443), ("http", None), ("http", 80))
_AMAZON_CHINA = "china"


class Addressing(StrEnum):
    """Where the bucket stands in a URL. AUTO: in the path where an endpoint is given, as Mastodon and boto3 do it."""

    AUTO = "auto"
    PATH = "path"
    VIRTUAL = "virtual"


class AclChoice(StrEnum):
    """Which ACL objects get. AUTO: what the server's own S3_PERMISSION says, else what the store can do."""

    AUTO = "auto"
    PUBLIC_READ = "public-read"
    PRIVATE = "private"
    NONE = "none"


@dataclass(frozen=True)
class LazySecret:
    """A secret that is read when it is first used: a text, with `${NAME}` in it unresolved, or the file that holds it.

    The exporter carries it and never reads it; `secret_text` does. Exactly one of `text` and `file` is set.
    `is_literal`: a `${NAME}` in the text is part of the secret. `named` is what an error calls it.
    """

    text: Secret | None = None
    file: Path | None = None
    is_literal: bool = False
    named: str = field(default="the secret", compare=False)


@dataclass(frozen=True)
class S3Settings:
    """One bucket. Without keys those that boto3 finds are used (environment, profile, instance role)."""

    bucket: str
    endpoint: str | None = None
    region: str | None = None
    access_key: LazySecret | None = None
    secret_key: LazySecret | None = None
    prefix: str = ""
    addressing: Addressing = Addressing.AUTO
    acl: AclChoice = AclChoice.AUTO
    ca_file: Path | None = None

    @property
    def place(self) -> tuple[str, str, str]:
        """Return what tells two places apart: endpoint (empty: AWS), bucket and prefix."""
        return self._where(), self.bucket, self.prefix

    def _where(self) -> str:
        """Return the endpoint as it is written most shortly: names of buckets are the same in all regions of AWS."""
        if self.endpoint is None:
            return _AMAZON_CHINA if (self.region or "").startswith("cn-") else ""
        parts = urlsplit(self.endpoint)
        name = parts.hostname or ""
        if amazon := _AMAZON.fullmatch(name):
            return _AMAZON_CHINA if amazon["china"] else ""
        shown = f"[{name}]" if ":" in name else name
        port = "" if (parts.scheme, parts.port) in _USUAL_PORTS else f":{parts.port}"
        return f"{parts.scheme}://{shown}{port}{parts.path.rstrip('/')}"


@dataclass(frozen=True)
class FolderSettings:
    """A local `public/system`."""

    path: Path


@dataclass(frozen=True)
class MediaSettings:
    """What `media sync` moves. `source` None: what the `env_file` of the database says. Rates are per side."""

    destination: S3Settings
    source: S3Settings | FolderSettings | None = None
    workers: int = DEFAULT_WORKERS
    source_requests_per_second: float | None = None
    destination_requests_per_second: float | None = None
    memory_bytes: int = DEFAULT_MEMORY_BYTES
    instance: str | None = None
