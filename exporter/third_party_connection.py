"""Connections to where third-party text leads: over libcurl, and only to an address that the rule permits."""

import socket
from typing import Any

import pycurl

from exporter.addresses import AddressKind, AddressRule, kind_of

_QUICK_EXIT = 322  # CURLOPT_QUICK_EXIT, which pycurl does not name: a name server that is silent delays nobody

EXEMPTIBLE = frozenset({AddressKind.LOOPBACK, AddressKind.PRIVATE, AddressKind.SHARED})
"""What `allow_private_addresses` allows: link-local addresses never, for cloud providers keep their secrets there."""


class PermittedSockets:
    """The sockets of one libcurl handle, each opened to a permitted address only; `close` gives them back.

    `asked_for` are the servers that are asked, in the plural, for the advice of a refusal.
    """

    def __init__(self, rule: AddressRule, asked_for: str) -> None:
        self._rule = rule
        self._asked_for = asked_for
        self._opened: list[socket.socket] = []
        self._refused_address = ""
        self.own_trouble = ""

    def set_up(self, curl: pycurl.Curl) -> None:
        """Have a handle use these sockets, HTTP/1.1 or TLS over it, and no proxy."""
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.PROXY, "")
        curl.setopt(_QUICK_EXIT, 1)
        curl.setopt(pycurl.OPENSOCKETFUNCTION, self._open)
        curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)

    @property
    def refusal(self) -> str:
        """Why no connection was tried at all, in words; empty where one was."""
        if not self._refused_address or self._opened or self.own_trouble:
            return ""
        return address_refusal(self._refused_address, self._asked_for)

    def close(self) -> None:
        """Close the sockets, once the handle is closed."""
        for opened in self._opened:
            opened.close()

    def _open(self, _purpose: int, address: Any) -> socket.socket | int:
        literal = str(address.addr[0])
        if not self._rule.permits(literal):
            self._refused_address = literal
            return pycurl.SOCKET_BAD
        try:
            self._opened.append(socket.socket(address.family, address.socktype, address.protocol))
        except OSError as error:
            self.own_trouble = f"no socket could be opened here: {error.strerror}"
            return pycurl.SOCKET_BAD
        return self._opened[-1]  # libcurl works on a duplicate, so this one is closed at the end


def address_refusal(address: str, asked_for: str) -> str:
    """Say of an address that the rule does not permit why not, and what could be done."""
    kind = kind_of(address)
    if kind not in EXEMPTIBLE:
        return f"its address {address} is {kind}, to which nothing is ever sent"
    advice = f"write `allow_private_addresses: true` if {asked_for} of your own network are meant"
    return f"its address {address} is not a public one; {advice}"
