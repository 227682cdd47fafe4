"""Where Redis is, by our configuration and by the server's own settings."""

from pathlib import Path

import pytest

from exporter.config import RedisSettings, Secret
from exporter.errors import EnvFileError, RedisError
from exporter.mastodon.redis_address import RedisAddresses, redis_addresses


def by_env_file(folder: Path, *lines: str) -> RedisAddresses:
    path = folder / ".env.production"
    path.write_text("\n".join([*lines, "SECRET_KEY_BASE=not ours"]))
    return redis_addresses(RedisSettings(env_file=path))


@pytest.mark.parametrize(
    ("lines", "url"),
    [
        ([], "redis://localhost:6379/0"),
        (["REDIS_HOST=10.0.0.5"], "redis://10.0.0.5:6379/0"),
        (["REDIS_PORT=6380", "REDIS_DB=2"], "redis://localhost:6380/2"),
        (["REDIS_HOST=::1", "REDIS_PASSWORD='a/b@c:d'"], "redis://:a%2Fb%40c%3Ad@[::1]:6379/0"),
        (["REDIS_USER=mastodon", "REDIS_PASSWORD=x"], "redis://mastodon:x@localhost:6379/0"),
        (["REDIS_URL=rediss://redis.example:6390/1", "REDIS_HOST=not.example"], "rediss://redis.example:6390/1"),
    ],
)
def test_the_servers_own_settings_have_mastodons_defaults(tmp_path: Path, lines: list[str], url: str) -> None:
    addresses = by_env_file(tmp_path, *lines)
    assert addresses.application.url.text == url
    assert addresses.sidekiq == addresses.application


def test_sidekiq_has_its_own_where_the_server_says_so(tmp_path: Path) -> None:
    addresses = by_env_file(tmp_path, "REDIS_HOST=one.example", "SIDEKIQ_REDIS_HOST=two.example")
    assert addresses.sidekiq.url.text == "redis://two.example:6379/0"
    assert addresses.application.url.text == "redis://one.example:6379/0"


def test_the_servers_namespace_is_before_every_key(tmp_path: Path) -> None:
    addresses = by_env_file(tmp_path, "REDIS_NAMESPACE=mstdn")
    assert (addresses.application.key_prefix, addresses.sidekiq.key_prefix) == ("mstdn:", "mstdn:")


def test_our_own_url_leaves_only_the_namespace_to_the_servers_settings(tmp_path: Path) -> None:
    path = tmp_path / ".env.production"
    path.write_text("REDIS_HOST=one.example\nSIDEKIQ_REDIS_HOST=two.example\nREDIS_NAMESPACE=mstdn\n")
    addresses = redis_addresses(RedisSettings(url=Secret("redis://127.0.0.1:7777/0"), env_file=path))
    assert addresses.sidekiq == addresses.application
    assert addresses.application.key_prefix == "mstdn:"


def test_sentinel_is_refused_with_what_to_write_instead(tmp_path: Path) -> None:
    with pytest.raises(RedisError, match="address of the master"):
        by_env_file(tmp_path, "REDIS_SENTINELS=10.0.0.1:26379", "REDIS_SENTINEL_MASTER=mymaster")


def test_a_file_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(EnvFileError, match="cannot be read"):
        redis_addresses(RedisSettings(env_file=tmp_path / "nowhere"))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:secret@127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
        ("rediss://user:se@cret@host.example/1", "rediss://host.example/1"),
        ("unix://user:secret@/run/redis.sock?db=1", "unix:///run/redis.sock"),
    ],
)
def test_an_address_is_shown_without_its_password(url: str, shown: str) -> None:
    address = redis_addresses(RedisSettings(url=Secret(url))).application
    assert str(address) == shown
    assert "secret" not in repr(address)
