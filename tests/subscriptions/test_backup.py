"""A backup holds the whole table as it was at one instant, whatever the shape of the database."""

import gzip
import json
from datetime import datetime
from pathlib import Path

import pytest

from exporter.errors import DatabaseError
from exporter.subscriptions import backup
from exporter.subscriptions.backup import dated
from tests.mastodon_rows import add_account, add_subscription
from tests.postgres import Postgres
from tests.subscriptions.hub_database import hub_database


@pytest.mark.parametrize(
    ("name", "dated_name"),
    [
        ("/backups/{date}.gz", "/backups/2017-04-21.gz"),
        ("/backups/{date}/{date}.gz", "/backups/2017-04-21/2017-04-21.gz"),
        ("/backups/%Y-{time}-{}.gz", "/backups/%Y-{time}-{}.gz"),
    ],
)
def test_only_date_in_the_name_of_the_file_is_replaced(name: str, dated_name: str) -> None:
    assert dated(name, datetime(2017, 4, 21, 23, 59).astimezone()) == Path(dated_name)


def test_each_line_is_a_row_with_every_column_and_whose_account_it_was(postgres: Postgres, tmp_path: Path) -> None:
    hub = hub_database(postgres, "2.9", tmp_path)
    account = add_account(hub.url, username="alice")
    callback = 'https://a.example/"quoted"\\u0000/\N{SNOWMAN}'
    expires_at = "2017-04-28 01:02:03.456789"
    subscription = add_subscription(hub.url, account, callback_url=callback, expires_at=expires_at, secret=None)
    header = hub.back_up()
    _, line = gzip.decompress(hub.file.read_bytes()).splitlines()
    row = json.loads(line)
    assert row.keys() == {*header.columns, "account_username"}
    assert {name: row[name] for name in ("id", "account_id", "callback_url", "expires_at", "secret")} == {
        "id": subscription, "account_id": account, "callback_url": callback, "secret": None,
        "expires_at": "2017-04-28T01:02:03.456789",
    }  # fmt: skip
    assert row["account_username"] == "alice"


def test_rows_beyond_one_page_are_all_there(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "ROWS_A_PAGE", 2)
    hub = hub_database(postgres, "1.3", tmp_path)
    account = add_account(hub.url)
    ids = [add_subscription(hub.url, account) for _ in range(5)]
    hub.run("DELETE FROM subscriptions WHERE id = %s", ids.pop(1))
    assert hub.back_up().count == 4
    assert list(hub.plan()) == ids


def test_an_empty_table_has_a_backup_too(postgres: Postgres, tmp_path: Path) -> None:
    hub = hub_database(postgres, "1.3", tmp_path)
    assert hub.back_up().count == 0
    assert hub.restore() == {}


@pytest.mark.parametrize("version", ["3.5", "4.6"])
def test_a_server_without_pubsubhubbub_is_told_so(postgres: Postgres, tmp_path: Path, version: str) -> None:
    hub = hub_database(postgres, version, tmp_path)
    with pytest.raises(DatabaseError, match=r"from Mastodon 3\.0 on there is no PubSubHubbub"):
        hub.back_up()
    assert not hub.file.exists()
