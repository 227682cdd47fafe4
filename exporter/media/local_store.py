"""A local `public/system` as a source: keys are paths below it."""

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from exporter.errors import StoreRefused, StoreUnavailable
from exporter.media.connection import printable
from exporter.media.pace import Pace
from exporter.media.s3_address import encoded
from exporter.media.store import ObjectHead, StoredObject

_NOT_THERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.ENXIO})
_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM})
_LEADS_ASTRAY = (b"", b".", b"..")


class LocalStore:
    """The files of a folder. Thread-safe. A file that is written to while it is read is not given out.

    Raises StoreRefused where the folder cannot be read.
    """

    def __init__(self, folder: Path, pace: Pace) -> None:
        self._folder = folder
        self._pace = pace
        self._identity = self._look_at_folder()

    def head(self, key: str) -> ObjectHead | None:
        """Return what is known of a file; None where there is none."""
        with self._opened(key) as file:
            return None if file is None else _head_of(file)

    def get(self, key: str, largest_bytes: int, reserve: Callable[[int], None]) -> StoredObject | ObjectHead | None:
        """Return the whole file, or its head alone where it is larger; None where there is none."""
        with self._opened(key) as file:
            if file is None:
                return None
            head = _head_of(file)
            if head.size_bytes > largest_bytes:
                return head
            reserve(head.size_bytes)
            body = self._read(file, key, head)
        return StoredObject(head, body, hashlib.md5(body, usedforsecurity=False).digest())

    def get_range(self, key: str, start: int, size_bytes: int, head: ObjectHead) -> bytes:
        """Return a part of a file that is still the one of `head`."""
        with self._opened(key) as file:
            if file is None:
                raise self._changed(key)
            file.seek(start)
            return self._read(file, key, head, size_bytes)

    def _read(self, file: BinaryIO, key: str, head: ObjectHead, size_bytes: int | None = None) -> bytes:
        wanted = head.size_bytes if size_bytes is None else size_bytes
        body = file.read(wanted)
        if len(body) != wanted or _head_of(file) != head:
            raise self._changed(key)
        return body

    @contextmanager
    def _opened(self, key: str) -> Iterator[BinaryIO | None]:
        self._pace.take_turn()
        try:
            file = self._open(encoded(key))
            if file is None:
                yield None
                return
            with file:
                yield file
        except OSError as error:
            raise self._failure(error, key) from error

    def _open(self, key: bytes) -> BinaryIO | None:
        if b"\0" in key or any(part in _LEADS_ASTRAY for part in key.split(b"/")):
            return None
        try:
            # Without waiting: a pipe of that name would keep a thread for ever.
            descriptor = os.open(os.fsencode(self._folder) + b"/" + key, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            if error.errno not in _NOT_THERE:
                raise
            self._check_folder()
            return None
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return os.fdopen(descriptor, "rb")
        os.close(descriptor)
        return None

    def _check_folder(self) -> None:
        # A disk that has been taken away would otherwise read as objects that are missing, all of them.
        if self._look_at_folder() != self._identity:
            raise StoreUnavailable(f"{self._name} is not the folder any more that it was at the start")

    def _look_at_folder(self) -> tuple[int, int]:
        try:
            found = self._folder.stat()
            with os.scandir(self._folder):
                return found.st_dev, found.st_ino
        except OSError as error:
            raise StoreRefused(f"{self._name} cannot be read: {error.strerror}") from error

    def _failure(self, error: OSError, key: str) -> StoreRefused | StoreUnavailable:
        kind = StoreRefused if error.errno in _FORBIDDEN else StoreUnavailable
        return kind(f"{self._name}: {printable(key)} cannot be read: {error.strerror}")

    def _changed(self, key: str) -> StoreUnavailable:
        return StoreUnavailable(f"{self._name}: {printable(key)} has changed while it was read")

    @property
    def _name(self) -> str:
        return str(self._folder)


def _head_of(file: BinaryIO) -> ObjectHead:
    found = os.fstat(file.fileno())
    return ObjectHead(found.st_size, etag=f"{found.st_ino:x}-{found.st_mtime_ns:x}")
