"""The top level of a configuration file: which sections there are, and what each one means."""

from collections.abc import Sequence
from functools import partial

from exporter.config.access_logs import log_clashes, read_access_logs
from exporter.config.document import Items, Scalar, Value
from exporter.config.fields import Section
from exporter.config.files import path_from, readable_file
from exporter.config.hosts import listen_address, page_url
from exporter.config.instances import clashes, read_instances
from exporter.config.media import read_media
from exporter.config.model import DEFAULT_LISTEN_HOST, DEFAULT_LISTEN_PORT, AccessLog, Config, Instance, WebSettings
from exporter.config.stores import read_database, read_redis
from exporter.config.subscriptions import read_subscriptions
from exporter.config.values import switch, unknown

TOP_KEYS = (
    *("web", "state_dir", "instances", "allow_unlisted_targets", "control", "access_logs"),
    *("database", "redis", "media", "subscriptions", "allow_private_addresses"),
)
WEB_KEYS = ("listen", "web_config")
LATER_SECTIONS = ("celery", "status_page")
"""Sections of versions to come: refused by name, so that nobody believes that they work."""

_NO_INSTANCE = (
    "no instance to watch; write `instances: [{url: https://mastodon.example}]`, "
    "or `allow_unlisted_targets: true` to probe whatever is asked for"
)


def read_sections(section: Section, instances_required: bool) -> Config:
    """Return the configuration of a whole file; what is wrong goes to the source's problems."""
    _refuse_unknown_sections(section)
    unlisted = section.optional("allow_unlisted_targets", switch, False)
    has_stores = section.is_given("database") or section.is_given("redis")
    nothing_else = _holds_nothing(section.value("access_logs")) and not has_stores and not unlisted
    instances = _instances(section, instances_required and nothing_else)
    names = [instance.name for instance in instances]
    database = read_database(section, names)
    return Config(
        instances=instances,
        web=_web(section),
        state_dir=section.optional("state_dir", partial(path_from, section.source.folder), None),
        allow_unlisted_targets=unlisted,
        control=_control(section),
        access_logs=_access_logs(section, names),
        database=database,
        redis=read_redis(section, names, database),
        media=read_media(section, names, database),
        subscriptions=read_subscriptions(section),
        allow_private_addresses=section.optional("allow_private_addresses", switch, False),
    )


def _refuse_unknown_sections(section: Section) -> None:
    for key, entry in section.fields.entries.items():
        if key in LATER_SECTIONS:
            section.source.problems.add(entry.place, "this version does not know this section yet; take it out")
        elif key not in TOP_KEYS:
            section.source.problems.add(entry.place, unknown("key", key, TOP_KEYS))


def _instances(section: Section, required: bool) -> tuple[Instance, ...]:
    value = section.value("instances")
    if required and _holds_nothing(value):
        section.source.problems.add(section.place_of("instances"), _NO_INSTANCE)
    listings = () if value is None else read_instances(value, section.source)
    for place, message in clashes(listings):
        section.source.problems.add(place, message)
    return tuple(listing.instance for listing in listings)


def _access_logs(section: Section, names: Sequence[str]) -> tuple[AccessLog, ...]:
    value = section.value("access_logs")
    listings = () if value is None else read_access_logs(value, section.source, names)
    for place, message in log_clashes(listings):
        section.source.problems.add(place, message)
    return tuple(listing.log for listing in listings)


def _holds_nothing(value: Value | None) -> bool:
    if isinstance(value, Scalar):
        return value.is_null
    return value is None or (isinstance(value, Items) and not value.values)


def _web(section: Section) -> WebSettings:
    value = section.value("web")
    fields = None if value is None else section.source.fields(value, "write `web: {listen: 127.0.0.1:10747}`")
    if fields is None:
        return WebSettings()
    web = Section(fields, section.source)
    web.refuse_unknown(WEB_KEYS)
    host, port = web.optional("listen", listen_address, (DEFAULT_LISTEN_HOST, DEFAULT_LISTEN_PORT))
    web_config = web.optional("web_config", partial(readable_file, section.source.folder), None)
    return WebSettings(host=host, port=port, web_config=web_config)


def _control(section: Section) -> tuple[str, ...]:
    value = section.value("control")
    items = () if value is None else section.source.items(value, "write `[https://www.example.org]`")
    urls = [section.source.parsed(item, page_url) for item in items or ()]
    return tuple(url for url in urls if url is not None)
