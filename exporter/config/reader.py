"""A configuration file and the command line's flags in, one Config out, or every problem at once."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from exporter.config.document import parse_document
from exporter.config.fields import Section, Source
from exporter.config.hosts import listen_address, server_url
from exporter.config.instances import Listing, clashes, named_instance
from exporter.config.model import Config, WebSettings
from exporter.config.problems import Place, Problems, shown
from exporter.config.sections import read_sections
from exporter.config.values import instance_name
from exporter.errors import InvalidValue

MAX_FILE_BYTES = 1024 * 1024

_NAMED_FLAG = re.compile(r"(?P<name>[^/:]*)=(?P<url>.*)", re.DOTALL)
_CREDENTIALS = re.compile(r"^((?:[^/:@=]*=)?[A-Za-z]*://)?.*@", re.DOTALL)
_QUERY = re.compile(r"[?].*", re.DOTALL)
_NO_INSTANCE = "no instance to watch; give `--instance https://mastodon.example`"


def read_config(path: Path, environ: Mapping[str, str] = os.environ, *, instances_required: bool = True) -> Config:
    """Return the configuration of a YAML file.

    Relative paths in it start at the file's folder. `instances_required` is false where
    the command line may name the instances instead. Raises ConfigError with every
    problem, in the order of the file.
    """
    problems = Problems(str(path))
    source = Source(path.parent, environ, problems)
    document = parse_document(_text(path, problems), problems)
    root = source.fields(document, "begin with `instances:`")
    config = read_sections(Section(root, source), instances_required) if root else None
    if config is None or problems:
        raise problems.error()
    return config


def config_from_flags(base: Config | None, *, instances: Sequence[str], listen: str | None) -> Config:
    """Return a configuration with the instances (`URL` or `NAME=URL`) and the address of the command line added.

    `base` is what a file said, if there is one; `listen` takes the place of the file's.
    Raises ConfigError with every problem, each named by its flag.
    """
    config = base or Config(instances=())
    problems = Problems()
    listings = [*_listings_of(config), *_flag_listings(instances, problems)]
    for place, message in clashes(listings):
        problems.add(place, message)
    if not (listings or config.allow_unlisted_targets or problems):
        problems.add(Place(key_path="--instance"), _NO_INSTANCE)
    web = config.web if listen is None else _listening(config.web, listen, problems)
    if problems:
        raise problems.error()
    return replace(config, instances=tuple(listing.instance for listing in listings), web=web)


def _text(path: Path, problems: Problems) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except IsADirectoryError:
        raise problems.fatal(Place(), "this is a folder; name the YAML file in it") from None
    except FileNotFoundError:
        raise problems.fatal(Place(), "there is no such file; config.example.yml is one to begin with") from None
    except OSError as error:
        raise problems.fatal(Place(), f"cannot be read: {os.strerror(error.errno or 0)}") from error
    if len(content) > MAX_FILE_BYTES:
        raise problems.fatal(Place(), f"larger than {MAX_FILE_BYTES} bytes; no configuration needs that")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise problems.fatal(Place(line), "not UTF-8; save the file in that encoding") from error


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
