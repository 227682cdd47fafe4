"""Takes what a server sends, up to the limits."""

from exporter.probes.request import Headers
from exporter.probes.result import Failure, Reason

BODY_LIMIT_BYTES = 2 * 1024 * 1024
"""What is read of a body, after decompression."""

HEADER_LIMIT_BYTES = 256 * 1024
_END_OF_HEADER = (b"\r\n", b"\n")
_ABORT = 0  # a callback that takes less than it was given makes libcurl stop


class Receiver:
    """Takes header lines and body pieces from libcurl; `complete` once no more is wanted."""

    def __init__(self, headers_only: bool = False) -> None:
        self._headers_only = headers_only
        self._lines: list[bytes] = []
        self._header_bytes = 0
        self._pieces: list[bytes] = []
        self.body_bytes = 0
        self.truncated = False
        self.complete = False

    def take_header(self, line: bytes) -> int | None:
        """Take a line of the header; of several answers (100, then 200) the last counts."""
        if line.startswith(b"HTTP/") and self._lines and self._lines[-1] in _END_OF_HEADER:
            self._lines.clear()
        self._header_bytes += len(line)
        if self._header_bytes > HEADER_LIMIT_BYTES:
            return _ABORT
        self._lines.append(line)
        if self._headers_only and line in _END_OF_HEADER and not self._interim():
            self.complete = True
            return _ABORT
        return None

    def _interim(self) -> bool:
        status = self._lines[0].partition(b" ")[2]
        return status.startswith(b"1") and not status.startswith(b"101")

    def take_body(self, piece: bytes) -> int | None:
        """Take a piece of the body."""
        room = BODY_LIMIT_BYTES - self.body_bytes
        self._pieces.append(piece[:room])
        self.body_bytes += min(len(piece), room)
        if len(piece) <= room:
            return None
        self.truncated = self.complete = True
        return _ABORT

    def failure(self) -> Failure | None:
        """Return the failure of a header without end."""
        if self._header_bytes <= HEADER_LIMIT_BYTES:
            return None
        return Failure(Reason.PROTOCOL, f"the header is larger than {HEADER_LIMIT_BYTES // 1024} KiB")

    @property
    def begun(self) -> bool:
        """Whether anything has come."""
        return self._header_bytes > 0

    @property
    def body(self) -> bytes:
        """What has come of the body."""
        return b"".join(self._pieces)

    def headers(self) -> Headers:
        """Return names, in lower case, and values; what is not UTF-8 is replaced."""
        pairs = (line.decode("utf-8", "replace").partition(":") for line in self._lines[1:])
        return tuple((name.strip().lower(), value.strip()) for name, separator, value in pairs if separator)
