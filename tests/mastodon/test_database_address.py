from pathlib import Path

import pytest

from exporter.config import DatabaseSettings, Secret
from exporter.errors import DatabaseError
from exporter.mastodon.database import Database
from exporter.mastodon.database_address import connection_parameters
from tests.postgres import PASSWORD, Postgres


def of_env_file(folder: Path, text: str) -> dict[str, str]:
    path = folder / ".env.production"
    path.write_text(text, encoding="utf-8")
    return dict(connection_parameters(DatabaseSettings(env_file=path)))


def test_what_mastodon_is_not_told_is_what_mastodon_takes(tmp_path: Path) -> None:
    assert of_env_file(tmp_path, "LOCAL_DOMAIN=qdon.example\n") == {
        "dbname": "mastodon_production",
        "user": "mastodon",
        "host": "localhost",
        "port": "5432",
    }


def test_every_setting_of_mastodons_database_is_taken(tmp_path: Path) -> None:
    text = "DB_NAME=qdon\nDB_USER=rails\nDB_PASS='a b'\nDB_HOST=10.0.0.2\nDB_PORT=6432\nDB_SSLMODE=require\nDB_POOL=5\n"
    assert of_env_file(tmp_path, text) == {
        "dbname": "qdon",
        "user": "rails",
        "password": "a b",
        "host": "10.0.0.2",
        "port": "6432",
        "sslmode": "require",
    }


def test_an_empty_setting_is_left_to_libpq(tmp_path: Path) -> None:
    assert of_env_file(tmp_path, "DB_HOST=\nDB_PASS=\nDB_PORT=''\nDB_USER=rails\n") == {
        "dbname": "mastodon_production",
        "user": "rails",
    }


def test_database_url_is_laid_over_the_other_settings(tmp_path: Path) -> None:
    text = "DB_HOST=10.0.0.2\nDB_PASS=secret\nDATABASE_URL=postgres://rails@10.0.0.3/qdon?sslmode=require\n"
    assert of_env_file(tmp_path, text) == {
        "dbname": "qdon",
        "user": "rails",
        "password": "secret",
        "host": "10.0.0.3",
        "port": "5432",
        "sslmode": "require",
    }


@pytest.mark.parametrize(
    "text",
    [
        "DATABASE_URL=postgres://rails:hun@ter2@10.0.0.3/qdon",
        "DATABASE_URL=postgres://rails:hunter2@10.0.0.3/qdon?pool=5",
        "DATABASE_URL=mysql://rails:hunter2@10.0.0.3/qdon",
        "DB_PORT=hunter2",
        'DB_PASS="hunter2\0"',
    ],
)
def test_a_setting_that_cannot_be_used_is_told_with_its_file_and_without_itself(tmp_path: Path, text: str) -> None:
    with pytest.raises(DatabaseError) as caught:
        of_env_file(tmp_path, text)
    assert str(tmp_path / ".env.production") in str(caught.value)
    assert "ter2" not in repr(caught.value)


def test_a_file_that_was_mended_is_read_again(postgres: Postgres, tmp_path: Path) -> None:
    path = tmp_path / ".env.production"
    settings = f"DB_NAME=postgres\nDB_HOST=127.0.0.1\nDB_PORT={postgres.port}\nDB_PASS="
    path.write_text(f"{settings}hunter2\n")
    database = Database(DatabaseSettings(env_file=path), "a test")
    with pytest.raises(DatabaseError, match="password authentication failed") as caught, database.reading():
        pass
    assert "hunter2" not in str(caught.value)
    path.write_text(f"{settings}'{PASSWORD}'\n")
    with database.reading() as reading:
        reading.execute("SELECT current_user")
        assert reading.fetchall() == [("mastodon",)]
    database.close()


def test_a_folder_of_a_socket_is_a_host_in_both_ways(postgres: Postgres, tmp_path: Path) -> None:
    path = tmp_path / ".env.production"
    path.write_text(f"DB_NAME=postgres\nDB_HOST={postgres.socket_folder}\nDB_PORT={postgres.port}\nDB_PASS=\n")
    url = f"postgresql://mastodon@/postgres?host={postgres.socket_folder}&port={postgres.port}"
    for settings in (DatabaseSettings(env_file=path), DatabaseSettings(url=Secret(url))):
        database = Database(settings, "a test")
        with database.reading() as reading:
            reading.execute("SELECT inet_server_addr()")
            assert reading.fetchall() == [(None,)]
        database.close()


def test_what_is_left_open_comes_from_the_variables_of_libpq(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    monkeypatch.setenv("PGHOST", "elsewhere.invalid")
    url = f"postgresql://mastodon@127.0.0.1:{postgres.port}/postgres"
    database = Database(DatabaseSettings(url=Secret(url)), "a test")
    with database.reading() as reading:
        reading.execute("SELECT current_user")
        assert reading.fetchall() == [("mastodon",)]
    database.close()
