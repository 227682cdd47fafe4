"""A log of any age, read once from its beginning to its end: a file, compressed or not, or a pipe."""

import gzip
import io
import os
import shlex
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Protocol

from exporter.accesslog.entry import LONGEST_LINE_BYTES
from exporter.errors import UnreadableLog

STANDARD_INPUT = "-"

_STANDARD_INPUT_DESCRIPTOR = 0
_PIECE_BYTES = 1024 * 1024
_HEAD_BYTES = 64 * 1024
_GZIP_MAGIC = b"\x1f\x8b"
_PERMISSION_ADVICE = "run this with `sudo`, or as a member of the group that may read it, usually `adm`"


class _Stream(Protocol):
    """Bytes one after the other; none at the end."""

    def read(self, size: int, /) -> bytes: ...


class OldLog:
    """An open log, of which nothing is read yet. UnreadableLog is raised for all that cannot be read.

    `identity` is the same for two names of one file or pipe, of which only one may be read.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        with self._explained():
            self._file = _opened(name)
            status = os.fstat(self._file.fileno())
        self.identity = (status.st_dev, status.st_ino)

    @cached_property
    def head(self) -> bytes:
        """How the log begins: at least one whole line, unless that one is too long or not ended."""
        with self._explained():
            return _head(self._uncompressed)

    @property
    def title(self) -> str:
        """What to call the log in a message: nothing in it can move a terminal's cursor."""
        return "standard input" if self.name == STANDARD_INPUT else f"`{_printable(self.name)}`"

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def pieces(self) -> Iterator[bytes]:
        """Yield what the log holds, in pieces that end anywhere. It can be asked for once."""
        stream = _Replayed(self.head, self._uncompressed)
        with self._explained():
            while piece := stream.read(_PIECE_BYTES):
                yield piece

    @cached_property
    def _uncompressed(self) -> _Stream:
        return _uncompressed(self._file)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise UnreadableLog(f"{self.title} is damaged: {error}; {self._rescue()}") from error
        except OSError as error:
            advice = _PERMISSION_ADVICE if isinstance(error, PermissionError) else "nothing was judged"
            raise UnreadableLog(f"{self.title} cannot be read: {error.strerror or error}; {advice}") from error

    def _rescue(self) -> str:
        if self.name == STANDARD_INPUT:
            return "nothing was judged; give it through `zcat`, which takes what is left of it"
        rest = f"zcat {shlex.quote(_printable(self.name))}"
        return (
            f"nothing was judged; `{rest} | mastodon-remedy subscriptions broken --from-log -` takes what is left of it"
        )


class _Replayed(io.RawIOBase):
    """A stream whose beginning has been read already and comes once more."""

    def __init__(self, beginning: bytes, stream: _Stream) -> None:
        self._beginning = beginning
        self._stream = stream

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes, perhaps fewer than asked for; none at the end."""
        if not self._beginning:
            return self._stream.read(size)
        part, self._beginning = self._beginning[:size], self._beginning[size:]
        return part


def _printable(name: str) -> str:
    return name if name.isprintable() else ascii(name)[1:-1]


def _opened(name: str) -> io.FileIO:
    if name != STANDARD_INPUT:
        return io.FileIO(name)
    os.set_blocking(_STANDARD_INPUT_DESCRIPTOR, True)
    return io.FileIO(_STANDARD_INPUT_DESCRIPTOR, closefd=False)


def _uncompressed(file: io.FileIO) -> _Stream:
    """Return what a file holds; its first bytes tell whether that is compressed, since its name may not."""
    magic = b""
    while len(magic) < len(_GZIP_MAGIC) and (part := file.read(len(_GZIP_MAGIC) - len(magic))):
        magic += part
    replayed = _Replayed(magic, file)
    return gzip.GzipFile(fileobj=replayed, mode="rb") if magic == _GZIP_MAGIC else replayed


def _head(stream: _Stream) -> bytes:
    head = b""
    while len(head) < _HEAD_BYTES or (b"\n" not in head and len(head) <= LONGEST_LINE_BYTES):
        part = stream.read(_HEAD_BYTES)
        if not part:
            break
        head += part
    return head
