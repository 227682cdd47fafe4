import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from exporter.errors import EnvFileError
from exporter.mastodon.env_file import LARGEST_FILE_BYTES, read_env_file
from tests.unprivileged import unprivileged

SETTINGS = """\
# This is a sample
LOCAL_DOMAIN=qdon.example
SECRET_KEY_BASE=hunter2
export DB_HOST=/var/run/postgresql
DB_NAME="mastodon_production" # its database
DB_USER='mastodon'
  DB_PORT = 5432

DB_PASS='pa$$ #${HOME}"word'
#DB_POOL=5
AWS_SECRET_ACCESS_KEY="hunter2"
REDIS_URL=redis://:hunter2@127.0.0.1
"""


def read(folder: Path, text: str) -> dict[str, str]:
    path = folder / ".env.production"
    path.write_text(text, encoding="utf-8")
    return dict(read_env_file(path, ("DB_",)))


def test_quotes_comments_spaces_and_export_are_understood(tmp_path: Path) -> None:
    assert read(tmp_path, SETTINGS) == {
        "DB_HOST": "/var/run/postgresql",
        "DB_NAME": "mastodon_production",
        "DB_USER": "mastodon",
        "DB_PORT": "5432",
        "DB_PASS": 'pa$$ #${HOME}"word',
    }


def test_settings_of_other_prefixes_are_not_kept(tmp_path: Path) -> None:
    assert "hunter2" not in repr(read(tmp_path, SETTINGS))


def test_a_setting_without_a_value_is_none_and_an_empty_one_is_empty(tmp_path: Path) -> None:
    assert read(tmp_path, "DB_NAME\nDB_PASS=\nDB_USER=''\n") == {"DB_PASS": "", "DB_USER": ""}


def test_variables_of_the_environment_are_not_put_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_HOST", "elsewhere.example")
    assert read(tmp_path, "DB_PASS=a${DB_HOST}b$DB_HOST") == {"DB_PASS": "a${DB_HOST}b$DB_HOST"}
    assert "DB_PASS" not in os.environ


def test_lines_that_are_no_settings_and_other_encodings_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / ".env.production"
    path.write_bytes(b"\xff\xfe nonsense\n=\n}{\nDB_NAME=mastodon\n")
    assert read_env_file(path, ("DB_",)) == {"DB_NAME": "mastodon"}


def test_a_file_without_end_is_not_read_to_it(tmp_path: Path) -> None:
    path = tmp_path / ".env.production"
    with path.open("w") as file:
        file.write("DB_NAME=mastodon\n")
        file.truncate(10_000 * LARGEST_FILE_BYTES)
    assert read_env_file(path, ("DB_NAME",)) == {"DB_NAME": "mastodon"}


def test_a_file_that_is_missing_or_a_folder_says_so(tmp_path: Path) -> None:
    for path, reason in {tmp_path / ".env": "No such file or directory", tmp_path: "Is a directory"}.items():
        with pytest.raises(EnvFileError) as caught:
            read_env_file(path, ("DB_",))
        assert str(caught.value) == (f"{path} cannot be read: {reason}; let this user read it, or configure a `url`")


def test_a_file_of_mastodon_that_may_not_be_read_says_so() -> None:
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        path = Path(name) / ".env.production"
        path.touch(mode=0o600)
        path.chmod(0)
        with unprivileged(), pytest.raises(EnvFileError, match="Permission denied; let this user read it"):
            read_env_file(path, ("DB_",))
