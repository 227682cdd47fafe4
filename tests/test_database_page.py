"""The roles of docs/database.md may do what the commands do, on every age of Mastodon, and nothing else."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from exporter.collectors.deliveries import DeliveryFamilies
from exporter.collectors.job_effects import read_effects
from exporter.collectors.subscriptions import count_subscriptions
from exporter.config import DatabaseSettings, Secret
from exporter.deliveries.listing import find_troubled
from exporter.deliveries.restart import DeliveryStores
from exporter.errors import DatabaseError
from exporter.mastodon.database import Database
from exporter.mastodon.database_look import look_over_database
from exporter.mastodon.known import Domains, known_accounts
from exporter.mastodon.media_rules import read_rejected_domains
from exporter.mastodon.schedule import jobs_by_shape
from exporter.mastodon.shape import Shape, read_shape
from exporter.media.plan import Filters, Part, Plan
from exporter.subscriptions.account_rows import AccountRows
from exporter.subscriptions.backup import back_up
from exporter.subscriptions.backup_file import open_backup
from exporter.subscriptions.restore import restore
from exporter.subscriptions.selection import Candidates, Form, Selection
from exporter.subscriptions.signing_account import read_signer
from exporter.subscriptions.undelete import undelete
from tests.database_roles import documented_role
from tests.mastodon_rows import (
    add_account,
    add_file,
    add_followed_account,
    add_remote_account,
    add_subscription,
    add_unavailable_domain,
    in_days,
)
from tests.postgres import VERSIONS, Postgres

WITH_HUBS = ("1.3", "1.6", "2.9")
WITH_UNAVAILABLE_DOMAINS = ("3.5", "4.3", "4.6")
RESUBSCRIBE = "subscriptions resubscribe"


@contextmanager
def database_of(url: str) -> Iterator[Database]:
    database = Database(DatabaseSettings(url=Secret(url)), "a test")
    yield database
    database.close()


def temporary_tables_for_nobody(postgres: Postgres, url: str) -> None:
    """Take away what PostgreSQL gives everybody unless told otherwise."""
    name = urlsplit(url).path.removeprefix("/")
    postgres.run(url, f'REVOKE TEMPORARY ON DATABASE "{name}" FROM PUBLIC')


def shape_of(database: Database) -> Shape:
    with database.reading() as reading:
        return read_shape(reading)


def is_refused(database: Database, statement: str) -> bool:
    try:
        with database.writing() as writing:
            writing.execute(statement)
    except DatabaseError as error:
        return "may not do this: permission denied" in str(error)
    return False


@pytest.mark.parametrize("version", VERSIONS)
def test_the_exporters_role_reads_all_that_the_exporter_asks_for(postgres: Postgres, version: str) -> None:
    owner = postgres.new_database(version)
    account = add_remote_account(owner, "remote.example")
    with database_of(documented_role(postgres, owner, "mastodon-exporter")) as database:
        shape = shape_of(database)
        assert read_effects(database, shape, {job.name for job in jobs_by_shape(shape)}).errors == {}
        if shape.speaks_pubsubhubbub:
            with database.reading() as reading:
                count_subscriptions(reading, shape)
        assert list(DeliveryFamilies(database).families()) or not shape.has("unavailable_domains")
        assert Domains().refresh(database) <= {"remote.example"}
        assert known_accounts(database, [account, account + 1]) == {account}


@pytest.mark.parametrize("version", VERSIONS)
def test_the_exporters_role_reads_no_secret_and_writes_nothing(postgres: Postgres, version: str) -> None:
    owner = postgres.new_database(version)
    url = documented_role(postgres, owner, "mastodon-exporter")
    secrets = ["accounts (private_key)", "users (email)", "statuses (text)"]
    if version in WITH_HUBS:
        secrets += ["accounts (secret)", "subscriptions (secret)", "subscriptions (callback_url)"]
    with database_of(url) as database:
        for table, _, column in (secret.partition(" ") for secret in secrets):
            assert is_refused(database, f"SELECT {column} FROM {table}")
        assert is_refused(database, "UPDATE accounts SET domain = NULL")
        assert is_refused(database, "DELETE FROM follows")
    assert look_over_database(DatabaseSettings(url=Secret(url))).warnings == ()


@pytest.mark.parametrize("version", WITH_HUBS)
def test_the_role_for_resubscribe_chooses_accounts_and_replaces_their_secrets(postgres: Postgres, version: str) -> None:
    owner = postgres.new_database(version)
    account = add_followed_account(owner, subscription_expires_at=in_days(-1))
    with database_of(documented_role(postgres, owner, RESUBSCRIBE)) as database:
        for form in (Form.ALL, Form.OVERDUE, Form.FROM_LOG):
            chosen = Candidates(database, shape_of(database)).chosen(Selection(form, (account,)))
            assert [one.account_id for one in chosen] == [account]
        rows = AccountRows(database)
        rows.check_may_write()
        assert rows.replace(rows.look([account])[account], "new", in_days(7))
        assert is_refused(database, "UPDATE accounts SET hub_url = ''")
        assert is_refused(database, "SELECT private_key FROM accounts")
    assert postgres.run(owner, "SELECT secret FROM accounts WHERE id = %s", [account]) == [("new",)]


def test_the_right_to_sign_is_one_of_its_own(postgres: Postgres) -> None:
    owner = postgres.new_database("2.9")
    add_account(owner, private_key="a key")
    with database_of(documented_role(postgres, owner, RESUBSCRIBE)) as database:
        with pytest.raises(DatabaseError, match="permission denied"):
            read_signer(database, shape_of(database), "qdon.example")
        documented_role(postgres, owner, RESUBSCRIBE, f"{RESUBSCRIBE} with sign: true")
        with pytest.raises(DatabaseError, match="is no RSA key"):
            read_signer(database, shape_of(database), "qdon.example")


@pytest.mark.parametrize("version", WITH_HUBS)
def test_the_roles_for_backup_and_restore_bring_a_row_back(postgres: Postgres, version: str, tmp_path: Path) -> None:
    owner = postgres.new_database(version)
    kept = add_subscription(owner, add_account(owner))
    moved = add_subscription(owner, add_account(owner))
    temporary_tables_for_nobody(postgres, owner)
    with database_of(documented_role(postgres, owner, "subscriptions backup")) as database:
        assert back_up(database, tmp_path / "backup", datetime.now(UTC), lambda _: None).count == 2
        assert is_refused(database, "DELETE FROM subscriptions")
    postgres.run(owner, f"DELETE FROM subscriptions; SELECT setval('subscriptions_id_seq', {moved - 1})")
    with (
        database_of(documented_role(postgres, owner, "subscriptions restore")) as database,
        open_backup(tmp_path / "backup") as file,
        closing(restore(database, file, lambda _: None)) as outcomes,
    ):
        assert outcomes.counts[None] == 2
    assert postgres.run(owner, "SELECT id FROM subscriptions ORDER BY id") == [(kept,), (moved,)]


def test_the_role_for_undelete_brings_a_row_back(postgres: Postgres) -> None:
    owner = postgres.new_database("1.3")
    postgres.run(owner, "ALTER TABLE subscriptions ADD deleted_at timestamp")
    add_subscription(owner, add_account(owner), deleted_at=in_days(-1))
    temporary_tables_for_nobody(postgres, owner)
    with database_of(documented_role(postgres, owner, "subscriptions undelete")) as database:
        with closing(undelete(database)) as outcomes:
            assert outcomes.counts[None] == 1
        assert is_refused(database, "DELETE FROM subscriptions")
    assert postgres.run(owner, "SELECT deleted_at FROM subscriptions") == [(None,)]


@pytest.mark.parametrize("version", WITH_UNAVAILABLE_DOMAINS)
def test_the_roles_for_deliveries_list_and_restart(postgres: Postgres, version: str) -> None:
    owner = postgres.new_database(version)
    add_unavailable_domain(owner, "gone.example")
    with database_of(documented_role(postgres, owner, "deliveries list")) as database:
        assert [one.domain for one in find_troubled(database, None, {}).domains] == ["gone.example"]
        assert is_refused(database, "DELETE FROM unavailable_domains")
    with database_of(documented_role(postgres, owner, "deliveries restart")) as database:
        stores = DeliveryStores(database, None)
        (standing,) = stores.standings(["gone.example"])
        stores.restart(standing, lambda: None)
        assert is_refused(database, "DELETE FROM accounts")
    assert postgres.run(owner, "SELECT * FROM unavailable_domains") == []


@pytest.mark.parametrize("version", WITH_HUBS)
def test_the_rights_for_deliveries_can_be_given_where_no_domain_is_ever_given_up(
    postgres: Postgres, version: str
) -> None:
    owner = postgres.new_database(version)
    with database_of(documented_role(postgres, owner, "deliveries restart")) as database:
        assert not shape_of(database).has("unavailable_domains")
        assert is_refused(database, "DELETE FROM accounts")


@pytest.mark.parametrize("version", VERSIONS)
def test_the_role_for_media_reads_every_row_that_has_files(postgres: Postgres, version: str) -> None:
    owner = postgres.new_database(version)
    account = add_account(owner)
    add_file(owner, "media_attachments", "file", "a.png", account_id=account)
    add_file(owner, "preview_cards", "image", "b.png", url="https://remote.example/page")
    with database_of(documented_role(postgres, owner, "media")) as database:
        shape = shape_of(database)
        for part in Part:
            plan = Plan(database, shape, Filters(part=part, since=datetime(2000, 1, 1, tzinfo=UTC)))
            pages = list(plan.pages())
            assert sum(plan.totals().values()) == sum(page.rows for page in pages) == (2 if part is Part.ALL else 1)
            assert all(plan.reread(one) for page in pages for one in page.attachments)
        with database.reading() as reading:
            assert "remote.example" not in read_rejected_domains(reading, shape)
        assert is_refused(database, "SELECT private_key FROM accounts")
        assert is_refused(database, "SELECT text FROM statuses")
        assert is_refused(database, "DELETE FROM media_attachments")


def test_rights_that_are_given_again_do_no_harm(postgres: Postgres) -> None:
    owner = postgres.new_database("4.6")
    assert documented_role(postgres, owner, "mastodon-exporter") == documented_role(
        postgres, owner, "mastodon-exporter"
    )
