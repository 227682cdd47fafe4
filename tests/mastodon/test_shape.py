import pytest

from exporter.config import DatabaseSettings, Secret
from exporter.errors import UnknownShape
from exporter.mastodon.database import Database
from exporter.mastodon.shape import TABLES, Shape, read_shape
from tests.postgres import VERSIONS, Postgres

PUBSUBHUBBUB = {"1.3", "1.6", "2.9"}


def shape_of(url: str) -> Shape:
    database = Database(DatabaseSettings(url=Secret(url)), "a test")
    try:
        with database.reading() as reading:
            return read_shape(reading)
    finally:
        database.close()


@pytest.fixture(scope="module")
def shapes(postgres: Postgres) -> dict[str, Shape]:
    return {version: shape_of(postgres.new_database(version)) for version in VERSIONS}


def versions_where(shapes: dict[str, Shape], fact: str) -> set[str]:
    return {version for version, shape in shapes.items() if getattr(shape, fact)}


def test_hubs_are_spoken_with_to_2_9(shapes: dict[str, Shape]) -> None:
    assert versions_where(shapes, "speaks_pubsubhubbub") == PUBSUBHUBBUB


def test_the_columns_of_hubs_without_its_table_are_what_3_0_left_behind(postgres: Postgres) -> None:
    url = postgres.new_database("2.9")
    postgres.run(url, "DROP TABLE subscriptions")
    assert not shape_of(url).speaks_pubsubhubbub


def test_accounts_without_an_expiry_are_left_alone_from_1_6_on(shapes: dict[str, Shape]) -> None:
    assert versions_where(shapes, "asks_only_the_subscribed") == set(VERSIONS) - {"1.3"}


def test_subscriptions_are_deleted_softly_only_by_the_patch(postgres: Postgres, shapes: dict[str, Shape]) -> None:
    assert versions_where(shapes, "soft_deletes_subscriptions") == set()
    url = postgres.new_database("1.3")
    postgres.run(url, "ALTER TABLE subscriptions ADD deleted_at timestamp")
    assert shape_of(url).soft_deletes_subscriptions


def test_tables_and_columns_are_told_by_name(shapes: dict[str, Shape]) -> None:
    assert shapes["3.5"].has("unavailable_domains", "domain", "created_at")
    assert not shapes["3.5"].has("accounts", "domain", "hub_url")
    assert not shapes["2.9"].has("unavailable_domains")
    assert shapes["4.6"].has("instances", "domain")
    assert {table for shape in shapes.values() for table in shape.columns} == set(TABLES)


def test_a_column_that_was_dropped_is_not_there(postgres: Postgres) -> None:
    url = postgres.new_database("2.9")
    postgres.run(url, "ALTER TABLE accounts DROP secret")
    assert not shape_of(url).has("accounts", "secret")


def test_a_table_that_the_search_path_does_not_lead_to_is_not_there(postgres: Postgres) -> None:
    url = postgres.new_database("4.6")
    postgres.run(url, "CREATE SCHEMA archive; CREATE TABLE archive.subscriptions (id int)")
    assert not shape_of(url).has("subscriptions")


def test_a_role_without_any_right_reads_the_shape(postgres: Postgres) -> None:
    url = postgres.new_database("1.6")
    postgres.run(url, "CREATE ROLE shape_only LOGIN PASSWORD 'secret'")
    assert shape_of(postgres.url_as(url, "shape_only", "secret")) == shape_of(url)


def test_another_database_than_mastodons_is_told(postgres: Postgres) -> None:
    with pytest.raises(UnknownShape, match="this is not a database of Mastodon"):
        shape_of(postgres.url("postgres"))


def test_a_schema_that_the_role_may_not_use_is_named_as_the_cause(postgres: Postgres) -> None:
    url = postgres.new_database("1.6")
    postgres.run(url, "CREATE ROLE outside LOGIN PASSWORD 'secret'; REVOKE ALL ON SCHEMA public FROM PUBLIC")
    with pytest.raises(UnknownShape, match="in a schema that this role may not use"):
        shape_of(postgres.url_as(url, "outside", "secret"))
