import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.addresses import AddressKind, AddressRule, kind_of, known_address, rule_for_own_addresses

KINDS = {
    "1.1.1.1": AddressKind.PUBLIC,
    "2606:4700::1111": AddressKind.PUBLIC,
    "::ffff:1.1.1.1": AddressKind.PUBLIC,
    "127.0.0.1": AddressKind.LOOPBACK,
    "127.255.255.254": AddressKind.LOOPBACK,
    "::1": AddressKind.LOOPBACK,
    "::ffff:127.0.0.1": AddressKind.LOOPBACK,
    "::127.0.0.1": AddressKind.LOOPBACK,
    "64:ff9b::7f00:1": AddressKind.LOOPBACK,
    "2002:7f00:1::": AddressKind.LOOPBACK,
    "10.0.0.1": AddressKind.PRIVATE,
    "172.16.0.1": AddressKind.PRIVATE,
    "172.31.255.255": AddressKind.PRIVATE,
    "192.168.1.1": AddressKind.PRIVATE,
    "fd12:3456::1": AddressKind.PRIVATE,
    "::ffff:192.168.1.1": AddressKind.PRIVATE,
    "64:ff9b::a00:1": AddressKind.PRIVATE,
    "::ffff:0:10.0.0.1": AddressKind.PRIVATE,
    "64:ff9b:1::a00:1": AddressKind.RESERVED,
    "64:ff9b:1:7f00:0:100:808:808": AddressKind.RESERVED,
    "fec0::1": AddressKind.RESERVED,
    "169.254.169.254": AddressKind.LINK_LOCAL,
    "fe80::1": AddressKind.LINK_LOCAL,
    "fe80::1%eth0": AddressKind.LINK_LOCAL,
    "::ffff:169.254.169.254": AddressKind.LINK_LOCAL,
    "100.64.0.1": AddressKind.SHARED,
    "100.127.255.255": AddressKind.SHARED,
    "0.0.0.0": AddressKind.UNSPECIFIED,
    "0.1.2.3": AddressKind.UNSPECIFIED,
    "::": AddressKind.UNSPECIFIED,
    "::ffff:0.0.0.0": AddressKind.UNSPECIFIED,
    "192.0.2.1": AddressKind.RESERVED,
    "192.0.0.192": AddressKind.RESERVED,
    "168.63.129.16": AddressKind.RESERVED,
    "fd00:ec2::254": AddressKind.RESERVED,
    "198.18.0.1": AddressKind.RESERVED,
    "224.0.0.1": AddressKind.RESERVED,
    "ff02::1": AddressKind.RESERVED,
    "240.0.0.1": AddressKind.RESERVED,
    "255.255.255.255": AddressKind.RESERVED,
    "2001:db8::1": AddressKind.RESERVED,
}


@pytest.mark.parametrize(("address", "kind"), KINDS.items())
def test_an_address_is_of_its_kind_however_it_is_written(address: str, kind: AddressKind) -> None:
    assert kind_of(address) is kind


@pytest.mark.parametrize("address", [address for address, kind in KINDS.items() if kind is not AddressKind.PUBLIC])
def test_without_exemption_only_public_addresses_are_permitted(address: str) -> None:
    assert not AddressRule().permits(address)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_carried_in_ipv6_is_permitted_only_if_it_is_itself(address: object) -> None:
    rule = AddressRule()
    for carrier in (f"::ffff:{address}", f"64:ff9b::{address}"):
        assert rule.permits(carrier) == rule.permits(str(address))


@pytest.mark.parametrize(
    ("own", "permitted", "refused"),
    [
        (["127.0.0.1", "::1"], ["127.0.0.2", "::1", "1.1.1.1"], ["10.0.0.1", "169.254.169.254", "0.0.0.0"]),
        (["192.168.1.5"], ["10.0.0.1", "fd00::1"], ["127.0.0.1", "169.254.169.254"]),
        (["100.64.0.1"], ["100.65.0.1"], ["10.0.0.1"]),
        (["169.254.1.1"], ["1.1.1.1"], ["169.254.169.254", "127.0.0.1"]),
        (["1.1.1.1"], ["8.8.8.8"], ["127.0.0.1", "10.0.0.1"]),
        (["1.1.1.1", "127.0.0.1"], ["8.8.8.8"], ["127.0.0.1"]),
        ([], ["8.8.8.8"], ["127.0.0.1"]),
    ],
)
def test_a_server_may_lead_to_its_own_kind_if_all_its_addresses_are_of_it(
    own: list[str], permitted: list[str], refused: list[str]
) -> None:
    rule = rule_for_own_addresses(own)
    assert [address for address in permitted if not rule.permits(address)] == []
    assert [address for address in refused if rule.permits(address)] == []


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("0:0::1", "::1"),
        ("localhost", "127.0.0.1"),
        ("LOCALHOST", "127.0.0.1"),
        ("hub.localhost", "127.0.0.1"),
        ("hub.example", None),
        ("notlocalhost", None),
        ("localhost.example", None),
        ("", None),
    ],
)
def test_an_address_is_known_without_a_look_up_where_the_host_says_it(host: str, address: str | None) -> None:
    assert known_address(host) == address
