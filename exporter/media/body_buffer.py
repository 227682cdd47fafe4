"""The body of an answer while it comes: never in memory twice."""

from io import BytesIO


class BodyBuffer:
    """Bytes that come in pieces. `size_bytes` are those that have come."""

    def __init__(self) -> None:
        self.size_bytes = 0
        self._bytes = BytesIO()

    def make_room(self, size_bytes: int) -> None:
        """Take the memory for a body of a size that is known, before its first piece.

        A buffer that grows bit by bit is a good deal larger in the end than what is in it.
        """
        self._bytes.seek(size_bytes - 1)
        self._bytes.write(b"\0")
        self._bytes.seek(0)

    def write(self, piece: bytes) -> None:
        """Take the next piece."""
        self._bytes.write(piece)
        self.size_bytes += len(piece)

    def whole(self) -> bytes:
        """Return what has come, in the memory in which it lies already."""
        self._bytes.truncate(self.size_bytes)
        return self._bytes.getvalue()

    def clear(self) -> None:
        """Let go of everything."""
        self._bytes = BytesIO()
        self.size_bytes = 0
