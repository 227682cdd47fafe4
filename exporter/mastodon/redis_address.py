"""Where Mastodon's Redis databases are, by the rules of the server's own settings.

Mastodon's defaults are those of lib/mastodon/redis_configuration.rb (redis_config.rb before 4.3).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from exporter.config import RedisSettings, Secret
from exporter.errors import RedisError
from exporter.mastodon.env_file import read_env_file

_ENV_PREFIXES = ("REDIS_", "SIDEKIQ_REDIS_")
_SENTINEL = (
    "the server finds its Redis through Sentinel, which this program does not ask; "
    "write the address of the master itself: `redis: {url: redis://...}`"
)


@dataclass(frozen=True)
class RedisAddress:
    """One Redis database: its URL, which may hold a password, and what every key in it begins with."""

    url: Secret
    key_prefix: str = ""

    def __str__(self) -> str:
        """Return where it is, without user and password."""
        parts = urlsplit(self.url.text)
        if parts.scheme == "unix":
            return f"unix://{parts.path}"
        host = parts.netloc.rpartition("@")[2]
        return f"{parts.scheme}://{host}{parts.path}"


@dataclass(frozen=True)
class RedisAddresses:
    """What the server itself keeps, and Sidekiq's jobs: the same database unless Sidekiq has one of its own."""

    application: RedisAddress
    sidekiq: RedisAddress


def redis_addresses(settings: RedisSettings) -> RedisAddresses:
    """Return where both databases are. Raises EnvFileError, and RedisError where Sentinel is used."""
    values = read_env_file(settings.env_file, _ENV_PREFIXES) if settings.env_file else {}
    namespace = settings.namespace or values.get("REDIS_NAMESPACE", "")
    prefix = f"{namespace}:" if namespace else ""
    application = settings.url or _application_url(values)
    sidekiq = settings.sidekiq_url or _sidekiq_url(settings, values) or application
    return RedisAddresses(RedisAddress(application, prefix), RedisAddress(sidekiq, prefix))


def _application_url(values: Mapping[str, str]) -> Secret:
    return _url_of(values, "REDIS_") or Secret("redis://localhost:6379/0")


def _sidekiq_url(settings: RedisSettings, values: Mapping[str, str]) -> Secret | None:
    # A URL in our own configuration says more than the server's file, of which it may be a tunnel's end.
    return None if settings.url else _url_of(values, "SIDEKIQ_REDIS_")


def _url_of(values: Mapping[str, str], prefix: str) -> Secret | None:
    if values.get(f"{prefix}URL"):
        return Secret(values[f"{prefix}URL"])
    if values.get(f"{prefix}SENTINELS") and values.get(f"{prefix}SENTINEL_MASTER"):
        raise RedisError(_SENTINEL)
    parts = {name: values.get(f"{prefix}{name}", "") for name in ("HOST", "PORT", "DB", "USER", "PASSWORD")}
    if not any(parts.values()) or (prefix != "REDIS_" and not parts["HOST"]):
        return None
    host = parts["HOST"] or "localhost"
    host = f"[{host}]" if ":" in host else host
    login = f"{quote(parts['USER'], safe='')}:{quote(parts['PASSWORD'], safe='')}@" if parts["PASSWORD"] else ""
    return Secret(f"redis://{login}{host}:{parts['PORT'] or '6379'}/{parts['DB'] or '0'}")
