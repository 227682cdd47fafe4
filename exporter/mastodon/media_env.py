"""Where a server keeps its media, by its own settings: as Mastodon's config/initializers/paperclip.rb reads them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from exporter.config import FolderSettings, MediaSettings, S3Settings, Secret
from exporter.config.media import endpoint_url
from exporter.config.media_model import AclChoice, Addressing, LazySecret
from exporter.errors import ConfigError, EnvFileError, InvalidValue, Problem
from exporter.mastodon.env_file import read_env_file

_ENV_PREFIXES = ("S3_", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "PAPERCLIP_ROOT_PATH", "SWIFT_", "AZURE_ENABLED")
_RAILS_ROOT = ":rails_root"
_DEFAULT_FOLDER = f"{_RAILS_ROOT}/public/system"
_DEFAULT_REGION = "us-east-1"
_OTHER_STORES = {"SWIFT_ENABLED": "OpenStack Swift", "AZURE_ENABLED": "Azure"}


@dataclass(frozen=True)
class MediaStores:
    """Both sides of a move, with all that the server's own settings have to say of them."""

    source: S3Settings | FolderSettings
    destination: S3Settings


def media_stores(settings: MediaSettings, env_file: Path | None) -> MediaStores:
    """Return both sides: the configuration's, and where it says nothing, those of the server's own settings.

    `env_file` is that of the database; None where there is none. Raises EnvFileError, and ConfigError where both
    sides are the same place.
    """
    values = read_env_file(env_file, _ENV_PREFIXES) if env_file is not None and _is_asked_for(settings) else {}
    source = settings.source or _source(values, env_file)
    destination = settings.destination
    if isinstance(source, S3Settings) and source.place == destination.place:
        raise ConfigError([_same_place(env_file if settings.source is None else None)])
    if destination.acl is AclChoice.AUTO and env_file is not None:
        destination = replace(destination, acl=_acl(values, env_file, destination))
    return MediaStores(source, destination)


def _is_asked_for(settings: MediaSettings) -> bool:
    return settings.source is None or settings.destination.acl is AclChoice.AUTO


def _same_place(env_file: Path | None) -> Problem:
    if env_file is None:
        return Problem("is the same place as `media.destination`", "media.source")
    return Problem(
        f"is needed: {env_file} names the destination by now, and says no more where the files were", "media.source"
    )


def _source(values: Mapping[str, str], env_file: Path | None) -> S3Settings | FolderSettings:
    if env_file is None:
        raise ConfigError([Problem("is needed, for `database` has no `env_file` to tell of it", "media.source")])
    if values.get("S3_ENABLED") == "true":
        return _bucket(values, env_file)
    for variable, store in _OTHER_STORES.items():
        if values.get(variable) == "true":
            raise EnvFileError(f"{env_file}: the media are in {store}, which this program does not read")
    folder = values.get("PAPERCLIP_ROOT_PATH") or _DEFAULT_FOLDER
    return FolderSettings(env_file.parent / folder.replace(_RAILS_ROOT, str(env_file.parent)))


def _acl(values: Mapping[str, str], env_file: Path, destination: S3Settings) -> AclChoice:
    """Return what S3_PERMISSION says of the destination, AUTO where that is for the store to tell.

    Before the switch-over it speaks of the source. That one may know no ACLs ("") while the destination's objects are
    private unless an ACL says otherwise, or the other way round. Only what is private is so in any store.
    """
    permission = values.get("S3_PERMISSION")
    if permission == "private":
        return AclChoice.PRIVATE
    is_switched_over = values.get("S3_ENABLED") == "true" and _bucket(values, env_file).place == destination.place
    return AclChoice.NONE if permission == "" and is_switched_over else AclChoice.AUTO


def _bucket(values: Mapping[str, str], env_file: Path) -> S3Settings:
    if not values.get("S3_BUCKET"):
        raise EnvFileError(f"{env_file} has no S3_BUCKET; write the `source` of `media` into the configuration")
    access_key, secret_key = values.get("AWS_ACCESS_KEY_ID"), values.get("AWS_SECRET_ACCESS_KEY")
    has_keys = bool(access_key and secret_key)
    endpoint = values.get("S3_ENDPOINT")
    is_virtual = endpoint and values.get("S3_OVERRIDE_PATH_STYLE") == "true"
    return S3Settings(
        bucket=values["S3_BUCKET"],
        endpoint=_endpoint(endpoint, env_file) if endpoint else None,
        region=values.get("S3_REGION") or _DEFAULT_REGION,
        access_key=_key(access_key or "", "AWS_ACCESS_KEY_ID") if has_keys else None,
        secret_key=_key(secret_key or "", "AWS_SECRET_ACCESS_KEY") if has_keys else None,
        prefix=values.get("S3_KEY_PREFIX", "").removeprefix("/"),
        addressing=Addressing.VIRTUAL if is_virtual else Addressing.AUTO,
    )


def _endpoint(text: str, env_file: Path) -> str:
    try:
        return endpoint_url(text)
    except InvalidValue as error:
        raise EnvFileError(f"S3_ENDPOINT in {env_file} {error.rule}") from None


def _key(text: str, variable: str) -> LazySecret:
    return LazySecret(Secret(text), is_literal=True, named=variable)
