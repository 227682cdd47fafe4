"""Reading one file of a log, plain or compressed, at an offset of its uncompressed bytes."""

import gzip
import os
import zlib
from typing import Protocol

from exporter.accesslog.generations import Generation
from exporter.errors import LogChanged, LogDamaged

_SKIPPED_AT_ONCE_BYTES = 1024 * 1024


class Source(Protocol):
    """An open file. `read` returns fewer bytes than asked for only at the end of the file; OSError where it fails."""

    def read(self, offset: int, size: int) -> bytes: ...

    def status(self) -> os.stat_result: ...

    def close(self) -> None: ...


def open_source(generation: Generation) -> Source:
    """Open a file; OSError where it cannot be opened, LogChanged where its name leads elsewhere by now, or nowhere."""
    try:
        # Not blocking: somebody may have put a pipe there in the meantime.
        descriptor = os.open(generation.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise LogChanged(generation.path) from error
    status = os.fstat(descriptor)
    if (status.st_dev, status.st_ino) != (generation.device, generation.inode):
        os.close(descriptor)
        raise LogChanged(generation.path)
    return CompressedSource(descriptor) if generation.compressed else PlainSource(descriptor)


class PlainSource:
    """A file that may grow."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def read(self, offset: int, size: int) -> bytes:
        """Return bytes of the file."""
        return os.pread(self._descriptor, size, offset)

    def status(self) -> os.stat_result:
        """Return what the system knows of the file now."""
        return os.fstat(self._descriptor)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


class CompressedSource:
    """A gzip file. Offsets count uncompressed bytes; going back beyond the bytes read last means beginning anew."""

    _recent: bytes
    """The bytes read last, up to the offset: a reader of lines comes back for one that did not end there."""

    def __init__(self, descriptor: int) -> None:
        self._file = os.fdopen(descriptor, "rb")
        self._begin()

    def read(self, offset: int, size: int) -> bytes:
        """Return uncompressed bytes; LogDamaged where the file breaks off or is not gzip, after what comes before."""
        if offset < self._offset - len(self._recent):
            self._begin()
        while self._offset < offset:
            if not self._next(min(offset - self._offset, _SKIPPED_AT_ONCE_BYTES)):
                return b""
        behind = self._offset - offset
        if size <= behind:
            return self._recent[-behind:][:size]
        kept = self._recent[-behind:] if behind else b""
        self._recent = kept + self._following(size - behind)
        return self._recent

    def status(self) -> os.stat_result:
        """Return what the system knows of the compressed file."""
        return os.fstat(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _begin(self) -> None:
        self._file.seek(0)
        self._stream = gzip.GzipFile(fileobj=self._file, mode="rb")
        self._offset = 0
        self._recent = b""
        self._damage = ""

    def _following(self, size: int) -> bytes:
        parts: list[bytes] = []
        while size > 0 and (part := self._next(size, raising=not parts)):
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def _next(self, size: int, *, raising: bool = True) -> bytes:
        try:
            part = b"" if self._damage else self._stream.read1(size)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            part, self._damage = b"", str(error) or "damaged"
        if self._damage and raising:
            raise LogDamaged(self._damage)
        self._offset += len(part)
        self._recent = b""
        return part
