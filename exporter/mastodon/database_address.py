"""Where Mastodon's database is, as the parameters of libpq: from a URL, or from the server's own settings.

What is left open here is what it is for psql: the variables PGHOST, PGPASSWORD and so on, and `~/.pgpass`.
"""

from collections.abc import Mapping
from pathlib import Path

import psycopg2
from psycopg2.extensions import parse_dsn

from exporter.config import DatabaseSettings
from exporter.config.stores import database_url
from exporter.errors import DatabaseError, InvalidValue
from exporter.mastodon.env_file import read_env_file

_ENV_PREFIXES = ("DB_", "DATABASE_URL")

# Mastodon's config/database.yml: libpq's parameter, the variable, what holds where it is not set.
_VARIABLES = (
    ("dbname", "DB_NAME", "mastodon_production"),
    ("user", "DB_USER", "mastodon"),
    ("password", "DB_PASS", ""),
    ("host", "DB_HOST", "localhost"),
    ("port", "DB_PORT", "5432"),
    ("sslmode", "DB_SSLMODE", ""),
)


def connection_parameters(settings: DatabaseSettings) -> Mapping[str, str]:
    """Return the parameters that are told; the file of the server's settings is read anew at each call.

    Raises DatabaseError. Its message quotes nothing that was told, for a password may stand in any part of it.
    """
    if settings.env_file is not None:
        return _checked(_of_env_file(settings.env_file), f"the database in {settings.env_file}")
    url = settings.url.text if settings.url else ""
    parameters = dict(_of_url(url, "the URL of the database"))
    if settings.password is not None:
        parameters["password"] = settings.password.text
    return _checked(parameters, "the database")


def _of_env_file(path: Path) -> Mapping[str, str]:
    values = read_env_file(path, _ENV_PREFIXES)
    parameters = {name: values.get(variable, default) for name, variable, default in _VARIABLES}
    told = {name: value for name, value in parameters.items() if value}
    url = values.get("DATABASE_URL")  # Rails lays it over what config/database.yml says
    return {**told, **_of_url(url, f"DATABASE_URL in {path}")} if url else told


def _of_url(url: str, what: str) -> Mapping[str, str]:
    try:
        return dict(parse_dsn(database_url(url)))
    except InvalidValue as error:
        rule = error.rule
    except (psycopg2.ProgrammingError, ValueError):  # they quote the URL
        rule = "cannot be read; write `postgresql://user@host/name`, and `%25` where a password holds `%`"
    raise DatabaseError(f"{what} {rule}")


def _checked(parameters: Mapping[str, str], what: str) -> Mapping[str, str]:
    port = parameters.get("port", "")
    if not port.replace(",", "").isdigit() and port:
        raise DatabaseError(f"the port of {what} must be a number")  # it may be a password without its host
    if any("\0" in value for value in parameters.values()):
        raise DatabaseError(f"{what} must not hold a NUL character")
    return parameters
