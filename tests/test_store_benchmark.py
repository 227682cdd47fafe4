"""The benchmark of the stores measures what it says: a database with so many accounts and subscriptions."""

import pytest

from benchmarks.stores import measure, seed
from tests.postgres import Postgres


@pytest.mark.parametrize("version", ["1.3", "2.9", "4.6"])
def test_every_collector_is_measured(postgres: Postgres, capsys: pytest.CaptureFixture[str], version: str) -> None:
    url = seed(postgres, version, accounts=3000)
    assert postgres.run(url, "SELECT count(*) FROM accounts") == [(3000,)]
    assert all(measure(url, show_plans=True))
    told = capsys.readouterr().out
    assert "subscriptions " in told
    assert "deliveries " in told
    assert "2,000 found" in told
    assert ("Aggregate" in told) is (version != "4.6")


@pytest.mark.parametrize("version", ["1.3", "2.9"])
def test_a_tenth_of_the_accounts_is_subscribed_to(postgres: Postgres, version: str) -> None:
    url = seed(postgres, version, accounts=3000)
    subscribed = "SELECT count(*) FROM accounts WHERE subscription_expires_at IS NOT NULL"
    assert postgres.run(url, subscribed) == [(200,)]
    assert postgres.run(url, "SELECT count(*) FROM subscriptions") == [(300,)]
