"""The few lines of a log that may be callbacks, picked out without a look at the others."""

from collections.abc import Iterator

from exporter.accesslog.entry import LONGEST_LINE_BYTES

NEEDLE = b"subscriptions"
"""What every callback holds as it stands. Slashes around it may be doubled, and nginx escapes no letter."""


class CallbackLines:
    """Picks lines out of a log that comes in pieces, each shorter than the longest line that is looked at.

    `too_long` counts the lines that were not looked at.
    """

    def __init__(self) -> None:
        self.too_long = 0
        self._parts: list[bytes] = []
        self._size_bytes = 0

    def take(self, piece: bytes) -> bytes:
        """Return the lines, each with its line feed, that end in the next piece of the log and hold the needle."""
        first_end = piece.find(b"\n") + 1
        if not first_end:
            self._carry(piece)
            return b""
        self._carry(piece[:first_end])
        last_end = piece.rfind(b"\n") + 1
        lines = b"".join((self._carried_line(), *_lines_with_needle(piece, first_end, last_end)))
        self._carry(piece[last_end:])
        return lines

    def finish(self) -> bytes:
        """Return the last line if it holds the needle and was left without a line feed; it is given one."""
        if not self._size_bytes:
            return b""
        self._carry(b"\n")
        return self._carried_line()

    def _carry(self, part: bytes) -> None:
        self._size_bytes += len(part)
        if self._is_too_long():
            self._parts.clear()
        else:
            self._parts.append(part)

    def _carried_line(self) -> bytes:
        line = b"".join(self._parts)
        self.too_long += self._is_too_long()
        self._parts.clear()
        self._size_bytes = 0
        return line if NEEDLE in line else b""

    def _is_too_long(self) -> bool:
        return self._size_bytes > LONGEST_LINE_BYTES + len(b"\n")


def _lines_with_needle(piece: bytes, start: int, end: int) -> Iterator[bytes]:
    found = piece.find(NEEDLE, start, end)
    while found >= 0:
        line_end = piece.find(b"\n", found) + 1
        yield piece[piece.rfind(b"\n", 0, found) + 1 : line_end]
        found = piece.find(NEEDLE, line_end, end)
