"""The seven checks in their plainest form: each says in one word why it fails, or None."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit
from xml.etree.ElementTree import ParseError

from defusedxml.ElementTree import fromstring

from exporter.demo import SampleServer
from tests.demo.client import Client

ACTIVITY = "application/activity+json"


@dataclass(frozen=True)
class Announced:
    """A server as it announced itself when it could."""

    url: str
    domain: str
    streaming_url: str
    storage_url: str


def learn(client: Client, sample: SampleServer) -> Announced:
    document = client.get(f"{sample.url}/api/v1/instance").json
    streaming_domain = urlsplit(document["urls"]["streaming_api"]).netloc
    storage_domain = urlsplit(document["thumbnail"]).netloc
    return Announced(sample.url, sample.domain, f"https://{streaming_domain}", f"https://{storage_domain}")


Check = Callable[[Client, Announced], str | None]


def web(client: Client, server: Announced) -> str | None:
    seen = client.get(f"{server.url}/about")
    marks = 'id="initial-state"', f'"domain": "{server.domain}"'
    return seen.failure or (None if all(mark in seen.text for mark in marks) else "keyword")


def api(client: Client, server: Announced) -> str | None:
    seen = client.get(f"{server.url}/api/v2/instance")
    return seen.failure or (None if seen.json and seen.json["version"] else "json")


def streaming(client: Client, server: Announced) -> str | None:
    seen = client.get(f"{server.streaming_url}/api/v1/streaming/health")
    return seen.failure or (None if seen.text == "OK" else "keyword")


def profile(client: Client, server: Announced) -> str | None:
    seen = client.get(f"{server.url}/@admin")
    return seen.failure or (None if f"admin@{server.domain}" in seen.text else "keyword")


def storage(client: Client, server: Announced) -> str | None:
    seen = client.get(f"{server.storage_url}/check.txt")
    return seen.failure or (None if "OK" in seen.text else "keyword")


def activitypub(client: Client, server: Announced) -> str | None:
    meta = client.get(f"{server.url}/.well-known/host-meta", "application/xrd+xml")
    if meta.status == 404:
        return _webfinger(client, f"{server.url}/.well-known/webfinger?resource={{uri}}", server)
    if meta.failure:
        return meta.failure
    try:
        templates = [link.attrib["template"] for link in fromstring(meta.body)]
    except ParseError:
        return "xml"
    return _webfinger(client, templates[0], server) if templates else "template"


def _webfinger(client: Client, template: str, server: Announced) -> str | None:
    account = f"acct:admin@{server.domain}"
    seen = client.get(template.replace("{uri}", account), "application/jrd+json")
    if seen.failure or seen.json is None:
        return seen.failure or "json"
    if seen.json["subject"] != account:
        return "subject"
    own = [link["href"] for link in seen.json["links"] if link["rel"] == "self" and link["type"] == ACTIVITY]
    return _actor(client, own[0]) if own else "self_link"


def _actor(client: Client, url: str) -> str | None:
    seen = client.get(url, ACTIVITY)
    return None if seen.json == {"error": "Request not signed"} else seen.failure


def health(client: Client, server: Announced) -> str | None:
    return client.get(f"{server.url}/health").failure


CHECKS: dict[str, Check] = {
    "web": web,
    "api": api,
    "streaming": streaming,
    "profile": profile,
    "storage": storage,
    "activitypub": activitypub,
    "health": health,
}


def failing(client: Client, server: Announced) -> dict[str, str]:
    """Return the checks that fail, with their reasons."""
    found = {name: check(client, server) for name, check in CHECKS.items()}
    return {name: reason for name, reason in found.items() if reason is not None}
