"""Which domains and which accounts a Mastodon database knows, found without reading through `accounts` each time."""

from collections.abc import Iterable, Iterator
from itertools import islice

from psycopg2.extensions import cursor

from exporter.mastodon.database import Database
from exporter.mastodon.senders import domain_name

MOST_DOMAINS = 100_000
PAGE_DOMAINS = 1000
PAGE_ACCOUNTS = 20_000

# An index that begins with `domain`, on `accounts` (Mastodon 4.6) or on the view `instances` (3.3): either will do.
_ORDERED_RELATION = """
SELECT pg_class.relname
FROM pg_class
JOIN pg_attribute ON attrelid = pg_class.oid AND attname = 'domain' AND NOT attisdropped
JOIN pg_index ON indrelid = pg_class.oid AND indkey[0] = attnum AND indisvalid AND indpred IS NULL
JOIN pg_class AS index ON index.oid = indexrelid
JOIN pg_am ON pg_am.oid = index.relam AND amname = 'btree'
WHERE pg_class.oid IN (to_regclass('accounts'), to_regclass('instances'))
AND (pg_class.relkind <> 'm' OR pg_class.relispopulated)
AND has_column_privilege(pg_class.oid, 'domain', 'SELECT')
ORDER BY pg_class.relname
LIMIT 1
"""
# From each domain the index is asked for the next one, so that it takes as long for ten accounts of each as for one.
_NEXT_DOMAINS = """
WITH RECURSIVE known AS (
    (SELECT domain FROM {relation} WHERE domain > %(after)s ORDER BY domain LIMIT 1)
    UNION ALL
    SELECT (SELECT following.domain FROM {relation} AS following
            WHERE following.domain > known.domain ORDER BY following.domain LIMIT 1)
    FROM known WHERE known.domain IS NOT NULL
)
SELECT domain FROM known WHERE domain IS NOT NULL LIMIT %(limit)s
"""
_DOMAINS_OF_PAGE = """
SELECT max(id), array_agg(DISTINCT domain) FILTER (WHERE domain IS NOT NULL)
FROM (SELECT id, domain FROM accounts WHERE id > %(after)s ORDER BY id LIMIT %(limit)s) AS page
"""
_KNOWN_ACCOUNTS = "SELECT id FROM accounts WHERE id = ANY(%s::bigint[])"


class Domains:
    """The domains of a database, at most MOST_DOMAINS. For one thread.

    Where no index helps, all accounts are looked at the first time, in small pages, and later the new ones only.
    """

    def __init__(self) -> None:
        self._found: set[str] = set()
        self._last_id = 0

    def refresh(self, database: Database) -> frozenset[str]:
        """Return the domains that are known by now, in lower case and as A-labels. Raises DatabaseError."""
        with database.reading() as reading:
            reading.execute(_ORDERED_RELATION)
            relation = next((name for (name,) in reading.fetchall()), None)
        if relation is not None:
            return frozenset(_clean(_ordered_domains(database, relation)))
        self._look_at_new_accounts(database)
        return frozenset(self._found)

    def _look_at_new_accounts(self, database: Database) -> None:
        after: int | None = self._last_id
        while after is not None and len(self._found) < MOST_DOMAINS:
            with database.reading() as reading:
                after, domains = _page(reading, after)
            self._found.update(islice(_clean(domains), MOST_DOMAINS - len(self._found)))
            self._last_id = after or self._last_id


def known_accounts(database: Database, account_ids: Iterable[int]) -> frozenset[int]:
    """Return those of some ids that accounts have. Raises DatabaseError."""
    with database.reading() as reading:
        reading.execute(_KNOWN_ACCOUNTS, (list(account_ids),))
        return frozenset(account_id for (account_id,) in reading.fetchall())


def _ordered_domains(database: Database, relation: str) -> Iterator[str]:
    after = ""
    for _ in range(0, MOST_DOMAINS, PAGE_DOMAINS):
        with database.reading() as reading:
            reading.execute(_NEXT_DOMAINS.format(relation=relation), {"after": after, "limit": PAGE_DOMAINS})
            domains = [domain for (domain,) in reading.fetchall()]
        yield from domains
        if len(domains) < PAGE_DOMAINS:
            return
        after = domains[-1]


def _page(reading: cursor, after: int) -> tuple[int | None, list[str]]:
    """Return the last id of a page of accounts, None where there is none left, and the page's domains."""
    reading.execute(_DOMAINS_OF_PAGE, {"after": after, "limit": PAGE_ACCOUNTS})
    ((last_id, domains),) = reading.fetchall()
    return last_id, domains or []


def _clean(domains: Iterable[str]) -> Iterator[str]:
    """Yield the domains as user agents are read; what is none is left out."""
    yield from filter(None, map(domain_name, domains))
