"""The sections `database` and `redis`: where Mastodon keeps what it knows."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from exporter.config.fields import Section
from exporter.config.files import one_line, path_from, readable_file
from exporter.config.model import DatabaseSettings, RedisSettings
from exporter.config.ownership import whose
from exporter.config.secret import Secret
from exporter.config.values import label_value
from exporter.errors import InvalidValue

DATABASE_KEYS = ("url", "url_file", "password_file", "env_file", "instance")
REDIS_KEYS = ("url", "url_file", "sidekiq_url", "sidekiq_url_file", "namespace", "env_file", "instance")
LATER_DATABASE_KEYS = ("ssh",)

_DATABASE_ADVICE = "write `database: {env_file: /home/mastodon/live/.env.production}`"
_REDIS_ADVICE = "write `redis: {url: redis://127.0.0.1:6379/0}`"
_NO_DATABASE = f"needs `url` or `env_file`; {_DATABASE_ADVICE}"
_TWO_DATABASES = "`url` and `env_file` both name a database; take one out"
_TWO_PASSWORDS = "goes with `url`; `env_file` has a password of its own; take one of them out"
_NO_REDIS = f"needs `url` or `env_file`; {_REDIS_ADVICE}"


def read_database(top: Section, instances: Sequence[str]) -> DatabaseSettings | None:
    """Return where the database is, None where the file names none."""
    section = _section(top, "database", _DATABASE_ADVICE)
    if section is None:
        return None
    _refuse_later(section)
    section.refuse_unknown((*DATABASE_KEYS, *LATER_DATABASE_KEYS))
    folder = section.source.folder
    settings = DatabaseSettings(
        url=_secret(section, "url", database_url),
        password=section.optional("password_file", partial(_secret_of_file, folder, _password), None),
        env_file=section.optional("env_file", partial(path_from, folder), None),
        instance=whose(section, instances),
    )
    named = [key for key in ("url", "url_file", "env_file") if section.is_given(key)]
    if not named:
        section.source.problems.add(section.place, _NO_DATABASE)
    elif "env_file" in named and len(named) > 1:
        section.source.problems.add(section.place_of("env_file"), _TWO_DATABASES)
    elif "env_file" in named and section.is_given("password_file"):
        section.source.problems.add(section.place_of("password_file"), _TWO_PASSWORDS)
    return settings


def read_redis(top: Section, instances: Sequence[str], database: DatabaseSettings | None) -> RedisSettings | None:
    """Return where Redis is: where nothing else is said, what the `env_file` of the database says."""
    env_file = None if database is None else database.env_file
    section = _section(top, "redis", _REDIS_ADVICE)
    if section is None:
        return RedisSettings(env_file=env_file, instance=database.instance) if database and env_file else None
    section.refuse_unknown(REDIS_KEYS)
    settings = RedisSettings(
        url=_secret(section, "url", _redis_url),
        sidekiq_url=_secret(section, "sidekiq_url", _redis_url),
        namespace=section.optional("namespace", label_value, None),
        env_file=section.optional("env_file", partial(path_from, section.source.folder), None),
        instance=whose(section, instances),
    )
    if any(section.is_given(key) for key in ("url", "url_file", "env_file")):
        return settings
    if env_file is None:
        section.source.problems.add(section.place, _NO_REDIS)
    return replace(settings, env_file=env_file)


def _section(top: Section, key: str, advice: str) -> Section | None:
    return top.section(key, advice) if top.is_given(key) else None


def _refuse_later(section: Section) -> None:
    for key in LATER_DATABASE_KEYS:
        if section.is_given(key):
            section.source.problems.add(section.place_of(key), "this version does not know this key yet; take it out")


def _secret(section: Section, key: str, parse: Callable[[str], str]) -> Secret | None:
    """Return the secret of `key`, or of the file that `<key>_file` names."""
    file_key = f"{key}_file"
    if section.is_given(key) and section.is_given(file_key):
        section.source.problems.add(section.place_of(file_key), f"`{key}` is there too; take one of them out")
        return None
    if section.is_given(file_key):
        return section.optional(file_key, partial(_secret_of_file, section.source.folder, parse), None)
    return section.optional(key, lambda text: Secret(parse(text)), None)


def _secret_of_file(folder: Path, parse: Callable[[str], str], text: str) -> Secret:
    return Secret(parse(one_line(readable_file(folder, text))))


def _password(text: str) -> str:
    if not text:
        raise InvalidValue("the file is empty")
    return text


def database_url(text: str) -> str:
    """Return the URL of a database. Raises InvalidValue, whose message quotes nothing of it."""
    if _scheme(text) not in ("postgresql", "postgres") or "\0" in text:
        raise InvalidValue("must be a URL such as `postgresql://user@127.0.0.1/mastodon_production`")
    before_query = text.partition("://")[2].partition("?")[0]
    # libpq ends the password at the first `@` or `/`, and would show the rest of it as the name of a host.
    _, _, host_and_name = before_query.partition("@")
    if "@" in host_and_name or "@" in before_query.partition("/")[2]:
        raise InvalidValue(
            "must have `%40` for a `@` in its password and `%2F` for a `/`; `password_file` needs neither"
        )
    return text


def _redis_url(text: str) -> str:
    if _scheme(text) not in ("redis", "rediss", "unix"):
        raise InvalidValue("must be a URL such as `redis://127.0.0.1:6379/0`")
    return text


def _scheme(text: str) -> str:
    try:
        return urlsplit(text).scheme
    except ValueError:
        return ""
