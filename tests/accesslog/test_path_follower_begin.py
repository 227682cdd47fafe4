"""Where a log is begun, and logs that are not there, or may not be read, for a while."""

import os
import time
from pathlib import Path

import pytest

from exporter.accesslog.counts import Counted
from exporter.accesslog.position import Trouble
from exporter.config import StartAt
from tests.accesslog.log_world import World, read_everything
from tests.unprivileged import unprivileged


def test_a_log_that_is_not_there_yet_is_waited_for_and_read_from_its_beginning(tmp_path: Path) -> None:
    world = World(tmp_path / "later")
    world.begin(StartAt.END)
    world.look()
    assert world.follower.troubles == {Trouble.MISSING}
    world.folder.mkdir()
    world.look()
    world.write(3)
    world.look()
    assert (world.read, world.follower.troubles) == ([0, 1, 2], set())
    world.follower.close()


@pytest.mark.parametrize(("start_at", "read"), [(StartAt.BEGINNING, [0, 1, 2, 3]), (StartAt.END, [2, 3])])
def test_a_log_that_exists_is_begun_where_it_is_told(tmp_path: Path, start_at: StartAt, read: list[int]) -> None:
    world = World(tmp_path)
    world.write(2)
    world.write_part("line ")
    world.begin(start_at)
    world.look()
    world.write_part("2\n")
    world.written.append(2)
    world.write()
    world.look()
    assert world.read == read
    world.follower.close()


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("start_at", list(StartAt))
def test_a_log_begun_just_after_a_rotation_leaves_the_renamed_file_alone(
    tmp_path: Path, start_at: StartAt, restarted: bool
) -> None:
    """The workers of nginx have written to the renamed file a moment longer: it is newer than the empty one."""
    world = World(tmp_path)
    world.write(3)
    world.rename()
    os.utime(world.path, (1000, 1000))
    os.utime(world.rotated(1), (1001, 1001))
    world.follower.begin(start_at, time.time_ns())
    if restarted:
        world.commit()
        world.kill()
    world.look()
    assert world.read == []
    world.write()
    world.look()
    assert world.read == [3]
    world.follower.close()


def test_rotated_files_from_before_the_first_start_are_left_alone(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.write(2)
    world.rename(create=False)
    os.utime(world.rotated(1), (1000, 1000))
    world.follower.begin(StartAt.BEGINNING, time.time_ns())
    world.look()
    world.write()
    world.look()
    assert world.read == [2]
    world.follower.close()


def test_a_log_that_may_not_be_read_for_a_while_after_a_rotation_is_read_later(open_world: World) -> None:
    world = open_world
    world.write(2)
    world.look()
    world.rename()
    world.write(2)
    world.path.chmod(0)
    with unprivileged():
        for _ in range(3):
            world.look()
    assert (world.read, world.follower.troubles) == ([0, 1], {Trouble.PERMISSION})
    assert world.follower.lag_bytes == 14
    world.path.chmod(0o644)
    with unprivileged():
        world.look()
    assert (world.read, world.follower.troubles) == ([0, 1, 2, 3], set())
    assert world.happened == {Counted.ROTATIONS: 1}


def test_a_log_that_may_not_be_read_is_still_waited_for_after_a_restart(open_world: World) -> None:
    world = open_world
    world.write()
    world.look()
    world.rename()
    world.write()
    world.path.chmod(0)
    with unprivileged():
        world.look()
        world.commit()
        world.kill()
        world.look()
        assert world.follower.troubles == {Trouble.PERMISSION}
    world.path.chmod(0o644)
    with unprivileged():
        assert read_everything(world)


def test_a_log_that_could_never_be_read_and_is_gone_is_told_as_lost(open_world: World) -> None:
    world = open_world
    world.write()
    world.look()
    world.rename()
    world.write()
    world.path.chmod(0)
    with unprivileged():
        world.look()
    world.path.unlink()
    with unprivileged():
        world.look()
    assert world.happened[Counted.LOST_FILES] == 1


def test_a_folder_that_may_not_be_read_for_a_while_loses_nothing(open_world: World) -> None:
    world = open_world
    world.write()
    world.look()
    world.rename()
    world.write()
    world.folder.chmod(0o700)
    with unprivileged():
        world.look()
    assert world.follower.troubles == {Trouble.PERMISSION}
    world.folder.chmod(0o755)
    with unprivileged():
        assert read_everything(world)
    assert world.follower.troubles == set()
