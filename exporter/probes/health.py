"""`health`: does the web process answer at all? From 3.4 on it asks neither the database nor Redis for that."""

from exporter.mastodon.versions import HEALTH_SINCE
from exporter.probes.exchange import NOT_FOUND
from exporter.probes.look import Look
from exporter.probes.verdict import Verdict, absent, failed, passed, unless_keywords
from exporter.probes.visit import Ask, Visit


async def check(visit: Visit, look: Look) -> Verdict:
    """Ask /health, which exists from 3.0 on."""
    exchange = await visit.get(look.instance.url + "/health", Ask(trusted=True))
    if exchange.failure is None and exchange.status == NOT_FOUND:
        version = (await look.knowledge()).version
        if version is not None and version < HEALTH_SINCE:
            return absent(f"Mastodon {version.major}.{version.minor} has no /health yet (3.0 and newer have)")
    failure = exchange.unless_ok() or unless_keywords(exchange, look.settings("health"))
    return failed(failure) if failure else passed()
