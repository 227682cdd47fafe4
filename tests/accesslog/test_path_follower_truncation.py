"""A log that is emptied: with `copytruncate`, by hand, between two looks or while the exporter is down."""

import os
import shutil
import time

import pytest

from exporter.accesslog import path_follower
from exporter.accesslog.counts import Counted
from tests.accesslog.log_world import World, read_everything


def test_a_line_written_while_the_log_was_copied_away_is_read_once(world: World) -> None:
    """What is written between copying and emptying is lost for the copy, but not for who has read it by then."""
    world.write(2)
    world.look()
    world.rotated(1).write_bytes(world.path.read_bytes())
    world.write(1)
    world.look()
    os.truncate(world.path, 0)
    modified_ns = world.path.stat().st_mtime_ns
    os.utime(world.rotated(1), ns=(modified_ns, modified_ns))  # all within one tick of the clock of files
    world.look()
    world.write(1)
    assert read_everything(world)


def test_the_rest_of_a_log_rotated_with_copytruncate_is_read_from_the_copy(world: World) -> None:
    world.write(2)
    world.look()
    world.write(2)
    world.copy_and_truncate()
    world.write()
    world.look()
    assert world.read == [0, 1, 2, 3, 4]
    assert world.happened == {Counted.TRUNCATIONS: 1}


def test_the_rest_is_read_from_the_copy_after_a_restart_too(world: World) -> None:
    world.write(2)
    world.look()
    world.commit()
    world.write(2)
    world.copy_and_truncate()
    world.compress(1)
    world.write()
    world.kill()
    world.look()
    assert world.read == [0, 1, 2, 3, 4]


def test_a_log_emptied_without_a_copy_is_read_from_its_beginning(world: World) -> None:
    world.write(3)
    world.look()
    os.truncate(world.path, 0)
    world.look()
    world.write(1)
    world.look()
    assert world.read == [0, 1, 2, 3]
    assert world.happened == {Counted.TRUNCATIONS: 1}


def test_a_log_emptied_and_grown_beyond_where_it_was_read_to_is_read_from_its_beginning(world: World) -> None:
    world.write(2)
    world.look()
    os.truncate(world.path, 0)
    world.write(10)
    world.look()
    assert world.read == world.written


def test_a_writer_that_goes_on_at_its_old_place_in_an_emptied_file_loses_no_later_line(world: World) -> None:
    """Without O_APPEND the file is filled up with NULs, which end no line."""
    with world.path.open("wb", buffering=0) as writer:
        writer.write(b"line 0\nline 1\n")
        world.look()
        os.truncate(world.path, 0)
        writer.write(b"line 2\nline 3\n")
        world.look()
    assert world.read == [0, 1, 2, 3]
    assert world.happened == {Counted.TRUNCATIONS: 1}


def test_copies_made_after_one_that_was_overtaken_are_read(world: World) -> None:
    world.write(3)
    world.look()
    shutil.copyfile(world.path, world.rotated(1))
    second_ago = time.time() - 1
    os.utime(world.rotated(1), (second_ago, second_ago))
    world.write()
    world.look()  # between the copy and the truncation
    os.truncate(world.path, 0)
    world.write(2)
    world.copy_and_truncate()
    world.write()
    assert read_everything(world)


def test_nothing_is_read_while_a_rotation_keeps_the_files_from_being_told_apart(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.write(3)
    world.look()
    world.copy_and_truncate()
    world.look()
    world.write(2)
    world.copy_and_truncate()
    world.write()
    monkeypatch.setattr(path_follower, "find_generations", lambda _path: None)
    world.look()
    monkeypatch.undo()
    assert read_everything(world)


def test_a_copy_that_holds_nothing_new_is_remembered_as_long_as_files_before_it_are_read(world: World) -> None:
    world = World(world.folder, remembered_files=2)
    world.begin()
    for _ in range(3):
        world.write()
        world.rename()
    world.write()
    world.look()
    world.copy_and_truncate()
    world.rename(create=False)
    assert read_everything(world)


def test_a_log_copied_and_emptied_between_the_look_and_the_reading_is_read_once(world: World) -> None:
    world.look()
    world.write(3)
    shutil.copyfile(world.path, world.rotated(1))
    world.follower.look()
    os.truncate(world.path, 0)
    world.write(2)
    world.read_on()
    assert read_everything(world)


def test_a_restart_while_the_log_is_copied_away_reads_the_copy_and_the_log_once(world: World) -> None:
    world.write(3)
    world.rotated(1).write_bytes(world.path.read_bytes()[:10])
    world.kill()
    world.look()
    shutil.copyfile(world.path, world.rotated(1))
    os.truncate(world.path, 0)
    world.write(2)
    assert read_everything(world)
