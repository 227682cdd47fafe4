"""What a media command works with: the configuration, the database, and both stores."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import click

from exporter.cli.arguments import read_named_config
from exporter.config import Config, DatabaseSettings, MediaSettings
from exporter.config.media_model import FolderSettings, S3Settings
from exporter.mastodon.database import Database
from exporter.mastodon.media_env import MediaStores, media_stores
from exporter.mastodon.shape import Shape, read_shape

STATEMENT_TIMEOUT_SECONDS = 120.0

_NO_MEDIA = (
    "no media are configured: write `media: {destination: {endpoint: https://s3.example.com, bucket: media}}` "
    "into a file and name it with -c; docs/configuration.md has the rest"
)
_NO_DATABASE = (
    "no database is configured: write `database: {env_file: /home/mastodon/live/.env.production}` "
    "into a file and name it with -c"
)


@dataclass(frozen=True)
class MediaSetup:
    """What the configuration says of a move, and the database whose media these are."""

    config: Config
    settings: MediaSettings
    stores: MediaStores
    database: Database
    shape: Shape

    @property
    def from_where(self) -> str:
        """The source, for people."""
        return store_name(self.stores.source)

    @property
    def to_where(self) -> str:
        """The destination, for people."""
        return store_name(self.stores.destination)


@contextmanager
def media_setup(command: str) -> Iterator[MediaSetup]:
    """Give what a command works with. Raises UsageError where the configuration has none, and MastodonExporterError."""
    config = read_named_config()
    if config is None or config.media is None:
        raise click.UsageError(_NO_MEDIA)
    if config.database is None:
        raise click.UsageError(_NO_DATABASE)
    stores = media_stores(config.media, config.database.env_file)
    with closing(_database(config.database, command)) as database:
        with database.reading() as reading:
            shape = read_shape(reading)
        yield MediaSetup(config, config.media, stores, database, shape)


def store_name(settings: S3Settings | FolderSettings) -> str:
    """Return what a store is called, for people."""
    if isinstance(settings, FolderSettings):
        return str(settings.path)
    place = "/".join(part for part in (settings.bucket, settings.prefix) if part)
    return f"{place} at {settings.endpoint or 'Amazon S3'}"


def _database(settings: DatabaseSettings, command: str) -> Database:
    return Database(settings, f"mastodon-remedy media {command}", STATEMENT_TIMEOUT_SECONDS)
