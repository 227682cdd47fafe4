"""What a hub is asked for, in the words of PubSubHubbub 0.3 and 0.4."""

from dataclasses import dataclass, field
from urllib.parse import urlencode

LEASE_SECONDS = 7 * 24 * 3600
"""What Mastodon asks for from 1.5 on."""


@dataclass(frozen=True)
class HubRequest:
    """A subscription to ask a hub for. All texts but `callback` and `secret` are a third party's."""

    hub_url: str
    topic: str
    callback: str
    secret: str = field(repr=False)
    lease_seconds: int = LEASE_SECONDS

    def form(self) -> bytes:
        """Return the body, encoded as a form; names, values and order are those of Mastodon 2.9's SubscribeService."""
        fields = {
            "hub.topic": self.topic,
            "hub.mode": "subscribe",
            "hub.callback": self.callback,
            "hub.verify": "async",
            "hub.secret": self.secret,
            "hub.lease_seconds": self.lease_seconds,
        }
        return urlencode(fields, errors="replace").encode("ascii")
