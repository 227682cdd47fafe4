import grp
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from exporter.config import Config
from exporter.errors import StateError
from exporter.state import make_shared_file, state_folder, write_atomically
from tests.unprivileged import unprivileged

NOTHING = Config(instances=())


@pytest.fixture
def system_folder(tmp_path: Path) -> Path:
    return tmp_path / "var" / "lib" / "mastodon-exporter"


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Make a folder that every user may enter, which pytest's own are not."""
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def tight_umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_configured_folder_comes_first_and_is_created(tmp_path: Path, system_folder: Path) -> None:
    system_folder.mkdir(parents=True)
    configured = tmp_path / "deep" / "down"
    config = Config(instances=(), state_dir=configured)
    assert state_folder(config, {"HOME": str(tmp_path)}, system_folder) == configured
    assert configured.is_dir()


def test_the_systems_folder_is_taken_if_it_exists_and_keeps_its_mode(tmp_path: Path, system_folder: Path) -> None:
    system_folder.mkdir(parents=True, mode=0o750)
    assert state_folder(NOTHING, {"HOME": str(tmp_path)}, system_folder) == system_folder
    assert mode(system_folder) == 0o750


def test_else_it_is_the_users_own_and_the_systems_is_not_created(tmp_path: Path, system_folder: Path) -> None:
    xdg, home = tmp_path / "xdg", tmp_path / "home"
    environ = {"XDG_STATE_HOME": str(xdg), "HOME": str(home)}
    assert state_folder(NOTHING, environ, system_folder) == xdg / "mastodon-exporter"
    assert state_folder(NOTHING, {"HOME": str(home)}, system_folder) == home / ".local/state/mastodon-exporter"
    assert not system_folder.exists()


def test_a_relative_xdg_folder_is_ignored(tmp_path: Path, system_folder: Path) -> None:
    environ = {"XDG_STATE_HOME": "state", "HOME": str(tmp_path)}
    assert state_folder(NOTHING, environ, system_folder) == tmp_path / ".local/state/mastodon-exporter"


def test_without_any_folder_the_error_says_what_to_set(system_folder: Path) -> None:
    with pytest.raises(StateError, match="set `state_dir` in the configuration, or XDG_STATE_HOME"):
        state_folder(NOTHING, {}, system_folder)


@pytest.mark.usefixtures("tight_umask")
def test_a_folder_that_is_created_is_shared_by_its_group_whatever_the_umask(tmp_path: Path) -> None:
    assert mode(state_folder(Config(instances=(), state_dir=tmp_path / "state"), {})) == 0o2770


def test_a_folder_that_may_not_be_written_names_its_group_and_how_to_join_it(open_folder: Path) -> None:
    system_folder = open_folder / "mastodon-exporter"
    system_folder.mkdir()
    system_folder.chmod(0o2570 if os.geteuid() else 0o2770)
    group = grp.getgrgid(system_folder.stat().st_gid).gr_name
    with unprivileged(), pytest.raises(StateError) as caught:
        state_folder(NOTHING, {"HOME": str(open_folder)}, system_folder)
    assert f"{system_folder} belongs to group {group}" in str(caught.value)
    assert f"run `sudo usermod -aG {group} " in str(caught.value)
    assert "log in again" in str(caught.value)
    assert "chmod" not in str(caught.value)


def test_a_folder_that_not_even_its_group_may_write_says_how_to_let_it(open_folder: Path) -> None:
    system_folder = open_folder / "mastodon-exporter"
    system_folder.mkdir()
    system_folder.chmod(0o555)
    with unprivileged(), pytest.raises(StateError, match=f"run `sudo chmod 2770 {system_folder}`, then `sudo usermod"):
        state_folder(NOTHING, {"HOME": str(open_folder)}, system_folder)


def test_a_folder_that_cannot_be_created_says_why(open_folder: Path) -> None:
    open_folder.chmod(0o555)
    with (
        unprivileged(),
        pytest.raises(StateError, match="cannot be created: Permission denied; set another `state_dir`"),
    ):
        state_folder(Config(instances=(), state_dir=open_folder / "a" / "b"), {})


def test_a_file_where_the_folder_should_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(StateError, match=r"not a folder|Not a directory"):
            state_folder(Config(instances=(), state_dir=path), {})


@pytest.mark.usefixtures("tight_umask")
def test_a_file_is_replaced_whole_and_shared_by_its_group(tmp_path: Path) -> None:
    path = tmp_path / "announced.json"
    for text in ("an old and longer text", "큐돈"):
        write_atomically(path, text)
        assert path.read_text(encoding="utf-8") == text
    assert mode(path) == 0o660
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.usefixtures("tight_umask")
def test_a_file_for_several_writers_is_shared_by_its_group_and_keeps_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    make_shared_file(path)
    assert mode(path) == 0o660
    path.write_text("큐돈")
    path.chmod(0o600)
    make_shared_file(path)
    assert (mode(path), path.read_text()) == (0o660, "큐돈")


def test_a_write_that_fails_leaves_the_old_text_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "announced.json"
    write_atomically(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "new \ud800")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_gone_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "gone" / "file", "text")


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    texts = {letter * 200_000 for letter in "ab"}
    write_atomically(path, min(texts))
    done = threading.Event()
    seen: list[str] = []

    def read_until_done() -> None:
        while not done.is_set():
            seen.append(path.read_text())

    reader = threading.Thread(target=read_until_done)
    reader.start()
    for text in sorted(texts) * 20:
        write_atomically(path, text)
    done.set()
    reader.join()
    assert set(seen) <= texts
