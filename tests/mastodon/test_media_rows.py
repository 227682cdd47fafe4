"""What rows of a real database say of their files, for every age of Mastodon."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from exporter.config import DatabaseSettings, Secret
from exporter.mastodon.attachment_styles import TODAYS_RULES
from exporter.mastodon.attachments import Attachment, MediaClass, objects_of
from exporter.mastodon.database import Database
from exporter.mastodon.media_rows import LONGEST_TEXT, MediaTable, media_classes
from exporter.mastodon.media_rules import read_rules
from exporter.mastodon.shape import read_shape
from tests.mastodon_rows import add_account, add_file, add_media, add_remote_account, add_row, in_days, now
from tests.postgres import SCHEMAS, VERSIONS, Postgres

WRITTEN = datetime(2024, 2, 29, 12, 30, 15, 250_000, UTC).replace(tzinfo=None)
WRITTEN_SECONDS = WRITTEN.replace(tzinfo=UTC).timestamp()
BEFORE = WRITTEN - timedelta(days=1000)
REMOTE_URL = "https://remote.example/files/a.jpeg"


def attachments(url: str, media_class: MediaClass) -> list[Attachment]:
    """Return all files of a class, as its rows tell of them."""
    with closing(Database(DatabaseSettings(url=Secret(url)), "a test")) as database, database.reading() as reading:
        shape = read_shape(reading)
        table = MediaTable(shape, read_rules(reading, shape), media_class)
        reading.execute(f"SELECT {table.selected} FROM {table.relations} WHERE {table.has_file} ORDER BY {table.id}")
        return [one for row in reading.fetchall() for one in table.attachments(row)]


def only(url: str, media_class: MediaClass) -> Attachment:
    (found,) = attachments(url, media_class)
    return found


def keys(url: str, media_class: MediaClass) -> list[str]:
    return [one.key for found in attachments(url, media_class) for one in objects_of(found)]


def suspended(version: str) -> Mapping[str, Any]:
    return {"suspended": True} if version in ("1.3", "1.6") else {"suspended_at": in_days(-1)}


@pytest.mark.parametrize(
    ("version", "left_out"),
    [
        ("1.3", {"site_uploads", "custom_emojis", "backups", "preview_card_providers"}),
        ("1.6", {"site_uploads", "custom_emojis", "backups", "preview_card_providers"}),
        ("2.9", {"preview_card_providers"}),
        ("3.5", set()),
        ("4.3", set()),
        ("4.6", {"imports"}),
    ],
)
def test_the_classes_of_a_version_are_those_whose_table_is_there(
    postgres: Postgres, version: str, left_out: set[str]
) -> None:
    url = postgres.new_database(version)
    with closing(Database(DatabaseSettings(url=Secret(url)), "a test")) as database, database.reading() as reading:
        classes = media_classes(read_shape(reading))
    assert classes == tuple(one for one in MediaClass if one not in left_out)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_class_is_read_on_every_version(postgres: Postgres, version: str) -> None:
    url = postgres.new_database(version)
    with closing(Database(DatabaseSettings(url=Secret(url)), "a test")) as database, database.reading() as reading:
        classes = media_classes(read_shape(reading))
    assert [attachments(url, one) for one in classes] == [[]] * len(classes)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_local_attachment_is_told_with_all_that_its_row_says(postgres: Postgres, version: str) -> None:
    url = postgres.new_database(version)
    account = add_account(url)
    written = {"account_id": account, "file_updated_at": WRITTEN, "updated_at": WRITTEN, "file_file_size": 123}
    identifier = add_media(url, "Größe & more.JPG", **written)
    found = only(url, MediaClass.MEDIA_ATTACHMENTS)
    has_schema_version = version in ("3.5", "4.3", "4.6")
    assert replace(found, rules=TODAYS_RULES) == Attachment(
        MediaClass.MEDIA_ATTACHMENTS,
        identifier,
        "file",
        "Größe & more.JPG",
        content_type="image/jpeg",
        storage_schema_version=1 if has_schema_version else 0,
        size_bytes=123,
        updated_timestamp_seconds=WRITTEN_SECONDS,
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_a_remote_attachment_lies_in_the_cache_where_its_row_says_so(postgres: Postgres, version: str) -> None:
    url = postgres.new_database(version)
    account = add_remote_account(url, "Remote.Example")
    add_media(url, "a.mp3", account_id=account, remote_url=REMOTE_URL, file_content_type="audio/mpeg")
    found = only(url, MediaClass.MEDIA_ATTACHMENTS)
    assert (found.is_remote, found.domain, found.remote_url) == (True, "Remote.Example", REMOTE_URL)
    prefix = "cache/" if version in ("3.5", "4.3", "4.6") else ""
    assert keys(url, MediaClass.MEDIA_ATTACHMENTS) == [f"{prefix}media_attachments/files/000/000/001/original/a.mp3"]


@pytest.mark.parametrize(("version", "prefix"), [("3.5", ""), ("4.3", ""), ("4.6", "cache/")])
def test_a_remote_thumbnail_lies_in_the_cache_only_since_its_row_can_say_so(
    postgres: Postgres, version: str, prefix: str
) -> None:
    url = postgres.new_database(version)
    schema = {"thumbnail_storage_schema_version": 1} if version == "4.6" else {}
    thumbnail = {"thumbnail_file_name": "t.png", "thumbnail_content_type": "image/png", **schema}
    add_media(url, None, remote_url=REMOTE_URL, thumbnail_remote_url="https://remote.example/t.png", **thumbnail)
    found = only(url, MediaClass.MEDIA_ATTACHMENTS)
    assert (found.name, found.remote_url, found.domain) == (
        "thumbnail",
        "https://remote.example/t.png",
        "remote.example",
    )
    assert keys(url, MediaClass.MEDIA_ATTACHMENTS) == [
        f"{prefix}media_attachments/thumbnails/000/000/001/original/t.png"
    ]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_images_of_an_account_are_two_files_of_one_row(postgres: Postgres, version: str) -> None:
    url = postgres.new_database(version)
    images = {"avatar_file_name": "a.gif", "avatar_content_type": "image/gif", "header_file_name": "h.png"}
    add_account(url, id=-99, **images)
    add_account(url, avatar_file_name="", header_file_name=None)
    assert [one.name for one in attachments(url, MediaClass.ACCOUNTS)] == ["avatar", "header"]
    assert keys(url, MediaClass.ACCOUNTS) == [
        "accounts/avatars/000/000/original/a.gif",
        "accounts/avatars/000/000/static/a.png",
        "accounts/headers/000/000/original/h.png",
    ]


@pytest.mark.parametrize("version", ["2.9", "3.5", "4.3", "4.6"])
def test_an_emoji_is_remote_by_its_domain_alone(postgres: Postgres, version: str) -> None:
    url = postgres.new_database(version)
    add_file(url, "custom_emojis", "image", "a.png")
    add_file(url, "custom_emojis", "image", "b.png", domain="remote.example", image_remote_url=REMOTE_URL)
    add_file(url, "custom_emojis", "image", "c.png", domain="remote.example", image_remote_url=None)
    local, *remote = attachments(url, MediaClass.CUSTOM_EMOJIS)
    assert (local.is_remote, local.domain, local.remote_url) == (False, None, None)
    assert [(one.is_remote, one.domain) for one in remote] == [(True, "remote.example")] * 2
    assert [one.remote_url for one in remote] == [REMOTE_URL, None]


def test_rows_of_other_tables_tell_of_their_files(postgres: Postgres) -> None:
    url = postgres.new_database("4.3")
    add_file(
        url, "preview_cards", "image", "card.gif", url="https://News.example:8443/a?b", image_content_type="image/gif"
    )
    add_file(url, "preview_card_providers", "icon", "icon.png", domain="news.example")
    add_file(url, "site_uploads", "file", "logo.png", var="favicon")
    add_file(url, "backups", "dump", "archive.zip", dump_file_size=9_000_000_000, dump_content_type="application/zip")
    add_file(url, "imports", "data", "follows.csv", data_content_type="text/csv")
    card = only(url, MediaClass.PREVIEW_CARDS)
    assert (card.is_remote, card.domain, card.remote_url, card.is_private) == (True, "news.example", None, False)
    assert keys(url, MediaClass.PREVIEW_CARDS) == ["cache/preview_cards/images/000/000/001/original/card.gif"]
    assert only(url, MediaClass.PREVIEW_CARD_PROVIDERS).domain == "news.example"
    assert only(url, MediaClass.SITE_UPLOADS).variant == "favicon"
    assert len(keys(url, MediaClass.SITE_UPLOADS)) == 4
    backup = only(url, MediaClass.BACKUPS)
    assert (backup.size_bytes, backup.is_private, backup.is_remote) == (9_000_000_000, True, False)
    assert only(url, MediaClass.IMPORTS).is_private


@pytest.mark.parametrize("version", VERSIONS)
def test_media_of_suspended_accounts_are_private_and_their_avatars_are_not(postgres: Postgres, version: str) -> None:
    url = postgres.new_database(version)
    account = add_account(url, avatar_file_name="a.png", avatar_content_type="image/png", **suspended(version))
    add_media(url, account_id=account)
    add_media(url, account_id=add_account(url))
    assert [one.is_private for one in attachments(url, MediaClass.MEDIA_ATTACHMENTS)] == [True, False]
    assert not only(url, MediaClass.ACCOUNTS).is_private


@pytest.mark.parametrize("version", ["3.5", "4.3", "4.6"])
def test_media_of_deleted_posts_are_private_from_4_4_on(postgres: Postgres, version: str) -> None:
    url = postgres.new_database(version)
    account = add_account(url)
    deleted = add_row(url, "statuses", account_id=account, deleted_at=now())
    kept = add_row(url, "statuses", account_id=account)
    for status_id in (deleted, kept, 10**9, None):
        add_media(url, account_id=account, status_id=status_id)
    private = [one.is_private for one in attachments(url, MediaClass.MEDIA_ATTACHMENTS)]
    assert private == [version == "4.6", False, False, False]


def test_what_was_hidden_later_than_it_was_written_counts_as_changed(postgres: Postgres) -> None:
    url = postgres.new_database("4.6")
    account = add_account(url, suspended_at=WRITTEN)
    status = add_row(url, "statuses", account_id=add_account(url), deleted_at=WRITTEN)
    add_media(url, account_id=account, file_updated_at=BEFORE, updated_at=BEFORE)
    add_media(url, status_id=status, file_updated_at=BEFORE, updated_at=BEFORE)
    add_media(url, file_updated_at=None, updated_at=WRITTEN)
    changed = [one.updated_timestamp_seconds for one in attachments(url, MediaClass.MEDIA_ATTACHMENTS)]
    assert changed == [WRITTEN_SECONDS] * 3


@pytest.mark.parametrize("version", VERSIONS)
def test_the_later_of_both_times_of_a_file_counts(postgres: Postgres, version: str) -> None:
    url = postgres.new_database(version)
    account = add_account(url)
    # The first is a transcoded video, or an object that was moved.
    for written, committed in ((BEFORE, WRITTEN), (WRITTEN, BEFORE), (BEFORE, BEFORE)):
        add_media(url, account_id=account, file_updated_at=written, updated_at=committed)
    changed = [one.updated_timestamp_seconds for one in attachments(url, MediaClass.MEDIA_ATTACHMENTS)]
    assert changed[:2] == [WRITTEN_SECONDS] * 2
    assert changed[2] != WRITTEN_SECONDS


@pytest.mark.parametrize("blank", ["", " ", "\t\n "])
def test_a_blank_remote_url_is_none(postgres: Postgres, blank: str) -> None:
    url = postgres.new_database("4.6")
    add_media(url, remote_url=blank)
    assert not only(url, MediaClass.MEDIA_ATTACHMENTS).is_remote


@pytest.mark.parametrize(
    "told",
    ["javascript:alert(1)", "file:///etc/passwd", "//remote.example/a", "https://a.example/" + "a" * LONGEST_TEXT],
)
def test_what_is_no_web_address_of_bounded_length_is_nowhere_to_fetch_from(postgres: Postgres, told: str) -> None:
    url = postgres.new_database("4.6")
    add_media(url, remote_url=told)
    found = only(url, MediaClass.MEDIA_ATTACHMENTS)
    assert (found.is_remote, found.remote_url, found.domain) == (True, None, None)


def test_hostile_text_is_bounded_and_harms_nothing(postgres: Postgres) -> None:
    url = postgres.new_database("4.6")
    long = "x" * 100_000
    add_media(url, f"\x01\n'; DROP TABLE accounts; --%s{long}", file_content_type=long, file_file_size=-1)
    add_file(url, "preview_cards", "image", "a.png", url="http://[::1")
    add_file(url, "custom_emojis", "image", "a.png", domain=long)
    found = only(url, MediaClass.MEDIA_ATTACHMENTS)
    assert len(found.file_name) == LONGEST_TEXT
    assert found.size_bytes is None
    assert objects_of(found)[0].content_type == "application/octet-stream"
    assert only(url, MediaClass.PREVIEW_CARDS).domain is None
    assert len(only(url, MediaClass.CUSTOM_EMOJIS).domain or "") == 253


def test_rows_without_sizes_types_and_times_are_read(postgres: Postgres) -> None:
    url = postgres.new_database("4.6")
    nothing = dict.fromkeys(("file_content_type", "file_file_size", "file_updated_at", "file_storage_schema_version"))
    add_media(url, "a.jpg", updated_at=WRITTEN, **nothing)
    found = only(url, MediaClass.MEDIA_ATTACHMENTS)
    assert (found.content_type, found.size_bytes, found.storage_schema_version) == (None, None, 0)
    assert found.updated_timestamp_seconds == WRITTEN_SECONDS


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_names_are_read_whatever_the_encoding_of_the_database(postgres: Postgres, encoding: str) -> None:
    name = f"mastodon_{encoding.lower()}"
    postgres.run(postgres.url("postgres"), f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}'")
    url = postgres.url(name)
    postgres.run(url, (SCHEMAS / "4.6.sql").read_text(encoding="utf-8"))
    written = r"E'\xc3\xb6.jpg'" if encoding == "SQL_ASCII" else r"E'\xf6.jpg'"
    insert = f"INSERT INTO media_attachments (file_file_name, created_at, updated_at) VALUES ({written}, now(), now())"
    postgres.run(url, insert)
    assert only(url, MediaClass.MEDIA_ATTACHMENTS).file_name == "ö.jpg"


def test_bytes_that_are_no_text_are_replaced(postgres: Postgres) -> None:
    url = postgres.url("mastodon_broken")
    postgres.run(postgres.url("postgres"), "CREATE DATABASE mastodon_broken TEMPLATE template0 ENCODING 'SQL_ASCII'")
    postgres.run(url, (SCHEMAS / "4.6.sql").read_text(encoding="utf-8"))
    insert = (
        r"INSERT INTO custom_emojis (image_file_name, domain, created_at, updated_at) VALUES (%s, %s, now(), now())"
    )
    postgres.run(url, insert.replace("%s", r"E'\xff\xfe.png'"))
    found = only(url, MediaClass.CUSTOM_EMOJIS)
    assert (found.file_name, found.domain) == ("\ufffd\ufffd.png", "\ufffd\ufffd.png")
