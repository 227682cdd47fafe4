"""What a configuration is, once it has been read: frozen values, every default in one place."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from exporter.config.log_format import COMBINED, LogFormat
from exporter.config.media_model import MediaSettings
from exporter.config.secret import Secret

CHECK_NAMES = ("web", "api", "streaming", "profile", "storage", "activitypub", "health")
"""The seven checks, in the order in which they are shown."""

DEFAULT_LISTEN_HOST = "127.0.0.1"
DEFAULT_LISTEN_PORT = 10747
DEFAULT_TIMEOUT_SECONDS = 8.0
DEFAULT_PORTS = {"http": 80, "https": 443}
DEFAULT_DOMAIN_CAP = 500


class Pattern(Protocol):
    """A compiled RE2 expression: searching takes time linear in the text, whatever the pattern."""

    def search(self, text: str) -> object | None: ...


class AddressFamilies(StrEnum):
    """Which addresses of a host are connected to."""

    AUTO = "auto"
    IPV4 = "4"
    IPV6 = "6"
    BOTH = "both"


@dataclass(frozen=True)
class Keyword:
    """A text, or an RE2 expression, to look for in what a server answers."""

    text: str
    pattern: Pattern | None = None

    def found_in(self, body: str) -> bool:
        """Tell whether the body holds the text (case-sensitive) or matches the expression."""
        if self.pattern is not None:
            return self.pattern.search(body) is not None
        return self.text in body

    def __str__(self) -> str:
        return f"/{self.text}/" if self.pattern is not None else f'"{self.text}"'


@dataclass(frozen=True)
class CheckSettings:
    """What the configuration says of one check; None means the check's own rule."""

    enabled: bool = True
    path: str | None = None
    keyword: Keyword | None = None
    absent: Keyword | None = None
    websocket: bool = False


DEFAULT_CHECK_SETTINGS = CheckSettings()


@dataclass(frozen=True)
class Instance:
    """One server to watch. `url` is scheme://host[:port] with no path; `domain` may carry a port."""

    name: str
    url: str
    domain: str
    account: str | None = None
    streaming: str | None = None
    storage: str | None = None
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    families: AddressFamilies = AddressFamilies.AUTO
    resolve: Mapping[str, str] = field(default_factory=dict)
    ca_file: Path | None = None
    checks: Mapping[str, CheckSettings] = field(default_factory=dict)
    listed: bool = True

    @property
    def scheme(self) -> str:
        return urlsplit(self.url).scheme

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    def settings(self, check: str) -> CheckSettings:
        """Return what is configured for a check, or the defaults."""
        return self.checks.get(check, DEFAULT_CHECK_SETTINGS)


class StartAt(StrEnum):
    """Where a log is begun the first time ever, if it is there already."""

    END = "end"
    BEGINNING = "beginning"


class Subscriptions(StrEnum):
    """Whether a broken callback means harm. AUTO: unless the server is known to be 3.0 or newer."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


@dataclass(frozen=True)
class AccessLog:
    """One access log of nginx, or several that a glob names. `path` is absolute; `name` is the label `log`.

    `instance` is the name of the instance whose log it is; None where there is no instance.
    `host` counts only the requests for that host (lower case), where the format has `$host`.
    """

    name: str
    path: str
    instance: str | None = None
    format: LogFormat = COMBINED
    host: str | None = None
    start_at: StartAt = StartAt.END
    known_domains: Path | None = None
    domain_cap: int = DEFAULT_DOMAIN_CAP
    subscriptions: Subscriptions = Subscriptions.AUTO


@dataclass(frozen=True)
class DatabaseSettings:
    """Mastodon's PostgreSQL database: a URL, or what the server's own `.env.production` says.

    Exactly one of `url` and `env_file` is set. `instance` is the name of the instance whose database it is.
    """

    url: Secret | None = None
    password: Secret | None = None
    env_file: Path | None = None
    instance: str | None = None


@dataclass(frozen=True)
class RedisSettings:
    """Mastodon's Redis. `sidekiq_url` is set where Sidekiq has one of its own; `namespace` was given up with 4.4."""

    url: Secret | None = None
    sidekiq_url: Secret | None = None
    namespace: str | None = None
    env_file: Path | None = None
    instance: str | None = None


@dataclass(frozen=True)
class SubscriptionSettings:
    """How subscriptions are asked for. `sign`: with the key of a local account, as Mastodon does from 1.5 on."""

    confirm_timeout_seconds: float = 60.0
    retries: int = 3
    retry_wait_seconds: float = 5.0
    host_delay_seconds: float = 1.0
    sign: bool = False


@dataclass(frozen=True)
class WebSettings:
    """Where the exporter itself listens, and the exporters' usual TLS and password file."""

    host: str = DEFAULT_LISTEN_HOST
    port: int = DEFAULT_LISTEN_PORT
    web_config: Path | None = None


@dataclass(frozen=True)
class Config:
    """A whole configuration that has passed every rule."""

    instances: tuple[Instance, ...]
    web: WebSettings = WebSettings()
    state_dir: Path | None = None
    allow_unlisted_targets: bool = False
    control: tuple[str, ...] = ()
    access_logs: tuple[AccessLog, ...] = ()
    database: DatabaseSettings | None = None
    redis: RedisSettings | None = None
    media: MediaSettings | None = None
    subscriptions: SubscriptionSettings = SubscriptionSettings()
    allow_private_addresses: bool = False

    def instance(self, name: str) -> Instance | None:
        """Return the instance of that name, or None."""
        return next((one for one in self.instances if one.name == name), None)


def origin(url: str) -> str:
    """Return scheme://host[:port] of a URL: host in lower case, no default port, no path."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    port = parts.port
    shown_port = "" if port is None or port == DEFAULT_PORTS.get(parts.scheme) else f":{port}"
    return f"{parts.scheme}://{host}{shown_port}"
