"""`storage`: can stored media be fetched? And, as a series of its own: can a stranger list the bucket?"""

from dataclasses import dataclass
from urllib.parse import urlsplit

from exporter.config.model import origin
from exporter.mastodon.stores import MEDIA_FOLDERS, is_image, is_listing, is_refusal_of_a_key, media_hosts
from exporter.probes.account import NEVER_LEARNT
from exporter.probes.exchange import OK, Exchange
from exporter.probes.look import Look
from exporter.probes.result import Failure, Reason
from exporter.probes.verdict import Verdict, failed, unless_keywords, unless_truncated
from exporter.probes.visit import Ask, Visit

LISTING_LIMIT_SECONDS = 1.0
"""A store that hangs over its listing must not make the whole probe long."""

_CHECK_FILE = "check.txt"
_NOTHING_STORED = (
    "the server announces no stored image and no storage host; put check.txt there and name it: `storage:`"
)


@dataclass(frozen=True)
class StoredObject:
    """What is asked of the store. `guessed`: nothing says that it exists, only which host should have it."""

    url: str
    trusted: bool = False
    guessed: bool = False


async def check(visit: Visit, look: Look) -> Verdict:
    """Ask for the configured object, or an image the server announces, or its storage host."""
    stored = await _stored_object(visit, look)
    if isinstance(stored, Failure):
        return failed(stored)
    exchange = await visit.get(stored.url, Ask(trusted=stored.trusted))
    failure = _judge(exchange, stored, look)
    is_open = await _is_listing_open(visit, stored) if exchange.status is not None else None
    return Verdict(failure, urlsplit(stored.url).netloc if failure is None else "", bucket_listing_open=is_open)


async def _stored_object(visit: Visit, look: Look) -> StoredObject | Failure:
    if look.instance.storage is not None:
        return StoredObject(look.instance.storage, trusted=True)
    known = await look.knowledge()
    if known.media:
        return StoredObject(known.media[0])
    if not known.learnt:
        remedy = "name a stored object under `storage:`"
        return Failure(Reason.DISCOVERY, NEVER_LEARNT.format(what="where media are stored", remedy=remedy))
    page = await visit.get_aside(look.instance.url + "/about", Ask(accept="text/html", trusted=True))
    hosts = media_hosts(page.header("content-security-policy"), own_host=look.instance.host)
    if not hosts:
        return Failure(Reason.DISCOVERY, _NOTHING_STORED)
    return StoredObject(f"{hosts[0]}/{_CHECK_FILE}", guessed=True)


def _judge(exchange: Exchange, stored: StoredObject, look: Look) -> Failure | None:
    if stored.guessed and exchange.failure is None and is_refusal_of_a_key(exchange.status, exchange.text):
        return None
    settings = look.settings("storage")
    failure = exchange.unless_ok() or unless_keywords(exchange, settings)
    if failure is not None or settings.keyword is not None:
        return failure
    if exchange.text.strip() == "OK" or is_image(exchange.header("content-type"), exchange.body):
        return None
    return unless_truncated(exchange, "the answer is neither OK nor an image")


async def _is_listing_open(visit: Visit, stored: StoredObject) -> bool | None:
    """Ask for the root of the bucket: that of the host, and, where addressed by path, the first folder."""
    ask = Ask(trusted=stored.trusted)
    answers = [await visit.get_aside(url, ask, LISTING_LIMIT_SECONDS) for url in _bucket_roots(stored.url)]
    told = [exchange for exchange in answers if exchange.failure is None]
    if not told:
        return None
    return any(exchange.status == OK and is_listing(exchange.text) for exchange in told)


def _bucket_roots(url: str) -> list[str]:
    root = origin(url) + "/"
    folder, separator, _ = urlsplit(url).path.lstrip("/").partition("/")
    return [root, f"{root}{folder}/"] if separator and folder not in MEDIA_FOLDERS else [root]
