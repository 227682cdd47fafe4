"""The section `access_logs`: one log each, whose it is, and what no two of them may share."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import PurePath

from exporter.config.document import Value
from exporter.config.fields import Section, Source
from exporter.config.files import log_path, readable_file
from exporter.config.hosts import host_name
from exporter.config.log_format import COMBINED, LogFormat, log_format
from exporter.config.model import DEFAULT_DOMAIN_CAP, AccessLog, StartAt, Subscriptions
from exporter.config.ownership import whose
from exporter.config.problems import Place
from exporter.config.values import choice, label_value, whole_number
from exporter.errors import InvalidValue

ACCESS_LOG_KEYS = (
    *("path", "name", "instance", "format", "host", "start_at"),
    *("known_domains", "domain_cap", "subscriptions"),
)
LARGEST_DOMAIN_CAP = 100_000

_LIST_ADVICE = "begin each log with `- path: /var/log/nginx/access.log`"
_ENTRY_ADVICE = "write `path: /var/log/nginx/access.log`"
_PATH_MISSING = "has no `path`; write `path: /var/log/nginx/access.log`"
_NO_HOST = (
    "the format has no `$host`, so that requests for one host cannot be told from others; "
    "add `$host` to nginx's log_format, or take `host` out"
)


@dataclass(frozen=True)
class LogListing:
    """A log beside the places where it was written; `label` tells it to a reader of another place."""

    log: AccessLog
    label: str
    path_place: Place
    name_place: Place
    name_given: bool


def read_access_logs(value: Value, source: Source, instances: Sequence[str]) -> tuple[LogListing, ...]:
    """Return the logs of a file, whose instances have these names (empty for one that is wrong)."""
    items = source.items(value, _LIST_ADVICE) or ()
    listings = [_listing(item, source, instances) for item in items]
    return tuple(listing for listing in listings if listing is not None)


def log_clashes(listings: Sequence[LogListing]) -> Iterator[tuple[Place, str]]:
    """Yield a place and a message for each log that is listed twice, or whose name is taken."""
    by_name: dict[str, LogListing] = {}
    by_file: dict[tuple[str, str | None], LogListing] = {}
    for listing in listings:
        log = listing.log
        same_file = by_file.setdefault((log.path, log.host), listing) if log.path else listing
        same_name = by_name.setdefault(log.name, listing) if log.name else listing
        if same_file is not listing:
            yield listing.path_place, f"the same log as {same_file.label}; it would be counted twice"
        elif same_name is not listing:
            yield listing.name_place, _same_name(listing, same_name)


def default_name(path: str, instance: str | None) -> str:
    """Return the name of a log that is given none: its instance's, else its file's."""
    return instance or PurePath(path).name


def _same_name(listing: LogListing, earlier: LogListing) -> str:
    if listing.name_given or earlier.name_given:
        return f"the same name as {earlier.label}; names are unique"
    source = "instance" if listing.log.instance else "file name"
    return f"the same {source}, hence the same name, as {earlier.label}; give both a `name:` of their own"


def _listing(value: Value, source: Source, instances: Sequence[str]) -> LogListing | None:
    fields = source.fields(value, _ENTRY_ADVICE)
    if fields is None:
        return None
    section = Section(fields, source)
    section.refuse_unknown(ACCESS_LOG_KEYS)
    if not section.is_given("path"):
        source.problems.add(section.place_of("path"), _PATH_MISSING)
    return LogListing(
        log=_log(section, instances),
        label=f"`{section.place.key_path}` on line {section.place.line}",
        path_place=section.place_of("path"),
        name_place=section.place_of("name" if "name" in section else "path"),
        name_given=section.is_given("name"),
    )


def _log(section: Section, instances: Sequence[str]) -> AccessLog:
    folder = section.source.folder
    path = section.optional("path", partial(log_path, folder), "")  # a null has been reported
    instance = whose(section, instances)
    line_format = _format(section)
    return AccessLog(
        name=_name(section, path, instance),
        path=path,
        instance=instance,
        format=line_format or COMBINED,
        host=_host(section, line_format),
        start_at=section.optional("start_at", partial(choice, StartAt), StartAt.END),
        known_domains=section.optional("known_domains", partial(readable_file, folder), None),
        domain_cap=section.optional("domain_cap", partial(whole_number, 1, LARGEST_DOMAIN_CAP), DEFAULT_DOMAIN_CAP),
        subscriptions=section.optional("subscriptions", partial(choice, Subscriptions), Subscriptions.AUTO),
    )


def _name(section: Section, path: str, instance: str | None) -> str:
    if section.is_given("name"):
        return section.optional("name", label_value, "")
    if not path or instance == "":
        return ""
    try:
        return label_value(default_name(path, instance))
    except InvalidValue as error:
        section.source.problems.add(section.place_of("path"), f"as a name, {error}; give the log a `name:`")
        return ""


def _format(section: Section) -> LogFormat | None:
    value = section.value("format")
    if value is None or not section.is_given("format"):
        return COMBINED
    return section.source.parsed_as_written(value, log_format)


def _host(section: Section, line_format: LogFormat | None) -> str | None:
    host = section.optional("host", host_name, None)
    if host is not None and line_format is not None and not (line_format.is_json_object or line_format.has("host")):
        section.source.problems.add(section.place_of("host"), _NO_HOST)
    return host
