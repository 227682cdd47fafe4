"""The connections of one visitor, to addresses that a rule permits."""

import socket
from functools import cached_property
from typing import Any

import pycurl

from exporter.addresses import AddressRule
from exporter.probes.result import Failure, Reason


class Connections:
    """The connections of one visitor, kept from one request to the next. To be closed.

    Every visitor begins without any, and takes up no TLS session of another: what is probed is what
    somebody new meets.
    """

    def __init__(self) -> None:
        self._sockets: list[socket.socket] = []
        self._shares: list[pycurl.CurlShare] = []

    @cached_property
    def share(self) -> pycurl.CurlShare:
        """Where libcurl keeps the connections; the addresses of their requests stay out of its common cache, too."""
        share = pycurl.CurlShare()
        share.setopt(pycurl.SH_SHARE, pycurl.LOCK_DATA_CONNECT)
        share.setopt(pycurl.SH_SHARE, pycurl.LOCK_DATA_DNS)
        self._shares.append(share)
        return share

    def open(self, address: Any) -> socket.socket:
        """Open a socket for libcurl, which works on a duplicate of it."""
        self._sockets.append(socket.socket(address.family, address.socktype, address.protocol))
        return self._sockets[-1]

    def close(self) -> None:
        """Close every connection."""
        for share in self._shares:
            share.close()
        for opened in self._sockets:
            opened.close()


class Gate:
    """Opens sockets to permitted addresses only: the last moment before a packet leaves.

    `opened` stays False for a request over a connection that was there already.
    """

    def __init__(self, rule: AddressRule | None, connections: Connections) -> None:
        self.connections = connections
        self.opened = False
        self._rule = rule
        self._refused: list[str] = []
        self._own_trouble: str | None = None

    def open(self, _purpose: int, address: Any) -> socket.socket | int:
        """Return a socket for libcurl, or the value that tells it to try another address."""
        literal = str(address.addr[0])
        if self._rule is not None and not self._rule.permits(literal):
            self._refused.append(literal)
            return pycurl.SOCKET_BAD
        self.opened = True
        try:
            return self.connections.open(address)
        except OSError as error:
            self._own_trouble = error.strerror
            return pycurl.SOCKET_BAD

    def failure(self) -> Failure | None:
        """Return the failure of a request that had no permitted address."""
        if self._own_trouble is not None:
            return Failure(Reason.INTERNAL, f"the exporter could not open a socket: {self._own_trouble}")
        if self.opened or not self._refused:
            return None
        return Failure(Reason.ADDRESS, f"refused to connect to {self._refused[0]}: third-party text led there")
