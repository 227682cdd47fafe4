"""The section `instances`: one server each, and what no two of them may share."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

from exporter.config.checks import read_checks
from exporter.config.document import Fields, Value
from exporter.config.fields import Section, Source
from exporter.config.files import certificate_file
from exporter.config.hosts import domain, host_name, ip_address, page_url, server_url, streaming_url
from exporter.config.model import DEFAULT_TIMEOUT_SECONDS, AddressFamilies, CheckSettings, Instance
from exporter.config.problems import Place
from exporter.config.values import account_name, address_families, instance_name, timeout_seconds
from exporter.errors import InvalidValue

INSTANCE_KEYS = (
    *("url", "name", "domain", "account", "streaming", "storage"),
    *("timeout", "ip", "resolve", "ca_file", "checks"),
)

_LIST_ADVICE = "begin each instance with `- url: https://…`"
_ENTRY_ADVICE = "write `url: https://…`"
_URL_MISSING = "has no `url`; write `url: https://mastodon.example`"
_RESOLVE_ADVICE = "write `{mastodon.example: 192.0.2.1}`"


@dataclass(frozen=True)
class Listing:
    """An instance beside the places where it was written; `label` tells it to a reader of another place."""

    instance: Instance
    label: str
    url_place: Place
    name_place: Place
    name_given: bool


def read_instances(value: Value, source: Source) -> tuple[Listing, ...]:
    """Return the instances of a file; where one is wrong, what can still be compared of it."""
    items = source.items(value, _LIST_ADVICE) or ()
    listings = [_listing(item, source) for item in items]
    return tuple(listing for listing in listings if listing is not None)


def named_instance(url: str, name: str = "") -> Instance:
    """Return the instance at a URL that `server_url` has cleaned, every other value a default."""
    parts = urlsplit(url)
    return Instance(name=name or parts.hostname or "", url=url, domain=parts.netloc)


def clashes(listings: Sequence[Listing]) -> Iterator[tuple[Place, str]]:
    """Yield a place and a message for each URL or name that is taken twice."""
    by_url: dict[str, Listing] = {}
    by_name: dict[str, Listing] = {}
    for listing in listings:
        url, name = listing.instance.url, listing.instance.name
        same_url = by_url.setdefault(url, listing) if url else listing
        same_name = by_name.setdefault(name, listing) if name else listing
        if same_url is not listing:
            yield listing.url_place, f"the same server as {same_url.label}; list it once"
        elif same_name is not listing:
            yield listing.name_place, _same_name(listing, same_name)
    yield from _names_that_are_hosts(listings, by_name)


def _same_name(listing: Listing, earlier: Listing) -> str:
    if listing.name_given or earlier.name_given:
        return f"the same name as {earlier.label}; names are unique"
    advice = "give both a name of their own (`name:`, or `--instance NAME=URL`)"
    return f"the same host, hence the same name, as {earlier.label}; {advice}"


def _names_that_are_hosts(listings: Iterable[Listing], by_name: dict[str, Listing]) -> Iterator[tuple[Place, str]]:
    for listing in listings:
        host = listing.instance.host
        named = by_name.get(host) if host else None
        if named is not None and listing.instance.name != host and named.instance.url != listing.instance.url:
            yield named.name_place, f"the host of {listing.label}; a probe could not tell which of them is meant"


def _listing(value: Value, source: Source) -> Listing | None:
    fields = source.fields(value, _ENTRY_ADVICE)
    if fields is None:
        return None
    section = Section(fields, source)
    section.refuse_unknown(INSTANCE_KEYS)
    if not section.is_given("url"):
        source.problems.add(section.place_of("url"), _URL_MISSING)
    return Listing(
        instance=_instance(section),
        label=f"`{section.place.key_path}` on line {section.place.line}",
        url_place=section.place_of("url"),
        name_place=section.place_of("name" if "name" in section else "url"),
        name_given=section.is_given("name"),
    )


def _instance(section: Section) -> Instance:
    url = section.optional("url", server_url, "")  # a null has been reported
    defaults = named_instance(url)
    return Instance(
        url=url,
        name=section.optional("name", instance_name, defaults.name),
        domain=section.optional("domain", domain, defaults.domain),
        account=section.optional("account", account_name, None),
        streaming=section.optional("streaming", streaming_url, None),
        storage=section.optional("storage", page_url, None),
        timeout_seconds=section.optional("timeout", timeout_seconds, DEFAULT_TIMEOUT_SECONDS),
        families=section.optional("ip", address_families, AddressFamilies.AUTO),
        resolve=_resolve(section),
        ca_file=section.optional("ca_file", partial(certificate_file, section.source.folder), None),
        checks=_checks(section),
    )


def _checks(section: Section) -> dict[str, CheckSettings]:
    value = section.value("checks")
    return {} if value is None else read_checks(value, section.source)


def _resolve(section: Section) -> dict[str, str]:
    value = section.value("resolve")
    fields = Fields(section.place) if value is None else section.source.fields(value, _RESOLVE_ADVICE)
    addresses: dict[str, str] = {}
    for host, entry in fields.entries.items() if fields else ():
        address = section.source.parsed(entry.value, ip_address)
        try:
            clean_host = host_name(host)
        except InvalidValue as error:
            section.source.problems.add(entry.place, str(error))
            continue
        if clean_host in addresses:
            section.source.problems.add(entry.place, f"the host `{clean_host}` stands here twice")
        addresses[clean_host] = address or ""
    return addresses
