"""What a server tells of itself beside the checks: version, counts, where its status page lies."""

from dataclasses import replace
from urllib.parse import urlsplit

from exporter.mastodon.discovery import nodeinfo_url
from exporter.mastodon.documents import lookup_count, parse_json
from exporter.mastodon.instance import Announcement, read_announcement
from exporter.probes.look import Look
from exporter.probes.result import InstanceDetails
from exporter.probes.visit import Ask, Visit

_JSON = Ask(accept="application/json", trusted=True)


async def gather_details(look: Look) -> InstanceDetails:
    """Return what the server tells; whatever it does not tell, or not in time, is None."""
    answer = await look.ask_api()
    announcement = answer.announcement or Announcement()
    visit = look.visit_after_api()
    details = await _counted(visit, look, InstanceDetails(announcement.version, announcement.domain))
    return replace(
        details,
        peers=await _peers(visit, look, announcement, answer.path),
        status_page_same_host=await _status_page_same_host(look, announcement.status_page),
    )


async def _counted(visit: Visit, look: Look, details: InstanceDetails) -> InstanceDetails:
    """Nodeinfo (3.0 and newer) answers in limited federation too."""
    index = await visit.get(look.instance.url + "/.well-known/nodeinfo", _JSON)
    url = nodeinfo_url(index.text) if index.unless_whole() is None else None
    if url is None:
        return details
    document = parse_json((await visit.get(url, replace(_JSON, trusted=False))).text)
    return replace(
        details,
        users=lookup_count(document, "usage", "users", "total"),
        statuses=lookup_count(document, "usage", "localPosts"),
    )


async def _peers(visit: Visit, look: Look, announcement: Announcement, path: str) -> int | None:
    """Only version 1 of the instance API counts the known servers."""
    if path.startswith("/api/v1/") or announcement.version is None:
        return announcement.peers
    exchange = await visit.get(look.instance.url + "/api/v1/instance", _JSON)
    return read_announcement(parse_json(exchange.text), look.instance.url).peers if exchange.failure is None else None


async def _status_page_same_host(look: Look, status_page: str | None) -> bool | None:
    """Tell whether the status page would die with the server: same name, or an address in common."""
    try:
        host = urlsplit(status_page or "").hostname
    except ValueError:
        return None
    if not host:
        return None
    if host == look.instance.host:
        return True
    there = await look.addresses(host)
    return bool(set(there) & set(await look.addresses(look.instance.host))) if there else None
