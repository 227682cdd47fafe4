"""Reading one file at an offset, plain and compressed, damaged and replaced."""

import gzip
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from exporter.accesslog.generations import Generation, look_at
from exporter.accesslog.source import Source, open_source
from exporter.errors import LogChanged, LogDamaged

TEXT = b"".join(b"line %d\n" % number for number in range(100_000))


def found(path: Path) -> Generation:
    generation = look_at(str(path))
    assert generation is not None
    return generation


def read_all(source: Source) -> Iterator[bytes]:
    """Yield what a file holds, piece by piece."""
    offset = 0
    while part := source.read(offset, 65536):
        yield part
        offset += len(part)


def opened(path: Path) -> closing[Source]:
    return closing(open_source(found(path)))


@pytest.fixture(params=["access.log.1", "access.log.1.gz"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / str(request.param)
    path.write_bytes(gzip.compress(TEXT, 1) if path.suffix == ".gz" else TEXT)
    return path


def test_any_part_is_read_whole_forwards_and_backwards(file: Path) -> None:
    with opened(file) as source:
        for offset, size in [(0, 10), (500_000, 300_000), (10, 5), (len(TEXT) - 3, 3), (0, len(TEXT))]:
            assert source.read(offset, size) == TEXT[offset : offset + size]


def test_fewer_bytes_come_only_at_the_end(file: Path) -> None:
    with opened(file) as source:
        assert source.read(len(TEXT) - 4, 100) == TEXT[-4:]
        assert source.read(len(TEXT), 100) == b""
        assert source.read(len(TEXT) + 1000, 100) == b""


def test_a_plain_file_that_has_grown_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    path.write_bytes(b"a\n")
    with opened(path) as source:
        assert source.read(2, 10) == b""
        with path.open("ab") as log:
            log.write(b"b\n")
        assert source.read(2, 10) == b"b\n"
        assert source.status().st_size == 4


def test_what_comes_before_the_damage_is_given_out_first(tmp_path: Path) -> None:
    path = tmp_path / "access.log.1.gz"
    path.write_bytes(gzip.compress(TEXT, 1)[:-2000])
    with opened(path) as source:
        parts: list[bytes] = []
        with pytest.raises(LogDamaged):
            parts.extend(read_all(source))
    whole = b"".join(parts)
    assert len(whole) > len(TEXT) // 2
    assert TEXT.startswith(whole)


@pytest.mark.parametrize(
    "content", [b"plain text", gzip.compress(b"x", mtime=0) + b"garbage", gzip.compress(TEXT, mtime=0)[:5]]
)
def test_a_file_that_is_not_gzip_is_damaged(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "access.log.1.gz"
    path.write_bytes(content)
    with opened(path) as source, pytest.raises(LogDamaged):
        list(read_all(source))


def test_an_empty_compressed_file_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "access.log.1.gz"
    path.write_bytes(b"")
    with opened(path) as source:
        assert source.read(0, 10) == b""


def test_a_name_that_leads_elsewhere_by_now_is_told(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    path.write_text("old")
    generation = found(path)
    path.rename(tmp_path / "access.log.1")
    with pytest.raises(LogChanged):
        open_source(generation)
    path.write_text("new")
    with pytest.raises(LogChanged):
        open_source(generation)


def test_a_pipe_that_took_the_place_of_a_file_does_not_hold_up(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    path.write_text("old")
    generation = found(path)
    path.rename(tmp_path / "access.log.1")
    os.mkfifo(path)
    with pytest.raises(LogChanged):
        open_source(generation)
