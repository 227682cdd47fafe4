"""Accounts with broken deliveries, as the exporter has counted them."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from exporter.accesslog.accounts import AccountDeliveries
from exporter.accesslog.broken import BrokenAccounts, by_id
from exporter.accesslog.old_logs import several_instances
from exporter.accesslog.reader import read_accounts, read_records
from exporter.config import AccessLog
from exporter.errors import NothingCounted, UnclearLog


def stored_broken(folder: Path, logs: Sequence[AccessLog], chosen: Sequence[str] = ()) -> BrokenAccounts:
    """Return what the store of a state folder tells of the chosen logs, else of the configured ones, else of all.

    An account that several logs know is shown as the one knows it that saw it break last. Raises NothingCounted
    where none of the logs has been counted, UnclearLog, and StateError for a store that cannot be read.
    """
    counted = [record.log for record in read_records(folder)]
    wanted = _wanted(counted, logs, chosen)
    found = [name for name in wanted if name in counted]
    if not found:
        raise NothingCounted(_nothing_counted(folder, wanted))
    accounts = _merged(account for name in found for account in read_accounts(folder, name))
    notes = [f"nothing has been counted of the log `{name}` yet" for name in wanted if name not in found]
    return BrokenAccounts(accounts, tuple(notes))


def _wanted(counted: Sequence[str], logs: Sequence[AccessLog], chosen: Sequence[str]) -> list[str]:
    names = list(dict.fromkeys(chosen or [log.name for log in logs] or counted))
    known = [*dict.fromkeys([*(log.name for log in logs), *counted])]
    unknown = [name for name in names if name not in known]
    if unknown and known:
        raise UnclearLog(f"there is no log `{unknown[0]}`; there are: {', '.join(f'`{name}`' for name in known)}")
    instances = sorted({log.instance for log in logs if log.name in names and log.instance})
    if len(instances) > 1:
        raise UnclearLog(several_instances(instances))
    return names


def _nothing_counted(folder: Path, wanted: Sequence[str]) -> str:
    what = " of " + ", ".join(f"`{name}`" for name in wanted) if wanted else ""
    return (
        f"nothing has been counted{what} yet in {folder}: let `mastodon-exporter serve` run with `access_logs`, "
        "or name the logs themselves with --from-log"
    )


def _merged(accounts: Iterable[AccountDeliveries]) -> tuple[AccountDeliveries, ...]:
    latest: dict[int, AccountDeliveries] = {}
    for account in accounts:
        known = latest.setdefault(account.account_id, account)
        if _last_broken(account) > _last_broken(known):
            latest[account.account_id] = account
    return tuple(sorted(latest.values(), key=by_id))


def _last_broken(account: AccountDeliveries) -> tuple[float, bool]:
    """Return what two logs' accounts are compared by; of two at the same moment the one that is broken still wins."""
    seconds = account.last_seen.timestamp_seconds if account.last_seen else float("-inf")
    return seconds, not account.recovered
