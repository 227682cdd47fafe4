from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from psycopg2.extensions import cursor

from exporter.config import DatabaseSettings, Secret
from exporter.mastodon.attachment_styles import StyleRules
from exporter.mastodon.database import Database
from exporter.mastodon.media_rules import MediaRules, RejectedDomains, read_rejected_domains, read_rules
from exporter.mastodon.shape import read_shape
from tests.mastodon_rows import add_row
from tests.postgres import VERSIONS, Postgres

BEFORE_2_9 = StyleRules(gif_previews_are_png=False, thumbnail_has_sizes=False, avif_previews_are_jpeg=False)
BEFORE_4_0 = StyleRules(thumbnail_has_sizes=False, avif_previews_are_jpeg=False)


@contextmanager
def reading(url: str) -> Iterator[cursor]:
    database = Database(DatabaseSettings(url=Secret(url)), "a test")
    try:
        with database.reading() as opened:
            yield opened
    finally:
        database.close()


def rules_of(url: str) -> MediaRules:
    with reading(url) as opened:
        return read_rules(opened, read_shape(opened))


@pytest.mark.parametrize(
    ("version", "styles"),
    [
        ("1.3", BEFORE_2_9),
        ("1.6", BEFORE_2_9),
        ("2.9", BEFORE_4_0),
        ("3.5", BEFORE_4_0),
        ("4.3", StyleRules()),
        ("4.6", StyleRules()),
    ],
)
def test_the_rules_of_styles_go_by_what_a_version_added(postgres: Postgres, version: str, styles: StyleRules) -> None:
    assert rules_of(postgres.new_database(version)).styles == styles


@pytest.mark.parametrize("version", VERSIONS)
def test_deleted_posts_are_hidden_from_4_4_on(postgres: Postgres, version: str) -> None:
    assert rules_of(postgres.new_database(version)).hides_deleted_posts is (version == "4.6")


@pytest.mark.parametrize(
    ("newest", "hides"), [("20250605110215", True), ("20250521115400", False), ("20260101000000", True)]
)
def test_where_no_column_tells_the_newest_migration_does(postgres: Postgres, newest: str, hides: bool) -> None:
    url = postgres.new_database("4.3")
    postgres.run(url, "INSERT INTO schema_migrations VALUES (%s), ('zzz'), ('99')", [newest])
    assert rules_of(url).hides_deleted_posts is hides


def test_where_nothing_tells_deleted_posts_are_hidden(postgres: Postgres) -> None:
    url = postgres.new_database("4.3")
    postgres.run(url, "CREATE ROLE without_migrations LOGIN PASSWORD 'secret'")
    assert rules_of(postgres.url_as(url, "without_migrations", "secret")).hides_deleted_posts
    postgres.run(url, "DELETE FROM schema_migrations")
    assert rules_of(url).hides_deleted_posts
    postgres.run(url, "DROP TABLE schema_migrations")
    assert rules_of(url).hides_deleted_posts


def test_the_block_that_fits_a_domain_best_decides() -> None:
    rejected = RejectedDomains(
        {"bad.example": True, "good.bad.example": False, "Größe.example": True, "localhost": True}
    )
    for domain in (
        "bad.example",
        "BAD.example",
        "a.bad.example",
        "xn--gre-6ka8i.example",
        "größe.example",
        "localhost",
    ):
        assert domain in rejected
    for domain in ("good.bad.example", "a.good.bad.example", "notbad.example", "example", "", "bad.example.org"):
        assert domain not in rejected


@pytest.mark.parametrize("version", VERSIONS)
def test_media_of_suspended_servers_are_not_wanted_either(postgres: Postgres, version: str) -> None:
    url = postgres.new_database(version)
    add_row(url, "domain_blocks", domain="suspended.example", severity=1, reject_media=False)
    add_row(url, "domain_blocks", domain="silenced.example", severity=0, reject_media=False)
    add_row(url, "domain_blocks", domain="rejected.example", severity=2, reject_media=True)
    with reading(url) as opened:
        rejected = read_rejected_domains(opened, read_shape(opened))
    assert "suspended.example" in rejected
    assert "www.rejected.example" in rejected
    assert "silenced.example" not in rejected
