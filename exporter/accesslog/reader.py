"""What other processes read from the store: counters and accounts, as last committed."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from exporter.accesslog.accounts import AccountDeliveries
from exporter.accesslog.counts import Counted, LogRecord, Series
from exporter.accesslog.domains import FailingDomain
from exporter.accesslog.entry import LogTime
from exporter.accesslog.position import Trouble
from exporter.accesslog.schema import MIGRATIONS, STORE_NAME
from exporter.sqlite_file import reading

# Another version of this program may count more, and know other troubles, in a store of the same version.
_COUNTED = ", ".join(f"'{counted}'" for counted in Counted)
_COUNTS = f"SELECT log, counted, labels, value FROM counts WHERE counted IN ({_COUNTED})"  # noqa: S608 - our own names


def read_records(folder: Path) -> tuple[LogRecord, ...]:
    """Return what the store of a state folder holds of every log, all as of one commit; () without a store.

    Raises StateError if there is a store that cannot be read.
    """
    with reading(folder / STORE_NAME, MIGRATIONS) as connection:
        return _records(connection) if connection else ()


def read_accounts(folder: Path, log: str) -> tuple[AccountDeliveries, ...]:
    """Return a log's accounts with broken deliveries: the recovered ones, then the broken ones, each newest last.

    Empty without a store. Raises StateError if there is a store that cannot be read.
    """
    with reading(folder / STORE_NAME, MIGRATIONS) as connection:
        return tuple(stored_accounts(connection, log)) if connection else ()


def read_failing_domains(folder: Path, log: str) -> tuple[FailingDomain, ...]:
    """Return the domains with a series of failed deliveries to a log's server; empty without a store.

    Raises StateError if there is a store that cannot be read.
    """
    query = "SELECT domain, failures, used_seconds, listed FROM failing_domains WHERE log = ? ORDER BY place"
    with reading(folder / STORE_NAME, MIGRATIONS) as connection:
        rows = connection.execute(query, (log,)) if connection else ()
        return tuple(FailingDomain(domain, failures, used, bool(listed)) for domain, failures, used, listed in rows)


def stored_counts(connection: sqlite3.Connection, log: str) -> dict[Series, int]:
    """Return a log's counters, save those of domains that have a series of their own."""
    rows = connection.execute(f"{_COUNTS} AND log = ?", (log,))
    return {_series(counted, labels): value for _, counted, labels, value in rows}


def stored_troubles(text: str) -> frozenset[Trouble]:
    """Return the troubles that a column names."""
    names = set(text.split())
    return frozenset(trouble for trouble in Trouble if trouble.value in names)


def stored_accounts(connection: sqlite3.Connection, log: str) -> Iterator[AccountDeliveries]:
    """Yield a log's accounts in an order in which they can be restored."""
    query = (
        "SELECT account_id, failures, last_code, last_seen_timestamp_seconds, last_seen, recovered FROM accounts"
        " WHERE log = ? ORDER BY recovered DESC, place"
    )
    for account_id, failures, code, seconds, text, recovered in connection.execute(query, (log,)):
        seen = None if text is None else LogTime(seconds, text)
        yield AccountDeliveries(account_id, failures, code, seen, bool(recovered))


def _records(connection: sqlite3.Connection) -> tuple[LogRecord, ...]:
    counts = _all_counts(connection)
    query = "SELECT log, broken_accounts, last_line_timestamp_seconds, lag_bytes, troubles FROM logs ORDER BY log"
    return tuple(
        LogRecord(log, counts[log], broken, seconds, lag_bytes, stored_troubles(troubles))
        for log, broken, seconds, lag_bytes, troubles in connection.execute(query)
    )


def _all_counts(connection: sqlite3.Connection) -> defaultdict[str, dict[Series, int]]:
    counts: defaultdict[str, dict[Series, int]] = defaultdict(dict)
    for log, counted, labels, value in connection.execute(_COUNTS):
        counts[log][_series(counted, labels)] = value
    for log, domain, failures in connection.execute("SELECT log, domain, failures FROM failing_domains"):
        counts[log][Series(Counted.FAILURES, (domain,))] = failures
    return counts


def _series(counted: str, labels: str) -> Series:
    return Series(Counted(counted), tuple(labels.split()))
