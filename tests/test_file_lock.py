import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.errors import StateError
from exporter.file_lock import FileLock

LOCK_NAME = "a.lock"

HOLDER = """
import sys
from pathlib import Path
from exporter.file_lock import FileLock
lock = FileLock.take(Path(sys.argv[1]) / 'a.lock')
print("held" if lock else "refused", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def tight_umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


def test_only_one_holds_the_lock_until_it_is_released(tmp_path: Path) -> None:
    first = FileLock.take(tmp_path / LOCK_NAME)
    assert first is not None
    assert FileLock.take(tmp_path / LOCK_NAME) is None
    first.release()
    second = FileLock.take(tmp_path / LOCK_NAME)
    assert second is not None
    second.release()


def test_a_lock_whose_holder_was_killed_is_free(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        assert FileLock.take(tmp_path / LOCK_NAME) is None
        holder.kill()
    lock = FileLock.take(tmp_path / LOCK_NAME)
    assert lock is not None
    lock.release()


def test_another_user_of_the_group_may_take_it_whatever_the_umask(tight_umask: None, tmp_path: Path) -> None:
    lock = FileLock.take(tmp_path / LOCK_NAME)
    assert lock is not None
    assert stat.S_IMODE((tmp_path / LOCK_NAME).stat().st_mode) == 0o660
    lock.release()


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="No such file"):
        FileLock.take(tmp_path / "nowhere" / LOCK_NAME)
