"""What check-config says of a database: what it is, and whether the role may do more than read."""

import pytest

from exporter.config import DatabaseSettings, Secret
from exporter.mastodon.database_look import DatabaseFindings, look_over_database
from tests.postgres import Postgres


def look(url: str) -> DatabaseFindings:
    return look_over_database(DatabaseSettings(url=Secret(url)))


def reading_role(postgres: Postgres, url: str) -> str:
    """Return the URL of a database for a role that may read all of it, and nothing else."""
    if not postgres.run(url, "SELECT 1 FROM pg_roles WHERE rolname = 'look_everywhere'"):
        postgres.run(url, "CREATE ROLE look_everywhere LOGIN PASSWORD 'x'")
    postgres.run(url, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO look_everywhere")
    return postgres.url_as(url, "look_everywhere", "x")


@pytest.mark.parametrize(
    ("version", "words"),
    [
        ("1.3", "speaks PubSubHubbub (Mastodon 1.1 to 1.5)"),
        ("2.9", "speaks PubSubHubbub (Mastodon 1.6 to 2.9)"),
        ("4.6", "speaks ActivityPub only (Mastodon 3.0 or newer)"),
    ],
)
def test_the_shape_is_told_in_words(postgres: Postgres, version: str, words: str) -> None:
    assert words in look(postgres.new_database(version)).summary


def test_a_superuser_is_warned_of(postgres: Postgres) -> None:
    (warning,) = look(postgres.new_database("2.9")).warnings
    assert "`mastodon` is a superuser" in warning


def test_a_role_that_may_only_read_is_not_warned_of(postgres: Postgres) -> None:
    url = postgres.new_database("2.9")
    postgres.run(url, "CREATE ROLE look_reads LOGIN PASSWORD 'x'")
    postgres.run(url, "GRANT SELECT (id, domain) ON accounts TO look_reads")
    postgres.run(url, "GRANT SELECT ON follows, subscriptions TO look_reads")
    findings = look(postgres.url_as(url, "look_reads", "x"))
    assert findings.warnings == ()
    assert "the role is `look_reads`" in findings.summary


@pytest.mark.parametrize(
    "grant", ["UPDATE (secret) ON accounts", "DELETE ON subscriptions", "INSERT ON accounts", "TRUNCATE ON accounts"]
)
def test_a_role_that_may_write_is_warned_of(postgres: Postgres, grant: str) -> None:
    url = postgres.new_database("2.9")
    postgres.run(url, "DROP ROLE IF EXISTS look_writes")
    postgres.run(url, "CREATE ROLE look_writes LOGIN PASSWORD 'x'")
    postgres.run(url, "GRANT SELECT ON accounts, follows, subscriptions TO look_writes")
    postgres.run(url, f"GRANT {grant} TO look_writes")
    (warning,) = look(postgres.url_as(url, "look_writes", "x")).warnings
    table = grant.rpartition(" ")[2]
    assert f"`look_writes` may write to `{table}`" in warning
    assert "docs/database.md" in warning
    postgres.run(url, "DROP OWNED BY look_writes")


@pytest.mark.parametrize(
    ("version", "grant"),
    [
        ("2.9", "INSERT ON users"),
        ("4.6", "DELETE ON unavailable_domains"),
        ("4.6", "UPDATE (text) ON statuses"),
        ("4.6", "TRUNCATE ON follows"),
    ],
)
def test_a_right_to_write_is_warned_of_whatever_the_table(postgres: Postgres, version: str, grant: str) -> None:
    url = postgres.new_database(version)
    reader = reading_role(postgres, url)
    postgres.run(url, f"GRANT {grant} TO look_everywhere")
    (warning,) = look(reader).warnings
    assert f"`look_everywhere` may write to `{grant.rpartition(' ')[2]}`, which the exporter never does" in warning


def test_of_many_tables_that_may_be_written_five_are_named_and_the_rest_counted(postgres: Postgres) -> None:
    url = postgres.new_database("4.6")
    reader = reading_role(postgres, url)
    tables = [f"look_{number}" for number in range(1, 8)]
    for table in tables:
        postgres.run(url, f"CREATE TABLE {table} (); GRANT INSERT ON {table} TO look_everywhere")
    (warning,) = look(reader).warnings
    assert "may write to `look_1`, `look_2`, `look_3`, `look_4`, `look_5` and 2 others, which" in warning
    for table in tables[5:]:
        postgres.run(url, f"DROP TABLE {table}")
    (warning,) = look(reader).warnings
    assert "may write to `look_1`, `look_2`, `look_3`, `look_4` and `look_5`, which" in warning


def test_tables_of_other_schemas_are_no_affair_of_the_exporter(postgres: Postgres) -> None:
    url = postgres.new_database("4.6")
    reader = reading_role(postgres, url)
    postgres.run(url, "CREATE SCHEMA elsewhere; CREATE TABLE elsewhere.notes ()")
    postgres.run(
        url, "GRANT USAGE ON SCHEMA elsewhere TO look_everywhere; GRANT INSERT ON elsewhere.notes TO look_everywhere"
    )
    assert look(reader).warnings == ()


def test_the_owner_of_the_tables_is_warned_of(postgres: Postgres) -> None:
    url = postgres.new_database("4.6")
    postgres.run(url, "CREATE ROLE look_owns LOGIN PASSWORD 'x'")
    postgres.run(url, "ALTER TABLE accounts OWNER TO look_owns")
    postgres.run(url, "GRANT SELECT ON follows, unavailable_domains TO look_owns")
    (warning,) = look(postgres.url_as(url, "look_owns", "x")).warnings
    assert "may write to `accounts`" in warning


def test_a_right_that_is_missing_is_warned_of(postgres: Postgres) -> None:
    url = postgres.new_database("2.9")
    postgres.run(url, "CREATE ROLE look_lacks LOGIN PASSWORD 'x'")
    postgres.run(url, "GRANT SELECT ON accounts TO look_lacks")
    (warning,) = look(postgres.url_as(url, "look_lacks", "x")).warnings
    assert "may not read `follows` and `subscriptions`" in warning


def test_what_cannot_be_used_is_said_in_a_sentence_without_the_password(postgres: Postgres) -> None:
    findings = look("postgresql://mastodon:hunter2@127.0.0.1:1/none")
    assert findings.summary == "database: cannot be used"
    assert len(findings.warnings) == 1
    assert "hunter2" not in str(findings)
    (warning,) = look(postgres.url("postgres")).warnings
    assert "not a database of Mastodon" in warning
