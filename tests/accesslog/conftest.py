"""A log with a follower, for the tests of following."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.accesslog.log_world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A log that exists, is empty, and is followed."""
    world = World(tmp_path)
    world.path.touch()
    world.begin()
    yield world
    world.follower.close()


@pytest.fixture
def open_world() -> Iterator[World]:
    """The same in a folder that every user may enter."""
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        world = World(Path(name))
        world.path.touch()
        world.begin()
        yield world
        world.follower.close()
