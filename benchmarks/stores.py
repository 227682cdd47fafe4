"""`python -m benchmarks.stores [VERSION]...`: what the stores' collectors cost at 1,000,000 accounts.

A real PostgreSQL of its own, for each shape of Mastodon, with 100,000 accounts subscribed to; all figures on the
first scrape, when nothing is cached. Ends with 1 where a figure is beyond its limit.
"""

import argparse
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import closing

from exporter.collectors.deliveries import DeliveryFamilies
from exporter.collectors.store_collector import StoreFamilies
from exporter.collectors.subscriptions import SubscriptionFamilies, expected_query, hub_query
from exporter.config import DatabaseSettings, Secret
from exporter.mastodon.database import Database
from exporter.mastodon.known import Domains, known_accounts
from exporter.mastodon.shape import read_shape
from tests.postgres import Postgres, postgres_server

ACCOUNTS = 1_000_000
SUBSCRIBED = 100_000
DOMAINS = 5000
LIMIT_SECONDS = 2.0
LIMIT_BYTES = 100e6
VERSIONS = ("1.3", "2.9", "4.6")

_OUR_ACCOUNTS = """
INSERT INTO accounts (username, created_at, updated_at)
SELECT 'user' || n, now(), now() FROM generate_series(1, 1000) AS n
"""
# A row of accounts is about 1 kB on a real server: a public key, URLs.
_PUSH_ACCOUNTS = """
INSERT INTO accounts (username, domain, uri, url, remote_url, hub_url, public_key, subscription_expires_at,
    created_at, updated_at)
SELECT 'user' || n, domain, 'https://' || domain || '/users/' || n, 'https://' || domain || '/@' || n,
    'https://' || domain || '/users/' || n || '.atom', 'https://' || domain || '/api/push', repeat(md5(n::text), 14),
    CASE WHEN n % 10 = 0 THEN timezone('UTC', now()) + (n % 604800 - 3600) * interval '1 second' END, now(), now()
FROM (SELECT n, 'server' || n % {domains} || '.example' AS domain FROM generate_series(1001, {accounts}) AS n) AS remote
"""
_TODAYS_ACCOUNTS = """
INSERT INTO accounts (username, domain, uri, url, inbox_url, shared_inbox_url, public_key, created_at, updated_at)
SELECT 'user' || n, domain, 'https://' || domain || '/users/' || n, 'https://' || domain || '/@' || n,
    'https://' || domain || '/users/' || n || '/inbox', 'https://' || domain || '/inbox', repeat(md5(n::text), 14),
    now(), now()
FROM (SELECT n, 'server' || n % {domains} || '.example' AS domain FROM generate_series(1001, {accounts}) AS n) AS remote
"""
_FOLLOWS = """
INSERT INTO follows (account_id, target_account_id, created_at, updated_at)
SELECT 1 + (n / 10 + follower) % 1000, n, now(), now()
FROM generate_series(1010, {accounts}, 10) AS n, generate_series(1, 3) AS follower
"""
_SUBSCRIPTIONS = """
INSERT INTO subscriptions (callback_url, account_id, confirmed, expires_at, created_at, updated_at)
SELECT 'https://server' || n % {domains} || '.example/api/subscriptions/' || n, 1 + n % 1000, n % 50 > 0,
    timezone('UTC', now()) + (n % 604800 - 3600) * interval '1 second', now(), now()
FROM generate_series(1, {subscribed}) AS n
"""


def main() -> int:
    """Print the figures; end with 1 where one is beyond its limit."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stores", description=__doc__)
    parser.add_argument("version", nargs="*", metavar="VERSION", help=", ".join(VERSIONS))
    parser.add_argument("--accounts", type=int, default=ACCOUNTS)
    parser.add_argument("--plans", action="store_true", help="show the query plans too")
    arguments = parser.parse_args()
    met = []
    with postgres_server() as server:
        for version in arguments.version or VERSIONS:
            url = seed(server, version, arguments.accounts)
            print(f"== Mastodon {version}, {arguments.accounts:,} accounts", flush=True)
            met += list(measure(url, show_plans=arguments.plans))
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(f"{'this process':32} {peak_bytes / 1e6:8.1f} MB at most (must be under {LIMIT_BYTES / 1e6:.0f})")
    return 0 if all(met) and peak_bytes < LIMIT_BYTES else 1


def seed(server: Postgres, version: str, accounts: int) -> str:
    """Return the URL of a database with so many accounts, a tenth of them subscribed to where there are hubs."""
    url = server.new_database(version)
    statements = [_OUR_ACCOUNTS, _PUSH_ACCOUNTS if version < "3" else _TODAYS_ACCOUNTS, _FOLLOWS]
    statements += [_SUBSCRIPTIONS] if version < "3" else []
    for statement in statements:
        server.run(url, statement.format(accounts=accounts, domains=DOMAINS, subscribed=accounts // 10))
    server.run(url, "VACUUM ANALYZE")
    return url


def measure(url: str, *, show_plans: bool) -> Iterator[bool]:
    """Print how long each collector takes; yield whether it keeps to its limit."""
    settings = DatabaseSettings(url=Secret(url))
    for name, store in _stores(settings):
        yield _timed(name, store)
    yield _time_domains(settings)
    yield _time_accounts(settings)
    if show_plans:
        _show_plans(settings)


def _stores(settings: DatabaseSettings) -> Iterator[tuple[str, StoreFamilies]]:
    database = Database(settings, "benchmark")
    yield "subscriptions", SubscriptionFamilies(database, Database(settings, "benchmark"))
    yield "deliveries", DeliveryFamilies(database)
    database.close()


def _timed(name: str, store: StoreFamilies) -> bool:
    first, again = _seconds(store), _seconds(store)
    print(f"{name:32} {first:8.3f} s, then {again:.4f} s a scrape (must be under {LIMIT_SECONDS:.0f} s)", flush=True)
    return first < LIMIT_SECONDS


def _seconds(store: StoreFamilies) -> float:
    began = time.monotonic()
    for _ in store.families():
        pass
    return time.monotonic() - began


def _time_domains(settings: DatabaseSettings) -> bool:
    domains = Domains()
    with closing(Database(settings, "benchmark")) as database:
        for name in ("domains that are known", "the same, again"):
            began = time.monotonic()
            found = domains.refresh(database)
            print(f"{name:32} {time.monotonic() - began:8.3f} s in the background, {len(found):,} found", flush=True)
    return True


def _time_accounts(settings: DatabaseSettings) -> bool:
    asked = range(1, ACCOUNTS * 2, ACCOUNTS // 500)
    with closing(Database(settings, "benchmark")) as database:
        known_accounts(database, [1])
        began = time.monotonic()
        known = known_accounts(database, asked)
        print(
            f"{f'{len(asked):,} ids looked up':32} {time.monotonic() - began:8.3f} s, {len(known):,} known", flush=True
        )
    return True


def _show_plans(settings: DatabaseSettings) -> None:
    with closing(Database(settings, "benchmark")) as database, database.reading() as reading:
        shape = read_shape(reading)
        for query in (expected_query(shape), hub_query(shape)) if shape.speaks_pubsubhubbub else ():
            reading.execute(f"EXPLAIN (ANALYZE, COSTS OFF) {query}")
            print(f"-- {query}")
            print("\n".join(f"   {line}" for (line,) in reading.fetchall()), flush=True)


if __name__ == "__main__":
    sys.exit(main())
