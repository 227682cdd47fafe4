"""Lines of an access log, one after the other: right for every format, and for every line."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from exporter.accesslog.entry import LONGEST_LINE_BYTES, Entry, UnparsedReason
from exporter.accesslog.escaping import unescape
from exporter.accesslog.fields import Fields
from exporter.accesslog.scan import Observation, Scan
from exporter.accesslog.timestamps import read_time
from exporter.config.log_format import Escaping
from exporter.mastodon.routes import callback_account, is_inbox_delivery

_METHOD_AND_TARGET = re.compile(rb"(GET|POST) ++([^ ]++)")
_PORT = re.compile(rb":[0-9]*+\Z")


@dataclass(frozen=True)
class LineScanner:
    """Reads one line after the other. `escaping` is what a logged user agent still holds."""

    read: Callable[[bytes], Fields | UnparsedReason]
    escaping: Escaping
    host: bytes | None = None

    def scan(self, block: bytes) -> Scan:
        """Return what a block of complete lines comes to."""
        lines = block.split(b"\n")[:-1]
        unparsed: Counter[UnparsedReason] = Counter()
        observations = [found for line in lines if (found := self.observe(line, unparsed))]
        return Scan(len(lines), unparsed, observations, self.last_time(block))

    def parse(self, line: bytes) -> Entry | UnparsedReason:
        """Return what one line says, without its line feed."""
        fields = self._fields(line)
        if isinstance(fields, UnparsedReason):
            return fields
        return Entry(
            request=unescape(fields.request, self.escaping),
            status=fields.status.decode("ascii"),
            time=read_time(fields.time),
            agent=self.agent_text(fields.agent),
            host=None if fields.host is None else unescape(fields.host, self.escaping),
        )

    def agent_text(self, agent: bytes) -> str:
        """Return a user agent of an observation with nginx's escapes undone."""
        return unescape(agent, self.escaping)

    def observe(self, line: bytes, unparsed: Counter[UnparsedReason]) -> Observation | None:
        """Return what is counted of a line; count the line in `unparsed` when it does not fit."""
        fields = self._fields(line)
        if isinstance(fields, UnparsedReason):
            unparsed[fields] += 1
            return None
        return _observation(fields) if self._is_wanted(fields.host) else None

    def last_time(self, block: bytes) -> bytes:
        """Return the time of a block's last line that fits, as logged."""
        for line in _lines_from_the_end(block):
            fields = self._fields(line)
            if isinstance(fields, Fields):
                return fields.time
        return b""

    def _fields(self, line: bytes) -> Fields | UnparsedReason:
        if not line:
            return UnparsedReason.EMPTY
        if len(line) > LONGEST_LINE_BYTES:
            return UnparsedReason.TOO_LONG
        return self.read(line)

    def _is_wanted(self, host: bytes | None) -> bool:
        return self.host is None or host is None or _PORT.sub(b"", host.lower()) == self.host


def _observation(fields: Fields) -> Observation | None:
    request = _METHOD_AND_TARGET.match(fields.request)
    if request is None:
        return None
    method, target = request.groups()
    if is_inbox_delivery(method, target):
        return (fields.status, fields.agent, b"", b"", b"", b"", b"", b"")
    account = callback_account(method, target)
    if account is None:
        return None
    return (b"", b"", fields.time, method, account, fields.status, fields.agent, b"")


def _lines_from_the_end(block: bytes) -> Iterator[bytes]:
    end = block.rfind(b"\n")
    while end >= 0:
        start = block.rfind(b"\n", 0, end)
        yield block[start + 1 : end]
        end = start
