"""One file of a log: whole lines, the position after them, and lines too long to be kept."""

import gzip
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from exporter.accesslog.entry import LONGEST_LINE_BYTES
from exporter.accesslog.generations import look_at
from exporter.accesslog.logfile import BLOCK_BYTES, Lines, LogFile, Truncated, open_logfile
from exporter.accesslog.position import Position
from exporter.errors import LogChanged, LogDamaged

Open = Callable[..., LogFile]


@pytest.fixture
def open_file() -> Iterator[Open]:
    """Open a path, at a position if one is given; what was opened is closed in the end."""
    with ExitStack() as stack:

        def open_at(path: Path, position: Position | None = None) -> LogFile:
            found = look_at(str(path))
            assert found is not None
            file = open_logfile(found, position)
            stack.callback(file.close)
            return file

        yield open_at


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "access.log"


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def all_lines(file: LogFile) -> Iterator[Lines]:
    while (lines := file.read()) is not None:
        yield lines


def read_all(file: LogFile) -> tuple[bytes, int]:
    """Return all whole lines, and how many were too long."""
    found = list(all_lines(file))
    return b"".join(lines.block for lines in found), sum(lines.too_long for lines in found)


def test_a_line_is_read_once_it_is_complete(open_file: Open, log: Path) -> None:
    append(log, b"one\ntw")
    file = open_file(log)
    assert read_all(file) == (b"one\n", 0)
    assert (file.at_end, file.lag_bytes) == (True, 2)
    append(log, b"o\n")
    assert file.refresh()
    assert not file.at_end
    assert read_all(file) == (b"two\n", 0)
    assert file.lag_bytes == 0


def test_a_line_that_is_completed_after_a_restart_is_read_whole(open_file: Open, log: Path) -> None:
    append(log, b"one\ntw")
    first = open_file(log)
    read_all(first)
    append(log, b"o\n")
    assert read_all(open_file(log, first.position())) == (b"two\n", 0)


@pytest.mark.parametrize("size", [BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, LONGEST_LINE_BYTES])
def test_a_line_that_is_not_too_long_is_read_whole(open_file: Open, log: Path, size: int) -> None:
    append(log, b"before\n" + bytes(size) + b"\nafter\n")
    assert read_all(open_file(log)) == (b"before\n" + bytes(size) + b"\nafter\n", 0)


@pytest.mark.parametrize("size", [LONGEST_LINE_BYTES + 1, 5_000_000])
def test_a_line_too_long_is_counted_once_and_what_follows_is_read(open_file: Open, log: Path, size: int) -> None:
    append(log, b"before\n" + b"x" * size + b"\nafter\n")
    assert read_all(open_file(log)) == (b"before\nafter\n", 1)


def test_a_line_too_long_is_counted_once_it_is_complete(open_file: Open, log: Path) -> None:
    append(log, b"x" * 5_000_000)
    file = open_file(log)
    assert read_all(file) == (b"", 0)
    append(log, b"\nafter\n")
    assert read_all(file) == (b"after\n", 1)


def test_a_line_too_long_is_counted_once_through_a_restart_in_its_middle(open_file: Open, log: Path) -> None:
    append(log, b"x" * 5_000_000 + b"\nafter\n")
    first = open_file(log)
    assert first.read() == Lines()
    assert first.position().skipping
    assert read_all(open_file(log, first.position())) == (b"after\n", 1)


def test_a_compressed_file_is_gone_on_with_from_its_middle(open_file: Open, log: Path) -> None:
    append(log, b"one\ntwo\n")
    plain = open_file(log)
    read_all(plain)
    packed = log.with_name("access.log.1.gz")
    packed.write_bytes(gzip.compress(b"one\ntwo\nthree\nfou"))
    assert read_all(open_file(packed, plain.position())) == (b"three\n", 0)


def test_a_compressed_file_that_breaks_off_gives_its_whole_lines_first(open_file: Open, log: Path) -> None:
    packed = log.with_name("access.log.1.gz")
    text = b"".join(b"line %d\n" % number for number in range(100_000))
    packed.write_bytes(gzip.compress(text)[:-1000])
    file = open_file(packed)
    blocks: list[bytes] = []
    with pytest.raises(LogDamaged):
        blocks.extend(lines.block for lines in all_lines(file))
    assert text.startswith(b"".join(blocks))
    assert len(b"".join(blocks)) > len(text) // 2


def test_a_compressed_file_damaged_between_two_looks_makes_one_look_again(open_file: Open, log: Path) -> None:
    append(log, b"one\n")
    file = open_file(log)
    read_all(file)
    packed = log.with_name("access.log.1.gz")
    packed.write_bytes(b"not gzip")
    with pytest.raises(LogChanged):
        open_file(packed, file.position())


@pytest.mark.parametrize("regrown", [b"", b"new\n", b"new and longer than before\n"])
def test_a_file_that_was_emptied_is_told_whatever_has_been_written_since(
    open_file: Open, log: Path, regrown: bytes
) -> None:
    append(log, b"old lines\n")
    file = open_file(log)
    read_all(file)
    os.truncate(log, 0)
    append(log, regrown)
    assert file.is_truncated()
    with pytest.raises(Truncated):
        file.read()
    file.start_over()
    assert read_all(file)[0] == regrown


def test_growth_alone_is_no_truncation(open_file: Open, log: Path) -> None:
    append(log, b"a\n")
    file = open_file(log)
    read_all(file)
    append(log, b"b\n" * 2000)
    assert not file.is_truncated()


def test_the_end_is_behind_the_last_whole_line(open_file: Open, log: Path) -> None:
    append(log, b"old\n" * 10 + b"par")
    file = open_file(log)
    file.skip_to_end()
    append(log, b"tial\nnew\n")
    assert read_all(file) == (b"partial\nnew\n", 0)


@pytest.mark.parametrize("content", [b"", b"no line feed", b"x" * (BLOCK_BYTES * 2 + 5)])
def test_the_end_of_a_file_without_whole_lines_is_its_beginning(open_file: Open, log: Path, content: bytes) -> None:
    append(log, content)
    file = open_file(log)
    file.skip_to_end()
    assert file.offset == 0


def test_the_end_is_found_however_long_the_partial_line_is(open_file: Open, log: Path) -> None:
    append(log, b"old\n" + b"x" * (BLOCK_BYTES * 2))
    file = open_file(log)
    file.skip_to_end()
    assert file.offset == 4


def test_carriage_returns_and_nuls_end_no_line(open_file: Open, log: Path) -> None:
    append(log, b"a\rb\0c\x85d\n")
    assert read_all(open_file(log)) == (b"a\rb\0c\x85d\n", 0)
