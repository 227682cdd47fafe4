"""From what a configuration says of two stores to stores that can be asked, and have been tried."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from exporter.config.media_model import FolderSettings, S3Settings
from exporter.config.secret_text import secret_text
from exporter.errors import StoreRefused, StoreUnavailable
from exporter.media.connection import printable
from exporter.media.local_store import LocalStore
from exporter.media.pace import Pace
from exporter.media.s3_address import address_of
from exporter.media.s3_checks import Checks
from exporter.media.s3_client import Patience, S3Client
from exporter.media.s3_store import LEAST_PART_BYTES, S3Store
from exporter.media.signature import AccessKeys, Signer
from exporter.media.store import Source
from exporter.media.store_probe import Abilities, probe_destination, probe_source

_SMALL_PART_BYTES = 5 * 1024 * 1024  # the least that S3 takes
_PATIENCE = Patience()


@dataclass(frozen=True)
class OpenSource:
    """A store to read from. `notes` are sentences that the user should read."""

    store: Source
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class OpenDestination:
    """A store to write to, and what it can do."""

    store: S3Store
    abilities: Abilities


def open_source(settings: S3Settings | FolderSettings, pace: Pace, patience: Patience = _PATIENCE) -> OpenSource:
    """Return the store that objects come from, once it has answered.

    Raises StoreUnavailable, StoreRefused, and ConfigError where the file or the variable of a key is missing.
    """
    if isinstance(settings, FolderSettings):
        return OpenSource(LocalStore(settings.path, pace))
    store = S3Store(_client(settings, pace, patience), Checks())
    return OpenSource(store, probe_source(store, settings.prefix))


def open_destination(
    settings: S3Settings, pace: Pace, memory_bytes: int, patience: Patience = _PATIENCE
) -> OpenDestination:
    """Return the store that objects go to, once a small object has been written to it, read back and taken away.

    Raises as open_source does. `memory_bytes` is what all transfers share; it decides how small parts have to be.
    """
    client = _client(settings, pace, patience)
    abilities = probe_destination(S3Store(client, Checks(is_etag_md5=False)), settings.prefix, settings.acl)
    least_part_bytes = LEAST_PART_BYTES if memory_bytes >= 4 * LEAST_PART_BYTES else _SMALL_PART_BYTES
    return OpenDestination(S3Store(client, abilities.checks, least_part_bytes), abilities)


def _client(settings: S3Settings, pace: Pace, patience: Patience) -> S3Client:
    if settings.access_key is not None and settings.secret_key is not None:
        keys = AccessKeys(secret_text(settings.access_key), secret_text(settings.secret_key))
        return _signing_client(settings, lambda: keys, pace, patience)
    found, region = _keys_of_environment()
    if settings.endpoint is None and settings.region is None:
        settings = replace(settings, region=region)
    return _signing_client(settings, found, pace, patience)


def _signing_client(settings: S3Settings, keys: Callable[[], AccessKeys], pace: Pace, patience: Patience) -> S3Client:
    address = address_of(settings)
    return S3Client(address, Signer(keys, address.region), pace, patience)


def _keys_of_environment() -> tuple[Callable[[], AccessKeys], str | None]:
    """Return what gives the keys that boto3 finds, which may change while a run lasts, and the region it finds."""
    # Takes a fifth of a second, which nobody has to wait for who names his keys.
    from boto3.session import Session
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        session = Session()
        credentials = session.get_credentials()
        if credentials is not None:
            credentials.get_frozen_credentials()  # a role is taken on only now
    except (BotoCoreError, ClientError) as error:
        raise StoreRefused(f"no access keys could be found: {printable(str(error))}") from error
    if credentials is None:
        raise StoreRefused("no access keys: write `access_key` and `secret_key`, or set them up as for the AWS tools")

    def keys() -> AccessKeys:
        try:
            found = credentials.get_frozen_credentials()
        except (BotoCoreError, ClientError) as error:
            raise StoreUnavailable(f"the access keys could not be renewed: {printable(str(error))}") from error
        return AccessKeys(found.access_key or "", found.secret_key or "", found.token)

    return keys, session.region_name
