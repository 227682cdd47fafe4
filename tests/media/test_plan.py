from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

import pytest

from exporter.config import DatabaseSettings, Secret
from exporter.mastodon.attachments import Attachment, MediaClass
from exporter.mastodon.database import Database
from exporter.mastodon.shape import read_shape
from exporter.media.id_windows import BEFORE_ALL_IDS, PAGE_ROWS
from exporter.media.plan import Census, Filters, Page, Part, Plan
from tests.mastodon_rows import add_account, add_file, add_media, add_row
from tests.postgres import VERSIONS, Postgres, postgres_server

MEDIA = MediaClass.MEDIA_ATTACHMENTS
ACCOUNTS = MediaClass.ACCOUNTS
ONLY_MEDIA = frozenset({MEDIA})
REMOTE_URL = "https://remote.example/a.jpeg"
OLD = datetime(2020, 1, 1, tzinfo=UTC).replace(tzinfo=None)
MANY = """
INSERT INTO media_attachments (
    id, file_file_name, file_content_type, file_file_size, remote_url, created_at, updated_at, file_updated_at
)
SELECT
    id, CASE WHEN id %% %s = 0 THEN id || '.jpg' END, 'image/jpeg', 10, '',
    '2020-01-01', '2020-01-01', '2020-01-01'
FROM generate_series(%s, %s) AS id
"""


@contextmanager
def planned(url: str, **filters: object) -> Iterator[Plan]:
    with closing(Database(DatabaseSettings(url=Secret(url)), "a test")) as database:
        with database.reading() as reading:
            shape = read_shape(reading)
        yield Plan(database, shape, Filters(**filters))  # type: ignore[arg-type]  # the names are checked by the class


def pages(url: str, **filters: object) -> list[Page]:
    with planned(url, **filters) as plan:
        return list(plan.pages())


def ids(url: str, **filters: object) -> list[int]:
    return [one.record_id for page in pages(url, **filters) for one in page.attachments]


def totals(url: str, **filters: object) -> dict[MediaClass, int]:
    with planned(url, **filters) as plan:
        return dict(plan.totals())


def add_many(postgres: Postgres, url: str, first: int, last: int, every: int = 1) -> None:
    postgres.run(url, MANY, [every, first, last])
    postgres.run(url, "ANALYZE media_attachments")


@pytest.fixture(scope="module")
def busy(postgres: Postgres) -> str:
    """A database with files of each class, of this server and of others."""
    url = postgres.new_database("4.3")
    account = add_account(url, id=-99, avatar_file_name="a.png", avatar_content_type="image/png", avatar_file_size=5)
    add_account(url, id=7, domain="remote.example", avatar_file_name="a.png", header_file_name="h.png")
    add_account(url, id=8)
    of_old: dict[str, Any] = {"file_updated_at": OLD, "updated_at": OLD}
    add_media(url, "local.jpg", account_id=account, file_file_size=10, **of_old)
    add_media(url, "remote.jpg", account_id=7, remote_url=REMOTE_URL, file_file_size=20, **of_old)
    add_media(url, None, account_id=7, remote_url=REMOTE_URL)
    add_media(url, "new.jpg", account_id=account, file_file_size=40)
    add_file(url, "custom_emojis", "image", "local.png")
    add_file(url, "custom_emojis", "image", "remote.png", domain="remote.example")
    add_file(url, "preview_cards", "image", "card.jpg")
    add_file(url, "preview_card_providers", "icon", "icon.png", domain="news.example")
    add_file(url, "site_uploads", "file", "logo.png", var="thumbnail")
    add_file(url, "backups", "dump", "archive.zip")
    add_file(url, "imports", "data", "follows.csv")
    return url


def test_what_only_this_server_has_comes_first_and_nothing_is_left_out(busy: str) -> None:
    found = [(page.media_class, [(one.record_id, one.name) for one in page.attachments]) for page in pages(busy)]
    assert found == [
        (MediaClass.SITE_UPLOADS, [(1, "file")]),
        (ACCOUNTS, [(-99, "avatar"), (7, "avatar"), (7, "header")]),
        (MediaClass.CUSTOM_EMOJIS, [(1, "image"), (2, "image")]),
        (MEDIA, [(1, "file"), (2, "file"), (4, "file")]),
        (MediaClass.BACKUPS, [(1, "dump")]),
        (MediaClass.IMPORTS, [(1, "data")]),
        (MediaClass.PREVIEW_CARD_PROVIDERS, [(1, "icon")]),
        (MediaClass.PREVIEW_CARDS, [(1, "image")]),
    ]


def test_totals_are_what_the_pages_have(busy: str) -> None:
    every_filter: list[dict[str, object]] = [
        {},
        {"part": Part.LOCAL},
        {"part": Part.REMOTE},
        {"classes": ONLY_MEDIA},
        {"since": OLD + timedelta(days=1)},
        {"limit": 4},
        {"offset": 3},
        {"limit": 5, "offset": 2, "part": Part.LOCAL},
        {"limit": 0},
        {"offset": 100},
    ]
    for filters in every_filter:
        counted: dict[MediaClass, int] = {}
        for page in pages(busy, **filters):
            counted[page.media_class] = counted.get(page.media_class, 0) + page.rows
        told = totals(busy, **filters)
        assert {one: rows for one, rows in told.items() if rows} == counted, filters


def test_the_bytes_of_the_originals_are_known_beforehand(busy: str) -> None:
    with planned(busy) as plan:
        census = plan.census()
    assert census[MEDIA] == Census(3, 70)
    assert census[ACCOUNTS] == Census(2, 5)
    with planned(busy, limit=4) as plan:
        assert plan.census()[MEDIA] == Census(0, None)


def test_no_size_that_a_row_may_tell_is_too_large_to_count(postgres: Postgres) -> None:
    url = postgres.new_database("4.6")
    largest = 2**31 - 1
    add_account(url, avatar_file_name="a", header_file_name="b", avatar_file_size=largest, header_file_size=largest)
    for _ in range(2):
        add_file(url, "backups", "dump", "archive.zip", dump_file_size=2**63 - 1)
    with planned(url) as plan:
        census = plan.census()
    assert census[ACCOUNTS] == Census(1, 2 * largest)
    assert census[MediaClass.BACKUPS] == Census(2, 2 * (2**63 - 1))


def test_local_and_remote_media_are_two_halves(busy: str) -> None:
    def files(part: Part) -> set[tuple[MediaClass, int]]:
        return {(one.media_class, one.record_id) for page in pages(busy, part=part) for one in page.attachments}

    local, remote = files(Part.LOCAL), files(Part.REMOTE)
    assert local.isdisjoint(remote)
    assert local | remote == files(Part.ALL)
    assert {(ACCOUNTS, -99), (MEDIA, 1), (MEDIA, 4), (MediaClass.CUSTOM_EMOJIS, 1)} <= local
    assert {one for one, _ in remote - {(ACCOUNTS, 7), (MEDIA, 2), (MediaClass.CUSTOM_EMOJIS, 2)}} == {
        MediaClass.PREVIEW_CARDS,
        MediaClass.PREVIEW_CARD_PROVIDERS,
    }


def test_only_the_named_classes_are_looked_at(busy: str) -> None:
    assert {page.media_class for page in pages(busy, classes=frozenset({ACCOUNTS, MEDIA}))} == {ACCOUNTS, MEDIA}
    assert totals(busy, classes=ONLY_MEDIA) == {MEDIA: 3}


def test_since_takes_what_was_written_from_then_on_in_any_zone(busy: str) -> None:
    assert ids(busy, classes=ONLY_MEDIA, since=OLD) == [1, 2, 4]
    assert ids(busy, classes=ONLY_MEDIA, since=OLD + timedelta(seconds=1)) == [4]
    seoul = timezone(timedelta(hours=9))
    assert ids(busy, classes=ONLY_MEDIA, since=OLD.replace(tzinfo=UTC).astimezone(seoul)) == [1, 2, 4]
    assert ids(busy, classes=ONLY_MEDIA, since=OLD.replace(tzinfo=UTC).astimezone(seoul) + timedelta(hours=1)) == [4]


def test_since_takes_what_was_hidden_from_then_on(postgres: Postgres) -> None:
    url = postgres.new_database("4.6")
    suspended = add_account(url, suspended_at=OLD + timedelta(days=2))
    deleted = add_row(url, "statuses", account_id=add_account(url), deleted_at=OLD + timedelta(days=2))
    add_media(url, account_id=suspended, file_updated_at=OLD, updated_at=OLD)
    add_media(url, status_id=deleted, file_updated_at=OLD, updated_at=OLD)
    add_media(url, file_updated_at=OLD, updated_at=OLD)
    assert ids(url, classes=ONLY_MEDIA, since=OLD + timedelta(days=1)) == [1, 2]


def test_since_takes_what_got_its_name_from_then_on_though_its_upload_is_older(postgres: Postgres) -> None:
    url = postgres.new_database("4.6")
    add_media(url, "transcoded.mp4", file_updated_at=OLD, updated_at=OLD + timedelta(days=2))
    add_account(url, id=7, avatar_file_name="a.png", avatar_updated_at=OLD, updated_at=OLD + timedelta(days=2))
    assert ids(url, since=OLD + timedelta(days=1)) == [7, 1]


def test_a_page_that_leaves_rows_out_finishes_no_ids(busy: str) -> None:
    assert all(page.finished == page.ids for page in pages(busy))
    assert all(page.finished == page.ids for page in pages(busy, limit=4, offset=2))
    assert [page.finished for page in pages(busy, since=OLD)] == [None] * 8


def test_pages_are_bounded_and_their_ids_leave_no_gap(postgres: Postgres) -> None:
    url = postgres.new_database("4.6")
    add_many(postgres, url, 1, 1000)
    add_many(postgres, url, 104530971904218116, 104530971904218116 + 41)
    found = pages(url, classes=ONLY_MEDIA)
    assert [page.rows for page in found] == [PAGE_ROWS] * 5 + [42]
    assert found[0].ids.after == BEFORE_ALL_IDS
    assert all(before.ids.last == page.ids.after for before, page in pairwise(found))
    for page in found:
        assert all(page.ids.after < one.record_id <= page.ids.last for one in page.attachments)
    assert found[-1].ids.last == 104530971904218116 + 41


def test_the_ids_of_rows_without_files_belong_to_the_page_that_follows(postgres: Postgres) -> None:
    url = postgres.new_database("4.6")
    add_many(postgres, url, 1, 5_000, every=10_000)
    add_many(postgres, url, 5_001, 5_010)
    add_many(postgres, url, 5_011, 30_000, every=10_000)
    ranges = [(page.ids.after, page.ids.last, page.rows) for page in pages(url, classes=ONLY_MEDIA)]
    assert sum(rows for _, _, rows in ranges) == 13
    assert ranges[0][0] == BEFORE_ALL_IDS
    assert all(before[1] == page[0] for before, page in pairwise(ranges))
    assert ranges[-1][1] == 30_000


@pytest.mark.parametrize("every", [1, 3, 50, 1000])
def test_rows_are_found_however_sparse_they_are(postgres: Postgres, every: int) -> None:
    url = postgres.new_database("4.6")
    add_many(postgres, url, 1, 10_000, every)
    found = pages(url, classes=ONLY_MEDIA)
    assert [one.record_id for page in found for one in page.attachments] == list(range(every, 10_001, every))
    assert max(page.rows for page in found) <= PAGE_ROWS
    assert len(found) <= 10_000 // every // PAGE_ROWS + 10


@pytest.mark.parametrize(
    ("offset", "limit"), [(0, 0), (0, 1), (0, 200), (1, 200), (199, 2), (450, 300), (999, 5), (1000, 1)]
)
def test_offset_and_limit_cut_rows_and_claim_only_their_ids(postgres: Postgres, offset: int, limit: int) -> None:
    url = postgres.new_database("4.6")
    add_many(postgres, url, 1, 2000, every=2)
    found = pages(url, classes=ONLY_MEDIA, offset=offset, limit=limit)
    expected = [2 * number for number in range(offset + 1, 1001)][:limit]
    assert [one.record_id for page in found for one in page.attachments] == expected
    assert totals(url, classes=ONLY_MEDIA, offset=offset, limit=limit) == {MEDIA: len(expected)}
    claimed = {one for page in found for one in range(max(0, page.ids.after) + 1, page.ids.last + 1)}
    assert {one for one in claimed if one % 2 == 0} == set(expected)


def test_a_plan_is_read_by_the_databases_clock_before_the_rows(busy: str) -> None:
    before = datetime.now(UTC).timestamp()
    for page in pages(busy):
        assert before - 1 <= page.ids.read_timestamp_seconds <= datetime.now(UTC).timestamp() + 1


def test_rows_that_come_and_go_meanwhile_disturb_nothing(postgres: Postgres) -> None:
    url = postgres.new_database("4.6")
    add_many(postgres, url, 1, 1000)
    with planned(url, classes=ONLY_MEDIA) as plan:
        found = plan.pages()
        seen = [one.record_id for one in next(found).attachments]
        postgres.run(url, "DELETE FROM media_attachments WHERE id <= 200 OR id BETWEEN 301 AND 400")
        add_many(postgres, url, 2001, 2100)
        seen += [one.record_id for page in found for one in page.attachments]
    assert seen == [*range(1, 301), *range(401, 1001), *range(2001, 2101)]


def one_of(url: str) -> Attachment:
    (page,) = pages(url, classes=ONLY_MEDIA)
    return page.attachments[0]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("UPDATE media_attachments SET updated_at = now()", "a.jpg"),
        ("UPDATE media_attachments SET file_file_name = 'b.mp4'", "b.mp4"),
        ("UPDATE media_attachments SET file_file_name = NULL", None),
        ("DELETE FROM media_attachments", None),
    ],
)
def test_a_row_is_read_again_as_it_is_now(postgres: Postgres, change: str, expected: str | None) -> None:
    url = postgres.new_database("4.6")
    add_media(url, "a.jpg")
    attachment = one_of(url)
    postgres.run(url, change)
    with planned(url, part=Part.REMOTE, since=OLD + timedelta(days=36500)) as plan:
        found = plan.reread(attachment)
    assert (found.file_name if found else None) == expected
    if expected == "a.jpg":
        assert found is not None
        assert replace(found, updated_timestamp_seconds=attachment.updated_timestamp_seconds) == attachment


def test_rows_can_be_read_again_while_pages_are_read(postgres: Postgres) -> None:
    url = postgres.new_database("4.6")
    add_many(postgres, url, 1, 500)
    with planned(url, classes=ONLY_MEDIA) as plan:
        for page in plan.pages():
            assert plan.reread(page.attachments[0]) == page.attachments[0]


@pytest.mark.slow
def test_a_restart_of_the_database_ends_no_plan() -> None:
    with postgres_server() as server:
        url = server.new_database("4.6")
        add_many(server, url, 1, 1000)
        with planned(url, classes=ONLY_MEDIA) as plan:
            found = plan.pages()
            rows = next(found).rows
            server.restart()
            assert sum(page.rows for page in found) + rows == 1000


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_is_planned_with_every_filter(postgres: Postgres, version: str) -> None:
    url = postgres.new_database(version)
    account = add_account(url, avatar_file_name="a.png", avatar_content_type="image/png")
    add_media(url, account_id=account)
    for part in Part:
        for since in (None, OLD):
            assert ids(url, part=part, since=since) == ([] if part is Part.REMOTE else [account, 1])


@pytest.mark.slow
def test_no_statement_reads_through_a_table_for_a_page(postgres: Postgres) -> None:
    """The most that is asked for: all filters at once, few rows among many, each with an account and a post."""
    url = postgres.new_database("4.6")
    postgres.run(
        url,
        """
        INSERT INTO accounts (id, username, created_at, updated_at)
            SELECT id, 'user' || id, now(), now() FROM generate_series(1, 30000) AS id;
        INSERT INTO statuses (id, account_id, created_at, updated_at)
            SELECT id, id, now(), now() FROM generate_series(1, 30000) AS id;
        """,
    )
    add_many(postgres, url, 1, 60_000, every=3)
    postgres.run(url, "UPDATE media_attachments SET account_id = id / 2, status_id = id / 2; ANALYZE")
    postgres.run(url, "SELECT pg_stat_reset()")
    filters = {"classes": ONLY_MEDIA, "since": OLD, "part": Part.LOCAL}
    assert sum(page.rows for page in pages(url, **filters)) == 20_000
    assert totals(url, **filters) == {MEDIA: 20_000}
    asked = ("accounts", "media_attachments", "statuses")
    scans = "SELECT relname, seq_scan, idx_scan > 0 FROM pg_stat_user_tables WHERE relname = ANY(%s) ORDER BY relname"
    assert postgres.run(url, scans, [list(asked)]) == [(name, 0, True) for name in asked]
