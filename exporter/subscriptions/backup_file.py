"""The file of a backup: gzip, a header, then one row a line; it holds secrets, so only its owner may read it."""

import gzip
import hashlib
import os
import shutil
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryFile
from typing import IO, BinaryIO

from exporter.errors import BackupError
from exporter.subscriptions.backup_header import BackupHeader
from exporter.subscriptions.backup_row import BackupRow, parse_row

LONGEST_LINE_BYTES = 4 * 1024 * 1024
LONGEST_HEADER_BYTES = 64 * 1024
LARGEST_UNPACKED_BYTES = 8 * 1024**3
COMPRESSION = 6

_MAKE_ANOTHER = "make another backup, or take an older one; nothing was restored"


def write_backup(path: Path, rows: Iterable[str], header: Callable[[int, str], BackupHeader]) -> BackupHeader:
    """Replace a file by a backup in one step and return its header: nobody ever finds a half of one.

    `rows` are rows as JSON; `header` makes the header from their number and SHA-256.
    Raises BackupError if the file cannot be written; what was there before then stays.
    """
    target = _real_path(path)
    try:
        with TemporaryFile(dir=target.parent) as packed:
            written = header(*_pack(rows, packed))
            packed.seek(0)
            _replace(target, written.line(), packed)
    except OSError as error:
        raise BackupError(f"{path} cannot be written: {os.strerror(error.errno or 0)}; name another file") from error
    return written


def _real_path(path: Path) -> Path:
    """Return where a link leads, so that it stays one."""
    target = path.resolve()
    if target.is_dir():
        raise BackupError(f"{path} is a folder; name a file in it, such as {path}/subscriptions-{{date}}.gz")
    if target.exists() and not target.is_file():
        raise BackupError(f"{path} is not a file that can be replaced; name another one")
    return target


def _pack(rows: Iterable[str], packed: IO[bytes]) -> tuple[int, str]:
    digest = hashlib.sha256()
    count = 0
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=COMPRESSION, mtime=0) as file:
        for row in rows:
            line = row.encode() + b"\n"
            digest.update(line)
            file.write(line)
            count += 1
    return count, digest.hexdigest()


def _replace(target: Path, first_line: bytes, packed: IO[bytes]) -> None:
    # What follows one gzip stream is read as its continuation, so the header can be put before what is packed by now.
    with NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", suffix=".partial", delete=False) as file:
        temporary = Path(file.name)  # made for its owner alone, mode 0600
        try:
            file.write(gzip.compress(first_line, mtime=0))
            shutil.copyfileobj(packed, file, 1024 * 1024)
            file.flush()
            os.fsync(file.fileno())
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
    descriptor = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class BackupFile:
    """A backup that was opened; what it holds may be another's work, so each reading checks all of it."""

    path: Path
    header: BackupHeader
    file: BinaryIO

    def rows(self) -> Iterator[BackupRow]:
        """Yield every row, in the order of their ids; at the end it is certain that they are those of the backup.

        Raises BackupError where they are not: cut off, altered, too many, out of order. Until the end nothing of
        what was read can be trusted.
        """
        columns = frozenset(self.header.columns)
        digest = hashlib.sha256()
        count, last_id = 0, 0
        for line in self._lines():
            count += 1
            digest.update(line)
            row = self._row(line, columns, count)
            if row.subscription_id <= last_id:
                raise BackupError(
                    f"{self.path}, row {count}: its id is not higher than the one before; {_MAKE_ANOTHER}"
                )
            last_id = row.subscription_id
            yield row
        if count != self.header.count or digest.hexdigest() != self.header.sha256:
            raise BackupError(f"{self.path} is not what was written: count or checksum differ; {_MAKE_ANOTHER}")

    def _row(self, line: bytes, columns: frozenset[str], number: int) -> BackupRow:
        # One row too many is enough to know: a small file can unpack to more than any disk holds.
        if number > self.header.count:
            raise BackupError(f"{self.path} holds more than the {self.header.count} rows it tells of; {_MAKE_ANOTHER}")
        try:
            return parse_row(line, columns)
        except BackupError as error:
            raise BackupError(f"{self.path}, row {number}: {error}; {_MAKE_ANOTHER}") from error

    def _lines(self) -> Iterator[bytes]:
        self.file.seek(0)
        size_bytes = 0
        with _explained(self.path), gzip.GzipFile(fileobj=self.file) as unpacked:
            unpacked.readline(LONGEST_HEADER_BYTES)
            while line := unpacked.readline(LONGEST_LINE_BYTES):
                size_bytes += len(line)
                if not line.endswith(b"\n") or size_bytes > LARGEST_UNPACKED_BYTES:
                    raise BackupError(f"{self.path} is cut off, or has more in it than any backup; {_MAKE_ANOTHER}")
                yield line


@contextmanager
def open_backup(path: Path) -> Iterator[BackupFile]:
    """Give a backup whose header can be read; BackupError if it is no backup."""
    if not path.is_file():
        found = "is not a file" if path.exists() else "is not there"
        raise BackupError(f"{path} {found}; name a backup that `mastodon-remedy subscriptions backup` has written")
    with _explained(path):
        file = path.open("rb")
    with file:
        with _explained(path), gzip.GzipFile(fileobj=file) as unpacked:
            line = unpacked.readline(LONGEST_HEADER_BYTES)
        try:
            header = BackupHeader.parse(line)
        except BackupError as error:
            raise BackupError(f"{path} cannot be restored: {error}") from error
        yield BackupFile(path, header, file)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BackupError(f"{path} is cut off, damaged or not gzip; {_MAKE_ANOTHER}") from error
    except OSError as error:
        raise BackupError(f"{path} cannot be read: {os.strerror(error.errno or 0)}") from error
