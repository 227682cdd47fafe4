"""Which files belong to a log, and which of them is older: what logrotate leaves behind in a folder."""

import os
from pathlib import Path

import pytest

from exporter.accesslog.generations import find_generations, is_rotated_name, look_at


def names(live: Path) -> list[str]:
    """Return the names of a log's files, oldest first."""
    found = find_generations(str(live))
    assert found is not None
    return [Path(one.path).name for one in found]


def make(folder: Path, *files: str) -> Path:
    """Create files, each modified a second after the one before, and return the path of the log."""
    for seconds, name in enumerate(files):
        (folder / name).write_text(name)
        os.utime(folder / name, (1000 + seconds, 1000 + seconds))
    return folder / "access.log"


@pytest.mark.parametrize(
    "name",
    [
        "access.log.1",
        "access.log.12",
        "access.log-20261123",
        "access.log-2026112307",
        "access.log-20261123-0700",
        "access.log-1763856000",
        "access.log.2026-11-23",
        "access.1.log",
        "access-20261123.log",
        "access.2026-11-23.log",
    ],
)
def test_every_form_of_a_rotated_name_is_known_plain_and_compressed(name: str) -> None:
    assert is_rotated_name(name, "access.log")
    assert is_rotated_name(name + ".gz", "access.log")


@pytest.mark.parametrize(
    "name",
    [
        "access.log",
        "access.log.gz",
        "access.log.save",
        "access.log.bak",
        "access.log.orig",
        "access.log.1.bak",
        "access.log.1~",
        "access.log-2026",
        "error.log.1",
        "xaccess.log.1",
        "access_log.1",
        "access.log.1.gz.gz",
        "access.log.\u0661",
    ],
)
def test_other_copies_and_other_logs_are_none_of_them(name: str) -> None:
    assert not is_rotated_name(name, "access.log")


def test_a_larger_number_is_older_whatever_the_times_say(tmp_path: Path) -> None:
    live = make(tmp_path, "access.log", "access.log.1", "access.log.2.gz", "access.log.10.gz")
    assert names(live) == ["access.log.10.gz", "access.log.2.gz", "access.log.1", "access.log"]


def test_an_earlier_date_is_older_whatever_the_times_say(tmp_path: Path) -> None:
    live = make(tmp_path, "access.log-20261123", "access.log-20261101.gz", "access.log-20251231", "access.log")
    assert names(live) == ["access.log-20251231", "access.log-20261101.gz", "access.log-20261123", "access.log"]


def test_numbers_before_the_extension_are_ordered_too(tmp_path: Path) -> None:
    live = make(tmp_path, "access.1.log", "access.2.log", "access.log")
    assert names(live) == ["access.2.log", "access.1.log", "access.log"]


def test_two_schemes_side_by_side_are_ordered_by_time(tmp_path: Path) -> None:
    live = make(tmp_path, "access.log.2", "access.log.1", "access.log-20261122", "access.log-20261123", "access.log")
    assert names(live) == [
        "access.log.2", "access.log.1", "access.log-20261122", "access.log-20261123", "access.log",
    ]  # fmt: skip


def test_a_plain_file_wins_over_its_half_written_compressed_copy(tmp_path: Path) -> None:
    live = make(tmp_path, "access.log.2.gz", "access.log.1", "access.log.1.gz", "access.log")
    assert names(live) == ["access.log.2.gz", "access.log.1", "access.log"]


def test_a_log_that_is_not_there_leaves_its_rotated_files(tmp_path: Path) -> None:
    live = make(tmp_path, "access.log.1")
    assert names(live) == ["access.log.1"]


def test_a_link_to_the_newest_dated_file_makes_that_one_the_live_one(tmp_path: Path) -> None:
    live = make(tmp_path, "access.log-20261122", "access.log-20261123")
    live.symlink_to("access.log-20261123")
    assert names(live) == ["access.log-20261122", "access.log"]


def test_a_link_into_another_folder_finds_the_files_that_were_rotated_there(tmp_path: Path) -> None:
    (tmp_path / "srv").mkdir()
    make(tmp_path / "srv", "site.log.2.gz", "site.log.1", "site.log")
    live = tmp_path / "access.log"
    live.symlink_to("srv/site.log")
    assert names(live) == ["site.log.2.gz", "site.log.1", "access.log"]


def test_a_file_with_two_names_is_one_file(tmp_path: Path) -> None:
    live = make(tmp_path, "access.log.1", "access.log")
    (tmp_path / "access.log-20261123").hardlink_to(tmp_path / "access.log.1")
    (tmp_path / "access.log.3").hardlink_to(live)
    found = find_generations(str(live))
    assert found is not None
    assert [one.inode for one in found] == [(tmp_path / "access.log.1").stat().st_ino, live.stat().st_ino]


def test_a_directory_or_a_device_at_the_path_is_no_log(tmp_path: Path) -> None:
    make(tmp_path, "access.log.1")
    (tmp_path / "access.log").mkdir()
    assert names(tmp_path / "access.log") == ["access.log.1"]
    assert look_at("/dev/null") is None


def test_a_pipe_among_the_rotated_names_is_left_alone(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "access.log.1")
    assert names(make(tmp_path, "access.log")) == ["access.log"]


def test_a_file_with_size_time_and_identity_is_told(tmp_path: Path) -> None:
    live = make(tmp_path, "access.log.1.gz", "access.log")
    found = find_generations(str(live))
    assert found is not None
    assert [(one.compressed, one.live, one.size_bytes) for one in found] == [(True, False, 15), (False, True, 10)]
    assert found[1].modified_ns == 1001 * 10**9


def test_a_folder_that_is_not_there_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        find_generations(str(tmp_path / "nowhere" / "access.log"))
