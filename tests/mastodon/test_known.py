"""Which domains and accounts a database knows, at every age of Mastodon, without a look at every account each time."""

from collections.abc import Callable, Iterator

import pytest

from exporter.config import DatabaseSettings, Secret
from exporter.mastodon import known
from exporter.mastodon.database import Database
from exporter.mastodon.known import Domains, known_accounts
from tests.mastodon_rows import add_account, add_remote_account
from tests.postgres import VERSIONS, Postgres


@pytest.fixture
def opened() -> Iterator[Callable[[str], Database]]:
    databases: list[Database] = []

    def connect(url: str) -> Database:
        databases.append(Database(DatabaseSettings(url=Secret(url)), "a test"))
        return databases[-1]

    yield connect
    for database in databases:
        database.close()


def without_instances(postgres: Postgres, version: str) -> str:
    """Return a database whose view of all instances, which is written hourly, is not there."""
    url = postgres.new_database(version)
    kinds = postgres.run(url, "SELECT relkind FROM pg_class WHERE oid = to_regclass('instances')")
    for (kind,) in kinds:
        postgres.run(url, f"DROP {'MATERIALIZED VIEW' if kind == 'm' else 'TABLE'} instances CASCADE")
    return url


@pytest.mark.parametrize("version", VERSIONS)
def test_every_domain_of_an_account_is_known_once_in_lower_case(
    postgres: Postgres, opened: Callable[[str], Database], version: str
) -> None:
    url = without_instances(postgres, version)
    domains = Domains()
    database = opened(url)
    assert domains.refresh(database) == frozenset()
    for domain in (
        "b.example",
        "a.example",
        "b.example",
        "C.Example",
        "bücher.example",
        "10.0.0.1",
        "nonsense",
        "x\ny.z",
    ):
        add_remote_account(url, domain)
    add_account(url)
    expected = {"a.example", "b.example", "c.example", "xn--bcher-kva.example"}
    assert domains.refresh(database) == expected
    add_remote_account(url, "d.example")
    assert domains.refresh(database) == expected | {"d.example"}


@pytest.mark.parametrize("version", ["2.9", "4.6"])
def test_pages_are_put_together(
    postgres: Postgres, opened: Callable[[str], Database], version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known, "PAGE_DOMAINS", 3)
    monkeypatch.setattr(known, "PAGE_ACCOUNTS", 3)
    url = without_instances(postgres, version)
    names = {f"server{number % 10}.example" for number in range(40)}
    for number in range(40):
        add_remote_account(url, f"server{number % 10}.example")
    assert Domains().refresh(opened(url)) == names


@pytest.mark.parametrize("version", ["2.9", "4.6"])
def test_no_more_domains_are_kept_than_there_is_room_for(
    postgres: Postgres, opened: Callable[[str], Database], version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("PAGE_DOMAINS", 5), ("PAGE_ACCOUNTS", 5), ("MOST_DOMAINS", 10)):
        monkeypatch.setattr(known, name, value)
    url = without_instances(postgres, version)
    for number in range(40):
        add_remote_account(url, f"server{number}.example")
    assert len(Domains().refresh(opened(url))) == 10


def test_an_index_that_begins_with_the_domain_is_read_from_domain_to_domain(
    postgres: Postgres, opened: Callable[[str], Database]
) -> None:
    url = without_instances(postgres, "4.6")
    postgres.run(
        url,
        "INSERT INTO accounts (username, domain, created_at, updated_at)"
        " SELECT 'user' || n, 'a' || n % 20 || '.example', now(), now() FROM generate_series(1, 20000) AS n",
    )
    postgres.run(url, "VACUUM ANALYZE accounts")
    with opened(url).reading() as reading:
        statement = known._NEXT_DOMAINS.format(relation="accounts")
        reading.execute(f"EXPLAIN (ANALYZE, TIMING OFF) {statement}", {"after": "", "limit": 1000})
        plan = "\n".join(line for (line,) in reading.fetchall())
    assert "Seq Scan on accounts" not in plan, plan
    assert "index_accounts_on_domain_and_id" in plan


def test_accounts_that_there_are_are_told_from_ids_that_somebody_made_up(
    postgres: Postgres, opened: Callable[[str], Database]
) -> None:
    for version in VERSIONS:
        url = postgres.new_database(version)
        there = add_remote_account(url)
        assert known_accounts(opened(url), [there, there + 1, 2**31, 2**62]) == {there}
