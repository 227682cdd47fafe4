"""The command line's flags, added to what a file says, as one Config, or every problem at once."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from exporter.config.access_logs import LogListing, default_name, log_clashes
from exporter.config.files import log_path
from exporter.config.hosts import listen_address, server_url
from exporter.config.instances import Listing, clashes, named_instance
from exporter.config.model import AccessLog, Config, WebSettings
from exporter.config.ownership import only_instance
from exporter.config.problems import Place, Problems, shown
from exporter.config.values import instance_name, label_value
from exporter.errors import InvalidValue

_NAMED_FLAG = re.compile(r"(?P<name>[^/:]*)=(?P<url>.*)", re.DOTALL)
_CREDENTIALS = re.compile(r"^((?:[^/:@=]*=)?[A-Za-z]*://)?.*@", re.DOTALL)
_QUERY = re.compile(r"[?].*", re.DOTALL)
_NO_INSTANCE = "no instance to watch; give `--instance https://mastodon.example`"
_WHOSE_LOG = "there are several instances; list the log under `access_logs` in a file, with its `instance:`"
_WHOSE_STORE = "there are several instances; write `instance:` in this section of the file"
_STORES = ("database", "redis")
_LOG_FLAG = Place(key_path="--access-log")


def config_from_flags(
    base: Config | None, *, instances: Sequence[str], listen: str | None, access_logs: Sequence[str] = ()
) -> Config:
    """Return a configuration with what the command line says added.

    `base` is what a file said, if there is one. `instances` are `URL` or `NAME=URL`, `access_logs` paths
    or globs that start at the working directory; `listen` takes the place of the file's.
    Raises ConfigError with every problem, each named by its flag.
    """
    config = base or Config(instances=())
    problems = Problems()
    listings = [*_listings_of(config), *_flag_listings(instances, problems)]
    for place, message in clashes(listings):
        problems.add(place, message)
    if not (listings or access_logs or problems or _watches_something(config)):
        problems.add(Place(key_path="--instance"), _NO_INSTANCE)
    watched = tuple(listing.instance for listing in listings)
    config = _with_owned_stores(replace(config, instances=watched), problems)
    logs = _access_logs(config, access_logs, problems)
    web = config.web if listen is None else _listening(config.web, listen, problems)
    if problems:
        raise problems.error()
    return replace(config, web=web, access_logs=logs)


def _watches_something(config: Config) -> bool:
    return bool(config.allow_unlisted_targets or config.access_logs or config.database or config.redis)


def _listings_of(config: Config) -> list[Listing]:
    listings = []
    for number, instance in enumerate(config.instances):
        place = Place(key_path=f"instances[{number}]")
        label = f"`{place.key_path}` of the file"
        listings.append(Listing(instance, label, place, place, name_given=instance.name != instance.host))
    return listings


def _flag_listings(flags: Sequence[str], problems: Problems) -> list[Listing]:
    listings = []
    for flag in flags:
        try:
            listings.append(_flag_listing(flag))
        except InvalidValue as error:
            problems.add(Place(key_path="--instance"), f"`{_without_secrets(flag)}` {error}")
    return listings


def _flag_listing(flag: str) -> Listing:
    match = _NAMED_FLAG.fullmatch(flag)
    name = instance_name(match["name"]) if match else ""
    instance = named_instance(server_url(match["url"] if match else flag), name)
    place = Place(key_path="--instance")
    return Listing(instance, f"`--instance {flag}`", place, place, name_given=bool(match))


def _without_secrets(flag: str) -> str:
    return shown(_QUERY.sub("?…", _CREDENTIALS.sub(r"\1…@", flag)))


def _listening(web: WebSettings, listen: str, problems: Problems) -> WebSettings:
    try:
        host, port = listen_address(listen)
    except InvalidValue as error:
        problems.add(Place(key_path="--listen"), f"`{shown(listen)}` {error}")
        return web
    return replace(web, host=host, port=port)


def _with_owned_stores(config: Config, problems: Problems) -> Config:
    """Return the configuration with its stores given to the only instance, where they have none."""
    names = [instance.name for instance in config.instances]
    database, redis, media = config.database, config.redis, config.media
    if database is not None and database.instance is None:
        database = replace(database, instance=_only_instance(names, Place(key_path="database"), problems))
    if redis is not None and redis.instance is None:
        whose = _only_instance(names, Place(key_path="redis"), problems) if database is None else database.instance
        redis = replace(redis, instance=whose)
    if media is not None and media.instance is None and database is not None:
        media = replace(media, instance=database.instance)
    return replace(config, database=database, redis=redis, media=media)


def _access_logs(config: Config, flags: Sequence[str], problems: Problems) -> tuple[AccessLog, ...]:
    names = [instance.name for instance in config.instances]
    listings = [_file_log(log, number, names, problems) for number, log in enumerate(config.access_logs)]
    listings += _flag_logs(flags, config, problems)
    for place, message in log_clashes(listings):
        problems.add(place, message)
    return tuple(listing.log for listing in listings)


def _file_log(log: AccessLog, number: int, instances: Sequence[str], problems: Problems) -> LogListing:
    place = Place(key_path=f"access_logs[{number}]")
    if log.instance is None:  # the file has no instance, the command line may
        log = replace(log, instance=_only_instance(instances, place, problems))
    return LogListing(log, f"`{place.key_path}` of the file", place, place, name_given=True)


def _flag_logs(flags: Sequence[str], config: Config, problems: Problems) -> list[LogListing]:
    paths = [path for flag in flags if (path := _flag_path(flag, problems)) is not None]
    if not paths:
        return []
    instance = _only_instance([one.name for one in config.instances], _LOG_FLAG, problems)
    taken = {log.name for log in config.access_logs}
    if len(paths) == 1 and instance is not None and instance not in taken:
        names = [instance]
    else:
        files = [default_name(path, None) for path in paths]
        uses = Counter([*files, *taken])
        names = [name if uses[name] == 1 else path for name, path in zip(files, paths, strict=True)]
    return [_flag_log(AccessLog(*named, instance), problems) for named in zip(names, paths, strict=True)]


def _flag_path(flag: str, problems: Problems) -> str | None:
    try:
        return log_path(Path(), flag)
    except InvalidValue as error:
        problems.add(_LOG_FLAG, f"`{shown(flag)}` {error}")
        return None


def _flag_log(log: AccessLog, problems: Problems) -> LogListing:
    try:
        label_value(log.name)
    except InvalidValue as error:
        problems.add(_LOG_FLAG, f"`{shown(log.path)}` as a name, {error}")
    return LogListing(log, f"`--access-log {shown(log.path)}`", _LOG_FLAG, _LOG_FLAG, name_given=True)


def _only_instance(instances: Sequence[str], place: Place, problems: Problems) -> str | None:
    try:
        return only_instance(instances)
    except InvalidValue:
        problems.add(place, _WHOSE_STORE if place.key_path in _STORES else _WHOSE_LOG)
        return None
