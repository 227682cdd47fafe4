"""What a configuration says of media: two stores, and how hard they may be worked."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from exporter.config.secret import Secret

DEFAULT_WORKERS = 16
DEFAULT_MEMORY_BYTES = 256 * 1024 * 1024
LEAST_MEMORY_BYTES = 16 * 1024 * 1024


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
        return (self.endpoint or "").lower(), self.bucket, self.prefix


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
