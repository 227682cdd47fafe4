"""The server that the sample plays: its addresses, its version, its one account, its numbers."""

import re
from dataclasses import dataclass
from functools import cached_property

from exporter.errors import ConfigError, Problem

ACCOUNT = "admin"
ACCOUNT_ID = "109348684093124871"
DISPLAY_NAME = "Sample Admin"
TITLE = "Sample server"
DESCRIPTION = "A server that exists only while you look at it."
USER_COUNT = 42
ACTIVE_USER_COUNT = 17
STATUS_COUNT = 1337
PEER_COUNT = 256
# An address that belongs to documentation and to nobody: looking up a name would need a network.
STATUS_PAGE_URL = "https://192.0.2.10/"

_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)(?:[-+].*)?")


@dataclass(frozen=True)
class Site:
    """Where the parts of the sample server answer, as host:port, and the Mastodon version it plays."""

    version: str
    domain: str
    streaming_domain: str
    storage_domain: str

    @cached_property
    def release(self) -> tuple[int, ...]:
        """The three numbers of the version."""
        return parse_version(self.version)

    def since(self, *release: int) -> bool:
        """Tell whether the version is this one or newer."""
        return self.release >= release

    @property
    def url(self) -> str:
        return f"https://{self.domain}"

    @property
    def streaming_url(self) -> str:
        """The base URL of the streaming server, as the instance API announces it."""
        return f"wss://{self.streaming_domain}"

    @property
    def storage_url(self) -> str:
        return f"https://{self.storage_domain}"

    @property
    def handle(self) -> str:
        """The account as name@domain."""
        return f"{ACCOUNT}@{self.domain}"

    @property
    def profile_url(self) -> str:
        return f"{self.url}/@{ACCOUNT}"

    @property
    def account_url(self) -> str:
        """The address of the account in every version before 4.6."""
        return f"{self.url}/users/{ACCOUNT}"

    @property
    def actor_url(self) -> str:
        """The ActivityPub id of the account; 4.6 has ids that survive a change of name."""
        return f"{self.url}/ap/users/{ACCOUNT_ID}" if self.since(4, 6) else self.account_url

    @property
    def instance_actor_url(self) -> str:
        return f"{self.url}/actor"

    @property
    def avatar_url(self) -> str:
        return f"{self.storage_url}/accounts/avatars/109/348/684/093/124/871/original/sample.png"

    @property
    def thumbnail_url(self) -> str:
        style = "@1x" if self.since(4, 0) else "original"
        return f"{self.storage_url}/site_uploads/files/000/000/001/{style}/sample.png"


def parse_version(version: str) -> tuple[int, ...]:
    """Return the three numbers of a version; raise ConfigError where it has none."""
    match = _VERSION.fullmatch(version)
    if match is None:
        raise ConfigError([Problem(f'"{version}" is not a Mastodon version; write it like 4.6.0')])
    return tuple(int(number) for number in match.groups())
