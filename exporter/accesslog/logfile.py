"""One file of a log while it is read: whole lines out, and at any moment a position that can be found again."""

import hashlib
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass

from exporter.accesslog.entry import LONGEST_LINE_BYTES
from exporter.accesslog.generations import Generation
from exporter.accesslog.position import Mark, Position
from exporter.accesslog.source import Source, open_source
from exporter.errors import LogChanged, LogDamaged

BLOCK_BYTES = 128 * 1024
SAMPLE_BYTES = 1024


@dataclass(frozen=True)
class Lines:
    """Whole lines, each with its line feed, or the end of one that was too long to be kept."""

    block: bytes = b""
    too_long: int = 0


class Truncated(Exception):  # an event, not an error
    """The file no longer begins as it did, or is shorter than what was read of it."""


def _digest(sample: bytes) -> bytes:
    return hashlib.blake2b(sample, digest_size=12).digest()


def holds(source: Source, mark: Mark) -> bool:
    """Tell whether a file holds, before the mark's offset, what the marked one held. True where nothing was read."""
    head = source.read(0, mark.head_bytes)
    if len(head) != mark.head_bytes or _digest(head) != mark.head:
        return False
    tail = source.read(mark.offset - mark.tail_bytes, mark.tail_bytes)
    return len(tail) == mark.tail_bytes and _digest(tail) == mark.tail


class LogFile:
    """One open file, read from an offset onward, whatever it is renamed to."""

    def __init__(self, generation: Generation, source: Source, position: Position | None = None) -> None:
        self.device, self.inode = generation.device, generation.inode
        self.compressed = generation.compressed
        self.size_bytes, self.modified_ns = generation.size_bytes, generation.modified_ns
        self.offset = position.mark.offset if position else 0
        self.skipping = position.skipping if position else False
        self.at_end = False
        self._empty_since_ns = generation.modified_ns
        self._source = source
        self._head = source.read(0, position.mark.head_bytes) if position else b""
        tail_bytes = position.mark.tail_bytes if position else 0
        self._tail = source.read(self.offset - tail_bytes, tail_bytes) if tail_bytes else b""

    def close(self) -> None:
        """Close the file."""
        self._source.close()

    def is_at(self, generation: Generation) -> bool:
        """Tell whether a name leads to this file."""
        return (self.device, self.inode) == (generation.device, generation.inode)

    def is_at_mark(self, mark: Mark) -> bool:
        """Tell whether what was read of the file is what the mark says; always where that is nothing."""
        own = self._mark()
        return mark.offset == 0 or (own.head, own.tail) == (mark.head, mark.tail)

    def position(self, *, finished: bool = False) -> Position:
        """Return how far the file has been read."""
        return Position(self._mark(), self.skipping, finished)

    def marks(self) -> tuple[Mark, ...]:
        """Return what a copy of this file can be told by: by all that it holds, or by what was read of it."""
        if self.compressed:
            return (self._mark(),)
        size = self._source.status().st_size
        sample = min(SAMPLE_BYTES, size)
        head, tail = self._source.read(0, sample), self._source.read(size - sample, sample)
        whole = Mark(self.inode, self.modified_ns, size, len(head), _digest(head), len(tail), _digest(tail))
        return (whole, self._mark())

    @property
    def unread_since_ns(self) -> int:
        """What was modified before this is older than anything of this file that has not been read."""
        return self.modified_ns if self.offset else self._empty_since_ns

    @property
    def lag_bytes(self) -> int:
        """How much is left to be read; of a compressed file, which does not tell, its whole size."""
        if self.compressed:
            return 0 if self.at_end else self.size_bytes
        return max(0, self.size_bytes - self.offset)

    def _mark(self) -> Mark:
        head, tail = _digest(self._head), _digest(self._tail)
        return Mark(self.inode, self.modified_ns, self.offset, len(self._head), head, len(self._tail), tail)

    def refresh(self) -> bool:
        """Look at the size again and tell whether the file has grown or changed since; OSError where it fails."""
        status = self._source.status()
        if self.is_truncated():
            return False  # what was seen just now may be of what came after
        before = self.size_bytes, self.modified_ns
        self.size_bytes, self.modified_ns = status.st_size, status.st_mtime_ns
        changed = before != (self.size_bytes, self.modified_ns)
        self.at_end = self.at_end and not changed
        return changed

    @property
    def is_deleted(self) -> bool:
        """Whether no name leads to the file any more; a writer that still has it open may yet write to it."""
        return self._source.status().st_nlink == 0

    def pin(self) -> None:
        """Take down what a file begins with of which nothing was read: once it begins otherwise, it was emptied."""
        if self.offset == 0 and not self.compressed:
            self._head = self._source.read(0, SAMPLE_BYTES)

    @property
    def is_as_pinned(self) -> bool:
        """Whether a pinned file begins with the same bytes still, and with no more than these."""
        return self._source.read(0, SAMPLE_BYTES) == self._head

    def began_with(self, sample: bytes) -> bool:
        """Tell whether the first bytes that were read, or pinned, are these; at most SAMPLE_BYTES are remembered."""
        return self._head.startswith(sample)

    @property
    def known_bytes(self) -> int:
        """How much was read, or pinned, of the file: what it is told by."""
        return max(self.offset, len(self._head))

    def is_truncated(self) -> bool:
        """Tell whether the file has been emptied and perhaps filled anew since it was read."""
        if self.compressed:
            return False
        return self._source.status().st_size < self.offset or self._source.read(0, len(self._head)) != self._head

    def start_over(self) -> None:
        """Read the file from its beginning, as one that nothing has been read of."""
        if self.offset:  # else what it was emptied of before may still be looked for
            self._empty_since_ns = self.modified_ns
        self.offset, self.skipping, self.at_end = 0, False, False
        self._head = self._tail = b""

    def was_unread_since(self, time_ns: int) -> None:
        """Have what was emptied out of the file from a time on looked for, as long as nothing is read of it."""
        self._empty_since_ns = min(self._empty_since_ns, time_ns)

    def skip_to_end(self) -> None:
        """Put the position behind the last whole line; what comes after that is read."""
        end = self.size_bytes
        while end > 0:
            start = max(0, end - BLOCK_BYTES)
            line_feed = self._source.read(start, end - start).rfind(b"\n")
            end = start + line_feed + 1 if line_feed >= 0 else start
            if line_feed >= 0:
                break
        self.offset = end
        self._head = self._source.read(0, min(SAMPLE_BYTES, end))
        self._tail = self._source.read(max(0, end - SAMPLE_BYTES), min(SAMPLE_BYTES, end))

    def read(self) -> Lines | None:
        """Return the next whole lines; None where there are none yet.

        Raises Truncated, OSError, and LogDamaged for a compressed file that breaks off.
        """
        data = self._source.read(self.offset, BLOCK_BYTES)
        end = data.rfind(b"\n") + 1
        if not end and len(data) == BLOCK_BYTES and not self.skipping:
            data = self._source.read(self.offset, LONGEST_LINE_BYTES + 1)
            end = data.rfind(b"\n") + 1
        # Looked at after reading: had it been emptied before, what was read may be of another beginning.
        if self.is_truncated():
            raise Truncated
        lines = self._skipped(data) if self.skipping else self._whole(data, end)
        self.at_end = lines is None
        return lines

    def _whole(self, data: bytes, end: int) -> Lines | None:
        if end:
            block = data[:end]
            self._pass(block)
            return Lines(block)
        if len(data) <= LONGEST_LINE_BYTES:
            return None
        self.skipping = True
        self._pass(data)
        return Lines()

    def _skipped(self, data: bytes) -> Lines | None:
        if not data:
            return None
        end = data.find(b"\n") + 1
        self.skipping = not end
        self._pass(data[:end] if end else data)
        return Lines(too_long=1 if end else 0)

    def _pass(self, data: bytes) -> None:
        known = len(self._head) - self.offset  # of a pinned file, that is where this data begins
        if len(self._head) < SAMPLE_BYTES:
            self._head += data[known : SAMPLE_BYTES - self.offset]
        self.offset += len(data)
        self._tail = (self._tail + data[-SAMPLE_BYTES:])[-SAMPLE_BYTES:]


@dataclass(frozen=True)
class Opened:
    """Files that were opened, and those that may not be read."""

    files: tuple[LogFile, ...]
    refused: tuple[Generation, ...]


def open_all(wanted: Iterable[tuple[Generation, Position | None]]) -> Opened:
    """Open files, each at a position or at its beginning: all of them, save those that may not be read, or none.

    Raises OSError and LogChanged as `open_source`.
    """
    files, refused = [], []
    with ExitStack() as opened:
        for generation, position in wanted:
            try:
                files.append(open_logfile(generation, position))
                opened.callback(files[-1].close)
            except PermissionError:
                refused.append(generation)
        opened.pop_all()
    return Opened(tuple(files), tuple(refused))


def open_logfile(generation: Generation, position: Position | None = None) -> LogFile:
    """Open a file at a position, or at its beginning; OSError and LogChanged as `open_source`.

    LogChanged too where it no longer holds what was read of it.
    """
    with ExitStack() as opened:
        source = open_source(generation)
        opened.callback(source.close)
        try:
            file = LogFile(generation, source, position)
        except LogDamaged as error:
            raise LogChanged(generation.path) from error
        if position is not None and not file.is_at_mark(position.mark):
            raise LogChanged(generation.path)
        opened.pop_all()
    return file
