"""The head of an HTTP message, as it came."""

import asyncio
from dataclasses import dataclass


@dataclass(frozen=True)
class Head:
    """Everything before the body; the names of headers are in lower case."""

    raw: bytes
    first_line: str
    headers: dict[str, str]

    @property
    def status(self) -> int:
        """The status, where this is the head of an answer."""
        return int(self.first_line.split(" ", 2)[1])

    @property
    def length(self) -> int:
        return int(self.headers.get("content-length", "0"))

    @property
    def is_chunked(self) -> bool:
        return "chunked" in self.headers.get("transfer-encoding", "").lower()


async def read_head(reader: asyncio.StreamReader) -> Head | None:
    """Return the next head, or None where the connection ended before it."""
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first_line, *lines = raw.decode("latin-1").rstrip().split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return Head(raw, first_line, {name.lower(): value.strip() for name, _, value in pairs})
