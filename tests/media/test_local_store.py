"""A folder of files as a source."""

import hashlib
import os
import threading
from pathlib import Path

import pytest

from exporter.errors import StoreRefused, StoreUnavailable
from exporter.media.local_store import LocalStore
from exporter.media.store import StoredObject
from tests.media.asking import NotedPace

KEY = "accounts/avatars/000/000/001/original/ü +%41#?.png"
BODY = b"the bytes of a picture"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "system"
    (folder / KEY).parent.mkdir(parents=True)
    (folder / KEY).write_bytes(BODY)
    (tmp_path / "secret").write_bytes(b"a secret")
    return folder


@pytest.fixture
def store(folder: Path) -> LocalStore:
    return LocalStore(folder, NotedPace())


def no_memory(_: int) -> None:
    raise AssertionError("nothing is read here")


def test_a_file_is_read_whole(store: LocalStore) -> None:
    reserved: list[int] = []
    found = store.get(KEY, 1000, reserved.append)
    assert isinstance(found, StoredObject)
    assert (found.body, found.md5, found.head.size_bytes) == (BODY, hashlib.md5(BODY).digest(), len(BODY))
    assert found.head == store.head(KEY)
    assert (found.head.content_type, found.head.cache_control, found.head.md5_hex) == (None, None, None)
    assert reserved == [len(BODY)]


def test_an_empty_file_is_an_object(store: LocalStore, folder: Path) -> None:
    (folder / "empty").touch()
    found = store.get("empty", 1000, lambda _: None)
    assert isinstance(found, StoredObject)
    assert found.body == b""


def test_of_a_file_that_is_too_large_only_the_head_comes(store: LocalStore) -> None:
    assert store.get(KEY, len(BODY) - 1, no_memory) == store.head(KEY)


def test_a_file_is_read_in_parts(store: LocalStore) -> None:
    head = store.head(KEY)
    assert head is not None
    assert store.get_range(KEY, 4, 5, head) == BODY[4:9]
    assert store.get_range(KEY, 0, len(BODY), head) == BODY


def test_a_name_that_is_no_utf8_is_found(store: LocalStore, folder: Path) -> None:
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.png")).write_bytes(BODY)
    assert store.head(b"caf\xe9.png".decode("utf-8", "surrogateescape")) is not None


@pytest.mark.parametrize(
    "key",
    [
        "nowhere",
        "accounts/nowhere/a.png",
        f"{KEY}/a.png",
        "accounts",
        "accounts/avatars/000/000/001/original",
        "../secret",
        "accounts/../../secret",
        "accounts/../" + KEY,
        "./" + KEY,
        "/" + KEY,
        "accounts//avatars/000/000/001/original/ü +%41#?.png",
        "",
        "a\0b",
        "x" * 5000,
        "x/" * 3000,
    ],
)
def test_what_is_no_file_under_the_folder_is_not_there(store: LocalStore, key: str) -> None:
    assert store.head(key) is None
    assert store.get(key, 1000, no_memory) is None


def test_a_pipe_keeps_nobody_waiting(store: LocalStore, folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    assert store.head("pipe") is None


def test_a_link_to_another_disk_is_followed_and_one_to_itself_is_not(
    store: LocalStore, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "a.png").write_bytes(BODY)
    (folder / "cache").symlink_to(tmp_path / "disk")
    (folder / "round").symlink_to(folder / "round")
    assert store.head("cache/a.png") is not None
    assert store.head("round") is None


def test_a_file_that_is_written_to_while_it_is_read_is_not_given_out(store: LocalStore, folder: Path) -> None:
    def write_now(_: int) -> None:
        (folder / KEY).write_bytes(BODY[::-1])

    with pytest.raises(StoreUnavailable, match="has changed while it was read"):
        store.get(KEY, 1000, write_now)


def test_a_file_that_becomes_shorter_while_it_is_read_is_not_given_out(store: LocalStore, folder: Path) -> None:
    head = store.head(KEY)
    assert head is not None
    (folder / KEY).write_bytes(BODY[:3])
    with pytest.raises(StoreUnavailable, match="has changed"):
        store.get(KEY, 1000, lambda _: os.truncate(folder / KEY, 0))
    with pytest.raises(StoreUnavailable, match="has changed"):
        store.get_range(KEY, 0, len(BODY), head)


def test_a_part_of_a_file_that_has_gone_is_not_read(store: LocalStore, folder: Path) -> None:
    head = store.head(KEY)
    assert head is not None
    (folder / KEY).unlink()
    with pytest.raises(StoreUnavailable, match="has changed"):
        store.get_range(KEY, 0, 5, head)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreRefused, match=r"nowhere cannot be read: No such file or directory"):
        LocalStore(tmp_path / "nowhere", NotedPace())
    (tmp_path / "file").touch()
    with pytest.raises(StoreRefused, match="Not a directory"):
        LocalStore(tmp_path / "file", NotedPace())


def test_a_disk_that_is_taken_away_makes_no_object_missing(store: LocalStore, folder: Path) -> None:
    folder.rename(folder.with_name("moved"))
    with pytest.raises(StoreRefused, match="cannot be read"):
        store.head(KEY)
    folder.mkdir()
    with pytest.raises(StoreUnavailable, match="is not the folder any more"):
        store.head(KEY)


def test_threads_read_side_by_side(store: LocalStore) -> None:
    wrong: list[object] = []

    def read() -> None:
        for _ in range(50):
            found = store.get(KEY, 1000, lambda _: None)
            if not isinstance(found, StoredObject) or found.body != BODY:
                wrong.append(found)

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
