"""`web`: does the main page come, and is it this server's?"""

from urllib.parse import urlsplit

from exporter.mastodon.pages import SIGN_IN_PATH, announced_domain, is_main_page
from exporter.probes.curl_failure import clean
from exporter.probes.exchange import NOT_FOUND, OK, Exchange
from exporter.probes.look import Look
from exporter.probes.result import Failure
from exporter.probes.verdict import Verdict, failed, passed, restricted, unless_keywords, unless_truncated
from exporter.probes.visit import Ask, Visit

_HTML = Ask(accept="text/html", trusted=True)
_ABOUT = "/about"
_ABOUT_BEFORE_4 = "/about/more"


async def check(visit: Visit, look: Look) -> Verdict:
    """Ask for /about, or the configured path. Its words depend on the language, its marks do not."""
    configured = look.settings("web").path
    page = await visit.get(look.instance.url + (configured or _ABOUT), _HTML)
    if configured is None and _is_missing(page):
        page = await visit.get(look.instance.url + _ABOUT_BEFORE_4, _HTML)
    if configured is None and _is_missing(page) and await _leads_to_sign_in(visit, look):
        return restricted("limited federation: the main page is for signed-in people only")
    failure = page.unless_ok() or _unless_recognised(page, look)
    return failed(failure) if failure else passed()


def _is_missing(page: Exchange) -> bool:
    return page.failure is None and page.status == NOT_FOUND


async def _leads_to_sign_in(visit: Visit, look: Look) -> bool:
    """Up to 3.5 a server in limited federation has no /about, and / leads to the sign-in page."""
    front = await visit.get_aside(look.instance.url + "/", _HTML)
    return front.failure is None and front.status == OK and urlsplit(front.url).path == SIGN_IN_PATH


def _unless_recognised(page: Exchange, look: Look) -> Failure | None:
    settings = look.settings("web")
    failure = unless_keywords(page, settings)
    if failure is not None or settings.keyword is not None:
        return failure
    if is_main_page(page.text, look.instance.domain):
        return None
    return unless_truncated(page, _unrecognised(page, look.instance.domain))


def _unrecognised(page: Exchange, domain: str) -> str:
    announced = announced_domain(page.text)
    if announced is None:
        return f"the page is not the main page of a Mastodon server for {domain}"
    return f"the page is the main page of {clean(announced)}, not of {domain} (is `domain:` the part after the @?)"
