"""The section `media`: from which store objects are moved, to which, and how hard both may be worked.

The exporter reads this file too, and has no business with the keys of a store: what is secret here is carried as it is
written, and not even looked for.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from urllib.parse import urlsplit

from exporter.config.fields import Section
from exporter.config.files import certificate_file, path_from
from exporter.config.hosts import page_url
from exporter.config.media_model import (
    LEAST_MEMORY_BYTES,
    AclChoice,
    Addressing,
    FolderSettings,
    LazySecret,
    MediaSettings,
    S3Settings,
)
from exporter.config.model import DatabaseSettings
from exporter.config.ownership import whose
from exporter.config.secret import Secret
from exporter.config.values import choice, number_between, size_bytes, whole_number
from exporter.errors import InvalidValue

MEDIA_KEYS = ("source", "destination", "workers", "requests_per_second", "memory", "instance")
SIDES = ("source", "destination")
STORE_KEYS = (
    *("endpoint", "bucket", "region", "access_key", "access_key_file", "secret_key", "secret_key_file"),
    *("prefix", "addressing", "ca_file"),
)
MOST_WORKERS = 256
MOST_MEMORY_BYTES = 1024**4
MOST_REQUESTS_PER_SECOND = 100_000

_LONGEST_PREFIX = 200
_NOT_IN_BUCKETS = frozenset("/?#%\\ ")
_DESTINATION_ADVICE = "write `destination: {endpoint: https://s3.example.com, bucket: media}`"
_ADVICE = f"write `media: {{{_DESTINATION_ADVICE[7:-1]}}}`"
_SOURCE_ADVICE = "write `source: {path: /home/mastodon/live/public/system}`, or name a bucket"
_RATES_ADVICE = "write `requests_per_second: {source: 500, destination: 150}`"
_NO_SOURCE = "needs `source`; only where `database` has an `env_file` is it what that file says"
_NO_DATABASE = "needs the section `database`, which knows the names of all objects"
_NO_NAME = "needs an endpoint with a name, before which the bucket can stand; take it out, or write `addressing: path`"
_SAME = "is the same place as `source`; objects are moved to another bucket, or to another `prefix`"


def read_media(top: Section, instances: Sequence[str], database: DatabaseSettings | None) -> MediaSettings | None:
    """Return what is moved where, None where the file says nothing of it."""
    section = top.section("media", _ADVICE) if top.is_given("media") else None
    if section is None:
        return None
    section.refuse_unknown(MEDIA_KEYS)
    source, destination = _source(section), _destination(section)
    _judge(section, source, destination)
    _judge_database(top, section, database)
    default = MediaSettings(destination)
    memory = partial(size_bytes, LEAST_MEMORY_BYTES, MOST_MEMORY_BYTES)
    source_rate, destination_rate = _rates(section)
    return MediaSettings(
        destination=destination,
        source=source,
        workers=section.optional("workers", partial(whole_number, 1, MOST_WORKERS), default.workers),
        source_requests_per_second=source_rate,
        destination_requests_per_second=destination_rate,
        memory_bytes=section.optional("memory", memory, default.memory_bytes),
        instance=_instance(section, instances, database),
    )


def _judge(section: Section, source: S3Settings | FolderSettings | None, destination: S3Settings) -> None:
    place = section.place_of("destination")
    if not section.is_given("destination"):
        section.source.problems.add(place, f"needs `destination`; {_DESTINATION_ADVICE}")
    elif isinstance(source, S3Settings) and source.bucket and source.place == destination.place:
        section.source.problems.add(place, _SAME)


def _judge_database(top: Section, section: Section, database: DatabaseSettings | None) -> None:
    if not top.is_given("database"):
        section.source.problems.add(section.place, _NO_DATABASE)
    elif database is not None and database.env_file is None and not section.is_given("source"):
        section.source.problems.add(section.place_of("source"), _NO_SOURCE)


def _instance(section: Section, instances: Sequence[str], database: DatabaseSettings | None) -> str | None:
    if database is not None and not section.is_given("instance"):
        return database.instance
    return whose(section, instances)


def _rates(media: Section) -> tuple[float | None, float | None]:
    section = media.section("requests_per_second", _RATES_ADVICE) if media.is_given("requests_per_second") else None
    if section is None:
        return None, None
    section.refuse_unknown(SIDES)
    rate = partial(number_between, 0, MOST_REQUESTS_PER_SECOND)
    source, destination = (section.optional(side, rate, None) for side in SIDES)
    return source, destination


def _source(media: Section) -> S3Settings | FolderSettings | None:
    section = media.section("source", _SOURCE_ADVICE) if media.is_given("source") else None
    if section is None:
        return None
    section.refuse_unknown((*STORE_KEYS, "path"))
    if not section.is_given("path"):
        return _bucket(section, "needs `bucket` or `path`")
    for key in section.fields.entries:
        if key in STORE_KEYS:
            section.source.problems.add(section.place_of(key), "does not go with `path`; take one of them out")
    folder = section.source.folder
    return FolderSettings(section.optional("path", partial(path_from, folder), folder))


def _destination(media: Section) -> S3Settings:
    section = media.section("destination", _DESTINATION_ADVICE) if media.is_given("destination") else None
    if section is None:
        return S3Settings("")
    section.refuse_unknown((*STORE_KEYS, "acl", "path"))
    if "path" in section:
        section.source.problems.add(section.place_of("path"), "a destination is a bucket; objects go to no folder")
    acl = section.optional("acl", partial(choice, AclChoice), AclChoice.AUTO)
    return replace(_bucket(section, f"needs `bucket`; {_DESTINATION_ADVICE}"), acl=acl)


def _bucket(section: Section, without_bucket: str) -> S3Settings:
    if not section.is_given("bucket"):
        section.source.problems.add(section.place, without_bucket)
    _refuse_half_a_pair(section)
    endpoint = section.optional("endpoint", endpoint_url, None)
    addressing = section.optional("addressing", partial(choice, Addressing), Addressing.AUTO)
    if addressing is Addressing.VIRTUAL and endpoint is not None and _is_address(endpoint):
        section.source.problems.add(section.place_of("addressing"), _NO_NAME)
    return S3Settings(
        bucket=section.optional("bucket", _bucket_name, ""),
        endpoint=endpoint,
        region=section.optional("region", _region, None),
        access_key=_secret(section, "access_key"),
        secret_key=_secret(section, "secret_key"),
        prefix=section.optional("prefix", _prefix, ""),
        addressing=addressing,
        ca_file=section.optional("ca_file", partial(certificate_file, section.source.folder), None),
    )


def _is_address(endpoint: str) -> bool:
    try:
        ipaddress.ip_address(urlsplit(endpoint).hostname or "")
    except ValueError:
        return False
    return True


def _refuse_half_a_pair(section: Section) -> None:
    missing = [
        key for key in ("access_key", "secret_key") if not section.is_given(key) and not section.is_given(f"{key}_file")
    ]
    if len(missing) == 1:
        section.source.problems.add(section.place, f"`{missing[0]}` is missing; the other key is of no use without it")


def _secret(section: Section, key: str) -> LazySecret | None:
    file_key = f"{key}_file"
    if section.is_given(key) and section.is_given(file_key):
        section.source.problems.add(section.place_of(file_key), f"`{key}` is there too; take one of them out")
        return None
    if section.is_given(file_key):
        path = section.optional(file_key, partial(path_from, section.source.folder), None)
        return None if path is None else LazySecret(file=path, named=section.place_of(file_key).key_path)
    value = section.value(key)
    text = section.source.parsed_as_written(value, _not_empty) if value is not None and section.is_given(key) else None
    return None if text is None else LazySecret(text=Secret(text), named=section.place_of(key).key_path)


def endpoint_url(text: str) -> str:
    """Return the URL of a store, perhaps with a path, without a slash at its end."""
    url = page_url(text)
    if "?" in url or "#" in url:
        raise InvalidValue("must hold no query and no fragment")
    return url.rstrip("/")


def _bucket_name(text: str) -> str:
    if not text.isascii() or not text.isprintable() or _NOT_IN_BUCKETS & set(text) or text in ("", ".", ".."):
        raise InvalidValue("must be the name of a bucket alone: no URL, no `/`, no spaces")
    return text


def _region(text: str) -> str:
    if not text.isascii() or not text.replace("-", "").replace("_", "").isalnum():
        raise InvalidValue("must be the name of a region, such as `us-east-1` or `auto`")
    return text


def _prefix(text: str) -> str:
    if text.startswith("/") or text.endswith("/"):
        raise InvalidValue("must neither begin nor end with `/`, which stands between it and a key anyway")
    if not text.isprintable() or len(text) > _LONGEST_PREFIX:
        raise InvalidValue(f"must be printable, and not longer than {_LONGEST_PREFIX} characters")
    return text


def _not_empty(text: str) -> str:
    if not text:
        raise InvalidValue("must not be empty")
    return text
