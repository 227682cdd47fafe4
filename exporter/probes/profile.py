"""`profile`: does a user's page come, which takes the database and more than the main page does?"""

from urllib.parse import quote, urlsplit

from exporter.mastodon.pages import SIGN_IN_PATH, names_account
from exporter.probes.account import ProbedAccount, probed_account
from exporter.probes.exchange import Exchange
from exporter.probes.look import Look
from exporter.probes.result import Failure
from exporter.probes.verdict import Verdict, absent, failed, passed, restricted, unless_keywords, unless_truncated
from exporter.probes.visit import Ask, Visit


async def check(visit: Visit, look: Look) -> Verdict:
    """Ask for /@account, and look for account@domain in it."""
    account = await probed_account(look)
    if isinstance(account, Failure):
        return failed(account)
    if account.is_instance_actor:
        return absent("the server names no contact account, and the instance actor has no page: set `account:`")
    page = await visit.get(f"{look.instance.url}/@{quote(account.name)}", Ask(accept="text/html", trusted=True))
    if page.unless_ok() is None and urlsplit(page.url).path == SIGN_IN_PATH:
        return restricted("limited federation: user pages are for signed-in people only")
    failure = page.unless_ok() or _unless_named(page, account, look)
    return failed(failure) if failure else passed(f"@{account.name}@{look.instance.domain}")


def _unless_named(page: Exchange, account: ProbedAccount, look: Look) -> Failure | None:
    settings = look.settings("profile")
    failure = unless_keywords(page, settings)
    if failure is not None or settings.keyword is not None:
        return failure
    if names_account(page.text, account.name, look.instance.domain):
        return None
    return unless_truncated(page, f"the page does not name {account.name}@{look.instance.domain}")
