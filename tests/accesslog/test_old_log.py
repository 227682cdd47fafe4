"""A log is read whole whatever it is called and however it comes, or the reason is told."""

import gzip
import os
import threading
from pathlib import Path

import pytest

from exporter.accesslog.old_log import OldLog
from exporter.errors import UnreadableLog
from tests.unprivileged import unprivileged

TEXT = b"".join(b"line %d\n" % number for number in range(200_000))


def content(path: Path) -> bytes:
    log = OldLog(str(path))
    try:
        return b"".join(log.pieces())
    finally:
        log.close()


@pytest.mark.parametrize("name", ["access.log", "access.log.gz"])
@pytest.mark.parametrize(
    "data", [TEXT, gzip.compress(TEXT, 1), gzip.compress(TEXT[:999], 1) + gzip.compress(TEXT[999:], 1)]
)
def test_what_a_file_holds_tells_whether_it_is_compressed_and_not_its_name(
    tmp_path: Path, name: str, data: bytes
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    assert content(path) == TEXT


@pytest.mark.parametrize("data", [b"", b"\x1f", b"\x1f\n", b"a", gzip.compress(b"", mtime=0)])
def test_a_file_with_next_to_nothing_in_it_is_read(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "access.log"
    path.write_bytes(data)
    assert content(path) == (b"" if data[:2] == b"\x1f\x8b" else data)


@pytest.mark.parametrize("data", [TEXT, gzip.compress(TEXT, 1)])
def test_a_pipe_is_read_even_if_its_first_bytes_come_one_by_one(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)

    def write() -> None:
        with path.open("wb", buffering=0) as pipe:
            for start in range(3):
                pipe.write(data[start : start + 1])
            pipe.write(data[3:])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert content(path) == TEXT
    finally:
        writer.join()


def test_the_head_holds_a_whole_line_even_if_that_is_long(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    path.write_bytes(300_000 * b"x" + b"\n" + TEXT)
    log = OldLog(str(path))
    head = log.head
    log.close()
    assert head.startswith(300_000 * b"x" + b"\n")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableLog, match=r"`.*nowhere\.log` cannot be read: No such file or directory"):
        OldLog(str(tmp_path / "nowhere.log"))


def test_a_file_that_may_not_be_read_says_who_may(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    path.write_bytes(TEXT)
    path.chmod(0)
    with unprivileged(), pytest.raises(UnreadableLog, match=r"cannot be read: Permission denied; .*`sudo`"):
        OldLog(str(path))


def test_a_folder_is_no_log(tmp_path: Path) -> None:
    with pytest.raises(UnreadableLog, match="cannot be read: Is a directory"):
        OldLog(str(tmp_path))


@pytest.mark.parametrize("damage", ["cut", "flipped", "followed by text"])
def test_a_damaged_file_says_so_and_how_to_save_the_rest(tmp_path: Path, damage: str) -> None:
    data = gzip.compress(TEXT)
    middle = len(data) // 2
    path = tmp_path / "access.log.1.gz"
    path.write_bytes(
        {
            "cut": data[:middle],
            "flipped": data[:middle] + bytes([data[middle] ^ 255]) + data[middle + 1 :],
            "followed by text": data + b"more",
        }[damage]
    )
    with pytest.raises(UnreadableLog, match=r"is damaged: .*zcat"):
        content(path)
