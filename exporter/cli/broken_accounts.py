"""Accounts with broken deliveries as a table for people, as JSON and as ids for programs."""

import json
from collections.abc import Iterable, Iterator, Sequence

import click

from exporter.accesslog.accounts import AccountDeliveries
from exporter.accesslog.broken import BrokenAccounts

FORMS = ("text", "json", "ids")

_NEXT = "with `--format ids` the broken ones are listed alone, one id a line"
_HEADINGS = ("account", "failures", "last code", "last seen", "since then")
# rich takes the better part of a second for 2,500 rows.
_ROW = "{:>19}  {:>8}  {:>9}  {:<25}  {}"


def tell_broken(found: BrokenAccounts, form: str) -> None:
    """Print accounts to standard output, and what was left out to standard error."""
    if form == "json":
        click.echo(json.dumps([_object(account) for account in found.accounts], indent=2))
    elif form == "ids":
        click.echo("".join(f"{account.account_id}\n" for account in _still_broken(found.accounts)), nl=False)
    else:
        click.echo("\n".join(_text(found.accounts)))
    for note in found.notes:
        click.echo(f"mastodon-remedy: {note}", err=True)


def _still_broken(accounts: Iterable[AccountDeliveries]) -> list[AccountDeliveries]:
    return [account for account in accounts if not account.recovered]


def _object(account: AccountDeliveries) -> dict[str, object]:
    return {
        "account_id": account.account_id,
        "failures": account.failures,
        "last_code": account.last_code,
        "last_seen": account.last_seen.text if account.last_seen else None,
        "recovered": account.recovered,
    }


def _text(accounts: Sequence[AccountDeliveries]) -> Iterator[str]:
    if accounts:
        yield click.style(_ROW.format(*_HEADINGS), bold=True)
        yield from map(_row, sorted(accounts, key=_seconds, reverse=True))
    broken = len(_still_broken(accounts))
    recovered = len(accounts) - broken
    verdict = f"{broken} broken, {recovered} that came through since"
    yield f"{verdict}; {_NEXT}" if broken else verdict


def _seconds(account: AccountDeliveries) -> float:
    return account.last_seen.timestamp_seconds if account.last_seen else float("-inf")


def _row(account: AccountDeliveries) -> str:
    seen = account.last_seen.text.replace("T", " ") if account.last_seen else "-"
    state = click.style("came through", fg="green") if account.recovered else click.style("broken", fg="red")
    return _ROW.format(account.account_id, account.failures, account.last_code, seen, state)
