"""Following one log through what administrators, logrotate and nginx do to it: examples that tell a story each.

test_follower_model.py tries any order of them; here stand those worth reading, and what the model leaves out.
"""

import gzip
import logging
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.accesslog import logfile
from exporter.accesslog.counts import Counted
from exporter.accesslog.generations import Generation
from exporter.accesslog.logfile import Lines, LogFile, open_logfile
from exporter.accesslog.path_follower import IDLE_SECONDS
from exporter.accesslog.position import Position, Trouble
from exporter.errors import LogChanged
from tests.accesslog.log_world import World, read_everything


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_lines_are_read_in_order_as_they_come(world: World) -> None:
    for _ in range(3):
        world.write(4)
        world.look()
    assert world.read == world.written == list(range(12))
    assert world.follower.lag_bytes == 0


def test_a_renamed_file_is_read_on_while_nginx_has_not_reopened_its_log(world: World) -> None:
    world.write(2)
    world.look()
    world.rename(create=False)
    world.write(2, to=world.rotated(1))
    world.look()
    assert world.read == [0, 1, 2, 3]
    assert world.follower.troubles == {Trouble.MISSING}


def test_a_renamed_file_is_kept_until_the_new_one_has_been_written_to(world: World) -> None:
    world.write()
    world.rename()
    world.look()
    world.pass_time(3600)
    world.look()
    world.write(to=world.rotated(1))
    world.look()
    assert world.read == [0, 1]


def test_a_renamed_file_is_kept_until_it_has_been_idle_for_5_seconds(world: World) -> None:
    world.write()
    world.rename()
    world.write()
    world.look()
    world.pass_time(IDLE_SECONDS - 1)
    world.write(to=world.rotated(1))
    world.look()
    world.pass_time(IDLE_SECONDS - 1)
    world.write(to=world.rotated(1))
    world.look()
    assert sorted(world.read) == world.written


def test_a_renamed_file_is_let_go_when_it_is_finished(world: World) -> None:
    world.write()
    world.look()
    before = open_files()
    world.rename()
    world.write()
    world.look()
    assert open_files() == before + 1
    world.pass_time(IDLE_SECONDS)
    world.look()
    assert open_files() == before
    assert world.happened == {Counted.ROTATIONS: 1}


def test_several_generations_between_two_looks_are_all_read_oldest_first(world: World) -> None:
    for _ in range(5):
        world.write(2)
        world.rename()
    world.look()
    assert world.read == world.written
    assert world.happened == {Counted.ROTATIONS: 5}


@pytest.mark.parametrize("compressed", [(), (2, 3), (1, 2, 3)], ids=["plain", "some compressed", "all compressed"])
def test_generations_made_while_the_exporter_was_down_are_finished_first(
    world: World, compressed: tuple[int, ...]
) -> None:
    world.write(2)
    world.look()
    world.commit()
    for _ in range(3):
        world.write(2)
        world.rename()
    world.write()
    for number in compressed:
        world.compress(number)
    world.kill()
    world.look()
    assert world.read == world.written


def test_files_rotated_by_date_while_the_exporter_was_down_are_finished_first(world: World) -> None:
    world.write(2)
    world.look()
    world.commit()
    for _ in range(3):
        world.write(2)
        world.rename_dated()
    world.kill()
    world.look()
    assert world.read == world.written


def test_an_old_file_that_was_compressed_meanwhile_is_finished_from_its_middle(world: World) -> None:
    world.write(3)
    world.look()
    world.commit()
    world.write(3)
    world.rename()
    world.compress(1)
    world.kill()
    world.look()
    assert world.read == [0, 1, 2, 3, 4, 5]


def test_a_new_file_of_the_same_inode_is_another_file(world: World) -> None:
    """File systems give the inode of a deleted file to the next one; here the position is told of the new one."""
    world.write(3)
    world.look()
    world.commit()
    world.write(1)
    world.rename()
    world.compress(1)
    world.write(10)
    following, read, happened = world.committed
    (position,) = following.positions
    reused = replace(position, mark=replace(position.mark, inode=world.path.stat().st_ino))
    world.committed = replace(following, positions=(reused,)), read, happened
    world.kill()
    world.look()
    assert world.read == world.written


def test_a_partial_line_is_completed_across_a_rotation_and_a_restart(world: World) -> None:
    world.write_part("line")
    world.look()
    world.commit()
    world.rename()
    with world.rotated(1).open("a") as log:
        log.write(" 0\n")
    world.written.append(0)
    world.kill()
    assert read_everything(world)


def test_a_line_of_5_mb_is_counted_once_through_a_kill_in_its_middle(world: World) -> None:
    world.write_part("x" * 5_000_000)
    world.look()
    world.commit()
    world.write_part("x\n")
    world.write()
    world.kill()
    world.follower.look()
    found = list(world.follower.read(1 << 30))
    assert sum(lines.too_long for lines in found) == 1
    assert [lines.block for lines in found if lines.block] == [b"line 0\n"]


def test_a_line_of_5_mb_is_given_out_in_no_piece(world: World) -> None:
    world.write()
    world.write_part("x" * 5_000_000 + "\n")
    world.write()
    world.follower.look()
    found = list(world.follower.read(1 << 30))
    assert b"".join(lines.block for lines in found) == b"line 0\nline 1\n"
    assert found.count(Lines(too_long=1)) == 1


def test_a_file_that_vanished_while_the_exporter_was_down_is_told_as_lost(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.write(2)
    world.look()
    world.commit()
    world.path.unlink()
    world.path.write_text("line 2\n")
    with caplog.at_level(logging.WARNING):
        world.kill()
    world.look()
    assert world.read == [0, 1, 2]
    assert world.happened[Counted.LOST_FILES] == 1
    assert "a file of the log was not read to its end" in caplog.text


def test_a_damaged_compressed_file_gives_what_it_can_and_is_told_as_lost(world: World) -> None:
    world.write(2)
    world.look()
    world.commit()
    world.write(20_000)
    world.rename()
    world.compress(1)
    packed = world.rotated(1, ".gz")
    packed.write_bytes(packed.read_bytes()[:-500])
    world.write()
    world.kill()
    world.settle()
    assert world.happened[Counted.LOST_FILES] == 1
    assert world.read[-1] == world.written[-1]
    assert 10_000 < len(world.read) < len(world.written)
    assert len(set(world.read)) == len(world.read)


def test_a_file_that_was_finished_and_then_compressed_is_not_read_again(world: World) -> None:
    for _ in range(4):
        world.write(2)
        world.rename()
        world.settle()
    world.write()
    world.settle()
    for number in (1, 2, 3, 4):
        world.compress(number)
    world.commit()
    world.kill()
    assert read_everything(world)
    assert len(world.read) == len(world.written)


def test_two_logs_that_begin_alike_are_told_apart(world: World) -> None:
    same = "GET /health\n" * 300
    lines = 0
    for _ in range(3):
        world.write_part(same)
        world.follower.look()
        lines += sum(one.block.count(b"\n") for one in world.follower.read(1 << 30))
        world.rename()
    assert lines == 900


def test_a_log_that_is_a_link_to_another_folder_is_followed_through_rotations_there(tmp_path: Path) -> None:
    (tmp_path / "srv").mkdir()
    there = World(tmp_path / "srv")
    here = World(tmp_path)
    here.path.symlink_to(there.path)
    there.write(2)
    here.begin()
    here.look()
    here.commit()
    for _ in range(2):
        there.write(2)
        there.rename()
    there.write()
    here.kill()
    here.look()
    assert here.read == there.written
    here.follower.close()


def test_a_file_that_breaks_off_in_a_line_when_it_is_rotated_ends_with_its_last_whole_line(world: World) -> None:
    world.write()
    world.write_part("cut off")
    world.rename()
    world.write()
    assert read_everything(world)


def test_a_gzip_of_another_log_is_not_taken_for_this_one(world: World) -> None:
    world.write(2)
    world.look()
    world.commit()
    world.rename()
    (world.folder / "error.log.1.gz").write_bytes(gzip.compress(b"line 77\n"))
    (world.folder / "access.log.1.save").write_bytes(b"line 78\n")
    world.kill()
    world.look()
    assert world.read == [0, 1]


def test_files_that_were_finished_while_an_older_one_was_waited_for_are_not_read_again(tmp_path: Path) -> None:
    world = World(tmp_path, remembered_files=2)
    world.begin()
    world.write()
    world.rename()
    for _ in range(5):
        world.write()
        world.rename()
        world.compress(1)
    world.write()
    world.look()
    world.look()  # what is compressed need not be waited for
    world.rename()  # there is a file now that nothing was read of
    world.look()
    world.commit()
    world.write()
    world.kill()
    world.settle()
    assert world.read == world.written


def test_rotations_made_while_it_was_down_are_read_whatever_the_clock_said_meanwhile(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.begin()
    world.write(2)
    world.look()
    world.commit()
    for _ in range(3):
        world.rename()
        world.write(2)
        an_hour_ago = time.time() - 3600
        os.utime(world.path, (an_hour_ago, an_hour_ago))
    world.kill()
    world.settle()
    assert world.read == world.written


def test_compressed_rotations_with_equal_contents_are_each_read_once(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.begin()
    contents = "line 0\nline 1\n"
    world.path.write_text(contents)
    world.look()
    world.commit()
    for _ in range(3):
        world.rename()
        world.path.write_text(contents)
    for number in (3, 2, 1):
        world.compress(number)
    world.kill()
    world.settle()
    assert world.read == [0, 1] * 4


def test_a_rotation_in_the_middle_of_a_look_changes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.write(2)
    world.look()
    for _ in range(3):
        world.rename()
        world.write(2)
    opened = []

    def open_two(generation: Generation, position: Position | None) -> LogFile:
        opened.append(generation)
        if len(opened) == 3:
            raise LogChanged(generation.path)
        return open_logfile(generation, position)

    monkeypatch.setattr(logfile, "open_logfile", open_two)
    world.look()
    monkeypatch.undo()
    assert (world.read, world.happened) == ([0, 1], {})
    assert read_everything(world)
    assert world.happened == {Counted.ROTATIONS: 3}
