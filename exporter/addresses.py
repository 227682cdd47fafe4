"""Which addresses third-party text may lead to: only public ones.

The rule holds for redirects, discovered hosts, hubs and remote media. It is tested on the address
that is actually connected to, so that a name which resolves differently a second time gains nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network


class AddressKind(StrEnum):
    """What sort of network an address belongs to."""

    PUBLIC = "public"
    LOOPBACK = "loopback"
    PRIVATE = "private"
    LINK_LOCAL = "link-local"
    SHARED = "carrier-grade NAT"
    UNSPECIFIED = "unspecified"
    RESERVED = "reserved"


_SHARED = ip_network("100.64.0.0/10")
_UNSPECIFIED = ip_network("0.0.0.0/8")
_PRIVATE = tuple(ip_network(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"))
# The last 32 bits are an IPv4 address: RFC 4291 (mapped, compatible), RFC 6052 (NAT64), RFC 7915 (translated).
_EMBEDDING = tuple(ip_network(block) for block in ("::ffff:0:0/96", "::/96", "64:ff9b::/96", "::ffff:0:0:0/96"))
# Python's ipaddress takes these for public: local NAT64 (RFC 8215), site-local, documentation, segment routing.
# At the last three, clouds answer their own machines.
_RESERVED = tuple(
    ip_network(block)
    for block in (
        "64:ff9b:1::/48",
        "fec0::/10",
        "3fff::/20",
        "5f00::/16",
        "192.0.0.0/24",
        "168.63.129.16/32",
        "fd00:ec2::/32",
    )
)


def kind_of(address: str) -> AddressKind:
    """Return the kind of an address literal; an IPv6 address that carries an IPv4 one has that one's kind."""
    parsed = _innermost(ip_address(address.partition("%")[0]))
    if parsed.is_loopback:
        return AddressKind.LOOPBACK
    if parsed.is_link_local:
        return AddressKind.LINK_LOCAL
    if parsed.is_unspecified or parsed in _UNSPECIFIED:
        return AddressKind.UNSPECIFIED
    if parsed in _SHARED:
        return AddressKind.SHARED
    if any(parsed in block for block in _RESERVED):
        return AddressKind.RESERVED
    if any(parsed in block for block in _PRIVATE):
        return AddressKind.PRIVATE
    if parsed.is_multicast or parsed.is_reserved or not parsed.is_global:
        return AddressKind.RESERVED
    return AddressKind.PUBLIC


def _innermost(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(address, IPv4Address) or address.is_loopback or address.is_unspecified:
        return address
    if address.sixtofour is not None:
        return address.sixtofour
    if any(address in block for block in _EMBEDDING):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def known_address(host: str) -> str | None:
    """Return the address of a host that needs no look-up: an address literal, or a name under `localhost`.

    Such a name is a loopback address wherever it is asked for (RFC 6761, 6.3). None for every other name, and for
    spellings of an address that are not the usual ones, such as `127.1`.
    """
    name = host.lower()
    if name == "localhost" or name.endswith(".localhost"):
        return "127.0.0.1"
    if ":" not in name and not name[-1:].isdigit():
        return None  # as for nearly all hosts, in a tenth of the time that ip_address takes to say so
    try:
        return str(ip_address(name))
    except ValueError:
        return None


@dataclass(frozen=True)
class AddressRule:
    """Which addresses may be connected to: public ones, and those of the exempted kinds."""

    exempt: frozenset[AddressKind] = frozenset()

    def permits(self, address: str) -> bool:
        """Tell whether a connection to this address literal is allowed."""
        kind = kind_of(address)
        return kind is AddressKind.PUBLIC or kind in self.exempt


def rule_for_own_addresses(addresses: Iterable[str]) -> AddressRule:
    """Return the rule for a server that lies at these addresses itself.

    A server on a loopback or private network may lead to others of the same kind. It must lie there
    with all its addresses: one public address among them and the owner of its name could choose.
    Link-local addresses are never exempt: cloud providers keep their secrets there.
    """
    kinds = {kind_of(address) for address in addresses}
    if len(kinds) != 1:
        return AddressRule()
    return AddressRule(frozenset(kinds - {AddressKind.LINK_LOCAL}))
