from pathlib import Path

import pytest

from exporter.config import (
    Config,
    DatabaseSettings,
    RedisSettings,
    Secret,
    SubscriptionSettings,
    read_config,
)
from exporter.config.files import LARGEST_SECRET_BYTES
from exporter.config.stores import database_url
from exporter.errors import ConfigError, InvalidValue

URL = "postgresql://exporter:hunter2@127.0.0.1/mastodon_production"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.yml"


def read(path: Path, text: str, **environ: str) -> Config:
    path.write_text(f"instances: [{{url: https://qdon.example, name: qdon}}]\n{text}")
    return read_config(path, environ)


def problem(path: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read(path, text)
    (only,) = caught.value.problems
    return f"{only.key_path}: {only.message}"


# database


def test_a_database_is_a_url_of_the_only_instance(path: Path) -> None:
    database = read(path, f"database: {{url: '{URL}'}}").database
    assert database == DatabaseSettings(url=Secret(URL), instance="qdon")


def test_a_file_without_instances_may_name_a_database(path: Path) -> None:
    path.write_text(f"database: {{url: '{URL}'}}")
    assert read_config(path, {}).database == DatabaseSettings(url=Secret(URL))


def test_a_url_and_a_password_may_stand_in_files_of_their_own(path: Path) -> None:
    path.with_name("url").write_text(f"{URL}\r\n")
    path.with_name("password").write_text(" hunter2 \n")
    assert read(path, "database: {url_file: url, password_file: password}").database == DatabaseSettings(
        url=Secret(URL), password=Secret(" hunter2 "), instance="qdon"
    )


def test_the_settings_of_the_server_are_a_file_that_need_not_be_readable_yet(path: Path) -> None:
    config = read(path, "database: {env_file: live/.env.production}")
    env_file = path.parent / "live" / ".env.production"
    assert config.database == DatabaseSettings(env_file=env_file, instance="qdon")


def test_a_url_may_come_from_the_environment(path: Path) -> None:
    database = read(path, "database: {url: '${URL}'}", URL=URL).database
    assert database == DatabaseSettings(url=Secret(URL), instance="qdon")


def test_no_section_and_an_empty_one_mean_no_database(path: Path) -> None:
    for text in ("", "database:\nredis: null\n"):
        config = read(path, text)
        assert (config.database, config.redis) == (None, None)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://exporter@127.0.0.1:6432/mastodon_production?sslmode=require",
        "postgres://exporter:a%40b%2Fc%25d@[::1]:5432/mastodon",
        "postgresql:///mastodon?host=/var/run/postgresql&user=me@home",
        "postgresql://exporter:pass?word#1@a.example,b.example/mastodon?target_session_attrs=any",
        "postgresql://",
    ],
)
def test_the_forms_of_a_url_that_libpq_takes_are_taken(url: str) -> None:
    assert database_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://exporter:hun@ter2@127.0.0.1/mastodon",
        "postgresql://exporter:hun/ter2@127.0.0.1/mastodon",
        "mysql://exporter:hunter2@127.0.0.1/mastodon",
        "exporter:hunter2@127.0.0.1/mastodon",
        "postgresql://exporter:hun\0ter2@127.0.0.1/mastodon",
        "https://[",
        "",
    ],
)
def test_a_url_that_libpq_would_take_apart_wrongly_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        database_url(url)
    assert "hun" not in str(caught.value)


def test_a_secret_that_is_too_long_is_no_secret(path: Path) -> None:
    path.with_name("url").write_text(URL + "x" * LARGEST_SECRET_BYTES)
    assert problem(path, "database: {url_file: url}") == "database.url_file: the file must hold one line"


def test_no_secret_is_in_the_text_of_a_configuration(path: Path) -> None:
    path.with_name("password").write_text("hunter2")
    stores = f"database: {{url: '{URL}', password_file: password}}\nredis: {{url: 'redis://:hunter2@localhost'}}"
    config = read(path, stores)
    assert "hunter2" not in f"{config!r}{config}{config.database}{config.redis}"
    assert config.redis is not None
    assert f"{config.redis.url}" == "(secret)"


# redis


def test_redis_is_a_url_with_what_else_the_server_was_told(path: Path) -> None:
    text = "redis: {url: 'redis://:a@h/0', sidekiq_url: 'unix:///run/redis.sock?db=1', namespace: m, instance: qdon}"
    assert read(path, text).redis == RedisSettings(
        Secret("redis://:a@h/0"), Secret("unix:///run/redis.sock?db=1"), "m", None, "qdon"
    )


def test_redis_urls_may_stand_in_files_of_their_own(path: Path) -> None:
    path.with_name("one").write_text("redis://a\n")
    path.with_name("two").write_text("rediss://b\n")
    redis = read(path, "redis: {url_file: one, sidekiq_url_file: two}").redis
    assert redis == RedisSettings(Secret("redis://a"), Secret("rediss://b"), instance="qdon")


@pytest.mark.parametrize("section", ["", "redis:", "redis: {}", "redis: {url: null}"])
def test_where_nothing_is_said_redis_is_in_the_settings_file_of_the_database(path: Path, section: str) -> None:
    config = read(path, f"database: {{env_file: /live/.env.production}}\n{section}")
    assert config.redis == RedisSettings(env_file=Path("/live/.env.production"), instance="qdon")


def test_what_is_said_beside_it_is_kept(path: Path) -> None:
    config = read(path, "database: {env_file: /live/.env.production}\nredis: {namespace: mastodon}")
    assert config.redis == RedisSettings(namespace="mastodon", env_file=Path("/live/.env.production"), instance="qdon")


def test_a_database_by_its_url_says_nothing_of_redis(path: Path) -> None:
    assert read(path, f"database: {{url: '{URL}'}}").redis is None


# subscriptions


def test_subscriptions_are_asked_for_by_the_defaults_where_nothing_is_said(path: Path) -> None:
    for text in ("", "subscriptions:", "subscriptions: {retries: }"):
        assert read(path, text).subscriptions == SubscriptionSettings(60.0, 3, 5.0, 1.0, False)


def test_every_key_of_subscriptions_is_taken(path: Path) -> None:
    text = "subscriptions: {confirm_timeout: 5m, retries: 0, retry_wait: 500ms, host_delay: 0s, sign: yes}"
    assert read(path, text).subscriptions == SubscriptionSettings(300.0, 0, 0.5, 0.0, True)


def test_private_addresses_are_allowed_only_where_the_file_says_so(path: Path) -> None:
    assert read(path, "").allow_private_addresses is False
    assert read(path, "allow_private_addresses: true").allow_private_addresses is True
