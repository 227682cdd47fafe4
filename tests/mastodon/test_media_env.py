"""Where media are, by our configuration and by the server's own settings."""

from dataclasses import replace
from pathlib import Path

import pytest

from exporter.config import FolderSettings, MediaSettings, S3Settings, Secret
from exporter.config.media_model import AclChoice, Addressing, LazySecret
from exporter.config.secret_text import secret_text
from exporter.errors import ConfigError, EnvFileError
from exporter.mastodon.media_env import MediaStores, media_stores

NEW = S3Settings("new", "https://s3.new.example")
OLD = ("S3_ENABLED=true", "S3_BUCKET=old", "S3_ENDPOINT=https://s3.old.example")
SWITCHED_OVER = ("S3_ENABLED=true", "S3_BUCKET=new", "S3_ENDPOINT=https://s3.NEW.example/")


def stores(folder: Path, *lines: str, settings: MediaSettings | None = None) -> MediaStores:
    path = folder / ".env.production"
    path.write_text("\n".join([*lines, "SECRET_KEY_BASE=not ours", "DB_PASS=not ours"]))
    return media_stores(settings or MediaSettings(NEW), path)


def source(folder: Path, *lines: str) -> S3Settings | FolderSettings:
    return stores(folder, *lines).source


def test_a_bucket_of_the_server_is_what_its_settings_say(tmp_path: Path) -> None:
    lines = (
        *("S3_ENABLED=true", "S3_BUCKET=files.qdon.example", "S3_REGION=fra1", "S3_PROTOCOL=https"),
        *("S3_ENDPOINT=https://fra1.example/", "S3_HOSTNAME=fra1.example", "S3_ALIAS_HOST=files.qdon.example"),
        *("AWS_ACCESS_KEY_ID=AKIA", "AWS_SECRET_ACCESS_KEY='a${HOME}b/+='", "S3_KEY_PREFIX=qdon"),
    )
    assert source(tmp_path, *lines) == S3Settings(
        bucket="files.qdon.example",
        endpoint="https://fra1.example",
        region="fra1",
        access_key=LazySecret(Secret("AKIA"), is_literal=True),
        secret_key=LazySecret(Secret("a${HOME}b/+="), is_literal=True),
        prefix="qdon",
    )


def test_a_key_of_the_server_is_taken_as_it_stands(tmp_path: Path) -> None:
    found = source(tmp_path, *OLD, "AWS_ACCESS_KEY_ID=AKIA", "AWS_SECRET_ACCESS_KEY='a${HOME}b'")
    assert isinstance(found, S3Settings)
    assert found.secret_key is not None
    assert secret_text(found.secret_key, {"HOME": "/root"}) == "a${HOME}b"


def test_without_an_endpoint_it_is_a_bucket_at_aws(tmp_path: Path) -> None:
    found = source(tmp_path, "S3_ENABLED=true", "S3_BUCKET=b", "S3_ENDPOINT=", "S3_OVERRIDE_PATH_STYLE=true")
    assert found == S3Settings("b", None, "us-east-1")


def test_without_both_keys_they_are_looked_for_elsewhere(tmp_path: Path) -> None:
    assert source(tmp_path, *OLD, "AWS_ACCESS_KEY_ID=AKIA") == S3Settings("old", "https://s3.old.example", "us-east-1")


@pytest.mark.parametrize(
    ("line", "addressing"),
    [
        ("S3_OVERRIDE_PATH_STYLE=true", Addressing.VIRTUAL),
        ("S3_OVERRIDE_PATH_STYLE=TRUE", Addressing.AUTO),
        ("S3_OVERRIDE_PATH_STYLE=false", Addressing.AUTO),
        ("", Addressing.AUTO),
    ],
)
def test_the_bucket_stands_where_the_server_puts_it(tmp_path: Path, line: str, addressing: Addressing) -> None:
    found = source(tmp_path, *OLD, line)
    assert isinstance(found, S3Settings)
    assert found.addressing is addressing


@pytest.mark.parametrize(
    ("line", "prefix"), [("S3_KEY_PREFIX=a/b", "a/b"), ("S3_KEY_PREFIX=/a", "a"), ("S3_KEY_PREFIX=a/", "a/"), ("", "")]
)
def test_a_prefix_is_what_paperclip_makes_of_it(tmp_path: Path, line: str, prefix: str) -> None:
    found = source(tmp_path, *OLD, line)
    assert isinstance(found, S3Settings)
    assert found.prefix == prefix


@pytest.mark.parametrize(
    ("lines", "folder"),
    [
        ([], "public/system"),
        (["S3_ENABLED=false", "S3_BUCKET=b"], "public/system"),
        (["PAPERCLIP_ROOT_PATH="], "public/system"),
        (["PAPERCLIP_ROOT_PATH=:rails_root/media"], "media"),
        (["PAPERCLIP_ROOT_PATH=media"], "media"),
        (["PAPERCLIP_ROOT_PATH=/srv/media"], "/srv/media"),
    ],
)
def test_a_server_without_a_bucket_has_a_folder(tmp_path: Path, lines: list[str], folder: str) -> None:
    assert source(tmp_path, *lines) == FolderSettings(tmp_path / folder)


@pytest.mark.parametrize("line", ["SWIFT_ENABLED=true", "AZURE_ENABLED=true"])
def test_a_store_of_another_kind_is_named(tmp_path: Path, line: str) -> None:
    with pytest.raises(EnvFileError, match=r"Swift|Azure"):
        source(tmp_path, line)


def test_a_bucket_without_a_name_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(EnvFileError, match=r"no S3_BUCKET; write the `source` of `media` into the configuration"):
        source(tmp_path, "S3_ENABLED=true")


def test_an_endpoint_that_is_none_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(EnvFileError, match=r"S3_ENDPOINT in .* must not hold a user name") as caught:
        source(tmp_path, "S3_ENABLED=true", "S3_BUCKET=b", "S3_ENDPOINT=https://me:hunter2@s3.example")
    assert "hunter2" not in str(caught.value)


def test_the_configuration_wins_over_the_server(tmp_path: Path) -> None:
    own = S3Settings("own", "https://s3.own.example")
    assert stores(tmp_path, *OLD, settings=MediaSettings(NEW, own)) == MediaStores(own, NEW)


def test_the_servers_settings_are_not_read_where_they_have_nothing_to_say(tmp_path: Path) -> None:
    settings = MediaSettings(replace(NEW, acl=AclChoice.NONE), FolderSettings(tmp_path))
    assert media_stores(settings, tmp_path / "nowhere").source == FolderSettings(tmp_path)


def test_no_source_at_all_says_so() -> None:
    with pytest.raises(ConfigError, match=r"media\.source: is needed"):
        media_stores(MediaSettings(NEW), None)


def test_a_server_that_uses_the_destination_already_does_not_tell_where_its_files_were(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"media\.source: is needed: .* names the destination by now"):
        stores(tmp_path, *SWITCHED_OVER)


def test_both_sides_in_one_place_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"media\.source: is the same place as `media\.destination`"):
        media_stores(MediaSettings(NEW, replace(NEW, region="other")), None)


def test_two_prefixes_of_one_bucket_are_two_places(tmp_path: Path) -> None:
    settings = MediaSettings(replace(NEW, prefix="files"))
    assert stores(tmp_path, *SWITCHED_OVER, settings=settings).source == S3Settings(
        "new", "https://s3.NEW.example", "us-east-1"
    )


# Who may read what


@pytest.mark.parametrize(
    ("lines", "acl"),
    [
        ([*OLD], AclChoice.AUTO),
        ([*OLD, "S3_PERMISSION=public-read"], AclChoice.AUTO),
        ([*OLD, "S3_PERMISSION="], AclChoice.AUTO),
        ([*OLD, "S3_PERMISSION=authenticated-read"], AclChoice.AUTO),
        ([*OLD, "S3_PERMISSION=private"], AclChoice.PRIVATE),
        ([*SWITCHED_OVER, "S3_PERMISSION="], AclChoice.NONE),
        ([*SWITCHED_OVER, "S3_PERMISSION=public-read"], AclChoice.AUTO),
    ],
)
def test_the_servers_permission_holds_where_it_speaks_of_the_destination(
    tmp_path: Path, lines: list[str], acl: AclChoice
) -> None:
    settings = MediaSettings(NEW, S3Settings("old", "https://s3.old.example"))
    assert stores(tmp_path, *lines, settings=settings).destination == replace(NEW, acl=acl)


@pytest.mark.parametrize("acl", [AclChoice.NONE, AclChoice.PUBLIC_READ, AclChoice.PRIVATE])
def test_what_the_configuration_says_of_it_stays(tmp_path: Path, acl: AclChoice) -> None:
    settings = MediaSettings(replace(NEW, acl=acl))
    assert stores(tmp_path, *OLD, "S3_PERMISSION=private", settings=settings).destination.acl is acl


def test_no_secret_is_shown(tmp_path: Path) -> None:
    found = stores(tmp_path, *OLD, "AWS_ACCESS_KEY_ID=hunter1", "AWS_SECRET_ACCESS_KEY=hunter2")
    assert "hunter" not in f"{found!r}{found}"
