"""What a configuration says of media, and what is never looked at while it is read."""

from pathlib import Path

import pytest

from exporter.config import Config, FolderSettings, MediaSettings, S3Settings, Secret, read_config
from exporter.config.media import endpoint_url
from exporter.config.media_model import AclChoice, Addressing, LazySecret
from exporter.config.secret_text import secret_text
from exporter.errors import ConfigError, InvalidValue

SHORTEST = "database: {env_file: /live/.env.production}\nmedia: {destination: {bucket: media}}"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.yml"


def read(path: Path, text: str, **environ: str) -> Config:
    path.write_text(f"instances: [{{url: https://qdon.example, name: qdon}}]\n{text}")
    return read_config(path, environ)


def media(path: Path, text: str, **environ: str) -> MediaSettings:
    settings = read(path, f"database: {{env_file: /live/.env.production}}\nmedia: {text}", **environ).media
    assert settings is not None
    return settings


def test_no_section_and_an_empty_one_mean_that_nothing_is_moved(path: Path) -> None:
    assert [read(path, text).media for text in ("", "media:\n", "media: ~\n")] == [None, None, None]


def test_a_bucket_to_move_to_is_all_that_must_be_said(path: Path) -> None:
    assert read(path, SHORTEST).media == MediaSettings(
        destination=S3Settings("media"),
        source=None,
        workers=16,
        source_requests_per_second=None,
        destination_requests_per_second=None,
        memory_bytes=256 * 1024 * 1024,
        instance="qdon",
    )


def test_every_key_is_taken(path: Path) -> None:
    path.with_name("key").write_text("never looked at")
    text = """
      source: {endpoint: "https://s3.old.example:8443/s3/", bucket: old, region: auto, access_key: a, secret_key: b,
               prefix: files/큐돈, addressing: path}
      destination: {endpoint: http://s3.new.example:8333, bucket: new.media_1, region: eu-west-1, access_key_file: id,
                    secret_key_file: key, prefix: m, addressing: virtual, acl: none}
      workers: 64
      requests_per_second: {source: 500, destination: 0.5}
      memory: 1.5GiB
      instance: qdon
    """
    assert media(path, text) == MediaSettings(
        source=S3Settings(
            "old",
            "https://s3.old.example:8443/s3",
            "auto",
            LazySecret(Secret("a")),
            LazySecret(Secret("b")),
            "files/큐돈",
            Addressing.PATH,
        ),
        destination=S3Settings(
            "new.media_1",
            "http://s3.new.example:8333",
            "eu-west-1",
            LazySecret(file=path.with_name("id")),
            LazySecret(file=path.with_name("key")),
            "m",
            Addressing.VIRTUAL,
            AclChoice.NONE,
        ),
        workers=64,
        source_requests_per_second=500.0,
        destination_requests_per_second=0.5,
        memory_bytes=1536 * 1024 * 1024,
        instance="qdon",
    )


@pytest.mark.parametrize("endpoint", ["http://10.0.0.1:8333", "http://[::1]:9000"])
def test_a_bucket_cannot_stand_before_an_address(path: Path, endpoint: str) -> None:
    with pytest.raises(ConfigError, match=r"media\.destination\.addressing: needs an endpoint with a name"):
        media(path, f'{{destination: {{bucket: media, endpoint: "{endpoint}", addressing: virtual}}}}')


def test_a_folder_may_be_moved_from(path: Path) -> None:
    settings = media(path, "{source: {path: live/public/system}, destination: {bucket: media}}")
    assert settings.source == FolderSettings(path.parent / "live" / "public" / "system")


def test_nulls_mean_the_defaults(path: Path) -> None:
    text = "{source: , destination: {bucket: media, prefix: , acl: , access_key: }, workers: , requests_per_second: ,"
    assert media(path, f"{text} memory: , instance: }}") == read(path, SHORTEST).media


def test_media_belong_to_the_instance_of_the_database(path: Path) -> None:
    path.write_text(
        "instances: [{url: https://a.example, name: a}, {url: https://b.example, name: b}]\n"
        "database: {url: 'postgresql:///m', instance: b}\n"
        "media: {source: {bucket: old}, destination: {bucket: new}}"
    )
    settings = read_config(path, {}).media
    assert settings is not None
    assert settings.instance == "b"


@pytest.mark.parametrize(
    ("written", "size_bytes"),
    [("16MiB", 16 * 1024**2), ("16777216B", 16 * 1024**2), ("20MB", 20 * 1000**2), ("1 TiB", 1024**4)],
)
def test_a_size_has_a_unit(path: Path, written: str, size_bytes: int) -> None:
    assert media(path, f"{{destination: {{bucket: media}}, memory: {written}}}").memory_bytes == size_bytes


@pytest.mark.parametrize("written", ["16777215B", "15.9MiB", "2TiB", "512", "1gib", "-1GiB", "MiB", "1e3MiB"])
def test_a_size_that_is_none_or_out_of_bounds_is_refused(path: Path, written: str) -> None:
    with pytest.raises(ConfigError, match=r"media\.memory"):
        media(path, f"{{destination: {{bucket: media}}, memory: {written}}}")


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("https://s3.example/", "https://s3.example"),
        ("https://x.supabase.example/storage/v1/s3/", "https://x.supabase.example/storage/v1/s3"),
        ("http://[::1]:9000", "http://[::1]:9000"),
    ],
)
def test_an_endpoint_ends_without_a_slash(written: str, url: str) -> None:
    assert endpoint_url(written) == url


@pytest.mark.parametrize("written", ["s3.example", "ftp://s3.example", "https://s3.example/?a", "https://a:b@c", ""])
def test_what_is_no_endpoint_is_refused(written: str) -> None:
    with pytest.raises(InvalidValue):
        endpoint_url(written)


# Secrets


def test_a_secret_is_not_resolved_when_the_file_is_read(path: Path) -> None:
    keys = "access_key: '${NOT_SET}', secret_key_file: nowhere"
    settings = media(path, f"{{destination: {{bucket: media, {keys}}}}}")
    assert settings.destination.access_key == LazySecret(Secret("${NOT_SET}"))
    assert settings.destination.secret_key == LazySecret(file=path.with_name("nowhere"))


def test_what_is_no_secret_is_resolved_as_everywhere(path: Path) -> None:
    assert media(path, "{destination: {bucket: '${BUCKET}'}}", BUCKET="media").destination.bucket == "media"


def test_a_secret_of_the_environment_is_read_when_it_is_used(path: Path) -> None:
    destination = media(
        path, "{destination: {bucket: media, access_key: '${ID}', secret_key: 'x${KEY}$y'}}"
    ).destination
    assert destination.access_key is not None
    assert destination.secret_key is not None
    assert secret_text(destination.access_key, {"ID": "AKIA"}) == "AKIA"
    assert secret_text(destination.secret_key, {"KEY": "hunter2"}) == "xhunter2$y"


def test_a_secret_of_a_file_is_its_only_line(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("hunter2/+=\r\n")
    assert secret_text(LazySecret(file=tmp_path / "key")) == "hunter2/+="


def test_a_literal_secret_is_what_it_is() -> None:
    assert secret_text(LazySecret(Secret("a${HOME}b"), is_literal=True), {"HOME": "/root"}) == "a${HOME}b"


@pytest.mark.parametrize("secret", ["", "hunter2 hunter2", "hunter2\r\nx: y", "hunter2\x00", "hünter2"])
def test_a_secret_that_cannot_be_one_is_refused_without_being_shown(secret: str) -> None:
    with pytest.raises(ConfigError) as caught:
        secret_text(LazySecret(Secret("${KEY}"), named="media.source.secret_key"), {"KEY": secret})
    assert str(caught.value).startswith("media.source.secret_key: ")
    assert "nter2" not in str(caught.value)


def test_a_secret_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not set in the environment: `KEY`"):
        secret_text(LazySecret(Secret("${KEY}")), {})
    with pytest.raises(ConfigError, match="there is no such file"):
        secret_text(LazySecret(file=tmp_path / "key"))


def test_no_secret_is_in_the_text_of_a_configuration(path: Path) -> None:
    settings = media(path, "{destination: {bucket: media, access_key: hunter1, secret_key: hunter2}}")
    assert "hunter" not in f"{settings!r}{settings}{settings.destination.secret_key}"
