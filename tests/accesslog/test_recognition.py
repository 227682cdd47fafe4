"""Finding a file again by what was read of it: renamed, compressed, copied, or another one of the same inode."""

import gzip
import os
import shutil
from pathlib import Path

import pytest

from exporter.accesslog.generations import Generation, find_generations
from exporter.accesslog.logfile import LogFile, open_logfile
from exporter.accesslog.position import Mark
from exporter.accesslog.recognition import begins_like, find_copy, find_marked, is_known

TEXT = b"one\ntwo\nthree\n"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "access.log"
    path.write_bytes(TEXT)
    return path


def generations(log: Path) -> tuple[Generation, ...]:
    found = find_generations(str(log))
    assert found is not None
    return found


def read_file(log: Path) -> LogFile:
    """Return a log that was read to its end, and is closed."""
    file = open_logfile(generations(log)[-1])
    file.read()
    file.close()
    return file


def mark_of(log: Path) -> Mark:
    """Return the mark of a log that was read to its end."""
    return read_file(log).position().mark


def found_name(mark: Mark, log: Path) -> str | None:
    found = find_marked(mark, generations(log))
    return None if found is None else Path(found.path).name


def test_a_renamed_file_is_found(log: Path) -> None:
    mark = mark_of(log)
    log.rename(log.with_name("access.log.1"))
    log.write_bytes(b"new\n")
    assert found_name(mark, log) == "access.log.1"


def test_a_compressed_file_is_found_by_what_it_holds(log: Path) -> None:
    mark = mark_of(log)
    log.with_name("access.log.2.gz").write_bytes(gzip.compress(b"older\n" * 10))
    log.with_name("access.log.1.gz").write_bytes(gzip.compress(TEXT + b"four\n"))
    log.unlink()
    assert found_name(mark, log) == "access.log.1.gz"


def test_a_file_moved_to_another_device_is_found_by_what_it_holds(log: Path) -> None:
    """After a restart a bind mount may have another device number, and a restored file another inode."""
    mark = mark_of(log)
    shutil.copyfile(log, log.with_name("restored"))
    log.with_name("restored").replace(log)
    assert log.stat().st_ino != mark.inode
    assert found_name(mark, log) == "access.log"


@pytest.mark.parametrize("content", [b"another one\nwith\nmore lines\n", b"on", b""])
def test_the_same_inode_with_another_beginning_is_another_file(log: Path, content: bytes) -> None:
    mark = mark_of(log)
    log.write_bytes(content)
    assert log.stat().st_ino == mark.inode
    assert found_name(mark, log) is None


def test_of_equal_beginnings_the_same_inode_is_taken(log: Path) -> None:
    log.with_name("access.log.1").write_bytes(TEXT + b"one more line\n")
    assert found_name(mark_of(log), log) == "access.log"


def test_of_equal_beginnings_what_was_read_last_decides(log: Path) -> None:
    """Two files begin alike for longer than the sample, and differ where one of them was read."""
    beginning = b"GET /health\n" * 200
    log.write_bytes(beginning + b"a\n")
    mark = mark_of(log)
    log.with_name("access.log.1.gz").write_bytes(gzip.compress(beginning + b"b\n"))
    log.with_name("access.log.2.gz").write_bytes(gzip.compress(beginning + b"a\n"))
    log.unlink()
    assert found_name(mark, log) == "access.log.2.gz"


def test_a_damaged_compressed_file_is_not_the_one(log: Path) -> None:
    mark = mark_of(log)
    log.unlink()
    log.with_name("access.log.1.gz").write_bytes(gzip.compress(TEXT)[:12])
    assert found_name(mark, log) is None


def test_a_file_that_nothing_was_read_of_is_found_by_its_inode_alone(log: Path) -> None:
    (live,) = generations(log)
    log.rename(log.with_name("access.log.1"))
    assert found_name(Mark(live.inode, live.modified_ns), log) == "access.log.1"
    assert found_name(Mark(live.inode + 1, live.modified_ns), log) is None


def test_the_newest_copy_of_an_emptied_file_is_found_even_if_shorter(log: Path) -> None:
    file = read_file(log)
    log.with_name("access.log.5").write_bytes(TEXT + b"four\n")
    log.with_name("access.log.4").write_bytes(TEXT[:-6])
    log.with_name("access.log.2").touch()
    log.with_name("access.log.1").write_bytes(b"of another beginning\n" * 20)
    os.truncate(log, 0)
    assert copy_name(file, log) == "access.log.4"
    log.with_name("access.log.3").write_bytes(TEXT + b"four\n")
    assert copy_name(file, log) == "access.log.3"


def test_a_copy_is_found_though_the_file_was_written_to_before_it_was_emptied(log: Path) -> None:
    copy = log.with_name("access.log.1")
    copy.write_bytes(TEXT)
    os.utime(copy, (1000, 1000))
    assert copy_name(read_file(log), log) == "access.log.1"


def test_a_copy_is_found_though_less_was_copied_than_is_known_of_the_unread_file(log: Path) -> None:
    log.with_name("access.log.1").write_bytes(TEXT[:-6])
    file = open_logfile(generations(log)[-1])
    file.pin()
    assert copy_name(file, log) == "access.log.1"


def copy_name(file: LogFile, log: Path) -> str | None:
    found = find_copy(file, generations(log)[:-1])
    return Path(found.path).name if found else None


def test_a_copy_that_is_still_being_made_begins_like_its_original(log: Path) -> None:
    log.with_name("access.log.1").write_bytes(TEXT[:5])
    log.with_name("access.log.2").write_bytes(b"something else\n")
    other, copy, live = generations(log)
    file = open_logfile(live)
    file.pin()
    assert begins_like(copy, file)
    assert not begins_like(other, file)
    file.close()


def test_a_file_is_known_again_under_its_new_name_and_compressed(log: Path) -> None:
    mark = mark_of(log)
    log.rename(log.with_name("access.log.1"))
    assert is_known(generations(log)[0], [mark])
    compressed = log.with_name("access.log.1.gz")
    compressed.write_bytes(gzip.compress(TEXT))
    os.utime(compressed, ns=(mark.modified_ns, mark.modified_ns))  # as gzip does
    log.with_name("access.log.1").unlink()
    assert is_known(generations(log)[0], [mark])
    assert not is_known(generations(log)[0], [Mark(mark.inode, mark.modified_ns)])
