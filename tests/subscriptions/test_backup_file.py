"""The file of a backup: what it promises, and that nothing else is taken for one."""

import gzip
import hashlib
import json
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from exporter.errors import BackupError
from exporter.subscriptions import backup_file
from exporter.subscriptions.backup_file import open_backup, write_backup
from exporter.subscriptions.backup_header import BackupHeader

SECRET = "5ec1e7" * 5
ROW: dict[str, Any] = {
    "id": 7, "callback_url": "https://a.example/api/subscriptions/1", "secret": SECRET,
    "expires_at": "2017-04-28T03:00:00.123456", "confirmed": True, "account_id": 3,
}  # fmt: skip


def header(count: int, sha256: str) -> BackupHeader:
    return BackupHeader("2017-04-21T03:00:00+00:00", count, tuple(ROW), sha256)


def rows_of(path: Path) -> list[tuple[int, dict[str, Any]]]:
    with open_backup(path) as backup:
        return [(row.subscription_id, json.loads(row.content)) for row in backup.rows()]


def forged(path: Path, *rows: object, **fields: object) -> Path:
    """Write a file whose count and checksum are right, unless `fields` says otherwise."""
    body = b"".join((row if isinstance(row, bytes) else json.dumps(row).encode()) + b"\n" for row in rows)
    first = json.loads(header(len(rows), hashlib.sha256(body).hexdigest()).line())
    path.write_bytes(gzip.compress(json.dumps(first | fields).encode() + b"\n" + body))
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "subscriptions.gz"


def test_what_was_written_is_read_again(path: Path) -> None:
    write_backup(path, (json.dumps({**ROW, "id": number}) for number in (1, 5, 9)), header)
    rest = {name: value for name, value in ROW.items() if name != "id"}
    assert rows_of(path) == [(1, rest), (5, rest), (9, rest)]


def test_the_header_tells_date_count_shape_and_checksum_of_the_lines_below(path: Path) -> None:
    write_backup(path, [json.dumps(ROW)], header)
    first, *lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    assert json.loads(first) == {
        "format": "mastodon-subscriptions", "version": 1, "created": "2017-04-21T03:00:00+00:00", "count": 1,
        "columns": list(ROW), "sha256": hashlib.sha256(b"".join(lines)).hexdigest(),
    }  # fmt: skip


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_only_the_owner_may_read_it_whatever_the_umask_and_the_file_before(path: Path, umask: int) -> None:
    path.write_bytes(b"old")
    path.chmod(0o644)
    before = os.umask(umask)
    try:
        write_backup(path, [json.dumps(ROW)], header)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_when_it_breaks_off_the_file_before_stays_and_nothing_lies_around(path: Path) -> None:
    def broken() -> Iterator[str]:
        yield json.dumps(ROW)
        raise KeyboardInterrupt

    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt):
        write_backup(path, broken(), header)
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


def test_a_link_stays_one(path: Path, tmp_path: Path) -> None:
    real = tmp_path / "real.gz"
    path.symlink_to(real)
    write_backup(path, [json.dumps(ROW)], header)
    assert path.is_symlink()
    assert rows_of(real)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("folder", "is a folder; name a file in it"),
        ("missing/file.gz", "cannot be written: No such file or directory"),
        ("pipe", "is not a file that can be replaced"),
    ],
)
def test_what_cannot_be_a_backup_is_refused(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BackupError, match=words):
        write_backup(tmp_path / name, [json.dumps(ROW)], header)


def altered(change: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(change(path.read_bytes()))


def a_folder_instead(path: Path) -> None:
    path.unlink()
    path.mkdir()


def a_pipe_instead(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def with_another_row(packed: bytes) -> bytes:
    return packed + gzip.compress(json.dumps({**ROW, "id": 8}).encode() + b"\n")


def with_another_secret(packed: bytes) -> bytes:
    return gzip.compress(gzip.decompress(packed).replace(SECRET.encode(), b"0" * len(SECRET)))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (altered(lambda packed: packed[:-20]), "cut off"),
        (altered(lambda packed: packed[:-1]), "cut off"),
        (altered(lambda packed: packed[: len(packed) // 2]), "cut off"),
        (altered(lambda _: b""), "not a backup"),
        (altered(lambda packed: packed[:-30] + b"\xff" * 10 + packed[-20:]), "nothing was restored"),
        (altered(with_another_secret), "checksum"),
        (altered(with_another_row), "more than the 1 rows"),
        (altered(lambda packed: gzip.compress(gzip.decompress(packed)[:-1])), "cut off"),
        (altered(lambda _: b"-- PostgreSQL database dump\n"), "not gzip"),
        (altered(lambda _: gzip.compress(b"-- PostgreSQL database dump\n")), "not a backup of subscriptions"),
        (altered(lambda _: gzip.compress(b"[" * 60_000)), "not a backup of subscriptions"),
        (Path.unlink, "is not there"),
        (a_folder_instead, "is not a file"),
        (a_pipe_instead, "is not a file"),
    ],
)
def test_a_file_that_is_not_what_was_written_is_refused(
    path: Path, spoil: Callable[[Path], object], words: str
) -> None:
    write_backup(path, [json.dumps(ROW)], header)
    spoil(path)
    with pytest.raises(BackupError, match=words) as refused:
        rows_of(path)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    "fields",
    [
        {"count": 2}, {"count": 0}, {"count": -1}, {"count": 10**9}, {"count": "1"}, {"count": True}, {"count": None},
        {"sha256": "0" * 64}, {"sha256": None}, {"columns": "id"}, {"columns": [["id"]]}, {"columns": ["id"]},
        {"version": 2}, {"format": "other"}, {"created": 5},
    ],
)  # fmt: skip
def test_a_header_that_lies_is_refused(path: Path, fields: dict[str, object]) -> None:
    with pytest.raises(BackupError):
        rows_of(forged(path, ROW, **fields))


@pytest.mark.parametrize(
    "row",
    [
        {**ROW, "id": 0}, {**ROW, "id": -5}, {**ROW, "id": 2**63}, {**ROW, "id": 1.5}, {**ROW, "id": "7"},
        {**ROW, "id": True}, {**ROW, "account_id": 0}, {**ROW, "account_id": None}, {**ROW, "account_id": 10**400},
        {**ROW, "callback_url": None}, {**ROW, "callback_url": "https://a.example/\0"},
        {**ROW, "callback_url": "https://a.example/\ud800"}, {**ROW, "secret": 5}, {**ROW, "secret": ["\0"]},
        {**ROW, "confirmed": 1}, {**ROW, "confirmed": None}, {**ROW, "expires_at": 1493000000},
        {**ROW, "expires_at": "tomorrow"}, {**ROW, "expires_at": "2017-04-28T03:00:00+09:00"},
        {**ROW, "admin": True}, {name: ROW[name] for name in ("id", "account_id")}, [], 5, None,
        b"", b"{", b"\xff\xfe", b'{"id": NaN}', b"[" * 100_000, b'{"id": ' + b"9" * 10_000 + b"}",
    ],
)  # fmt: skip
def test_a_row_that_mastodon_cannot_have_written_is_refused_without_a_word_of_its_content(
    path: Path, row: object
) -> None:
    with pytest.raises(BackupError, match=r"row 1: .*nothing was restored") as refused:
        rows_of(forged(path, row))
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("second", [7, 6])
def test_ids_that_do_not_rise_are_refused(path: Path, second: int) -> None:
    with pytest.raises(BackupError, match="row 2: its id is not higher"):
        rows_of(forged(path, ROW, {**ROW, "id": second}))


def test_a_line_without_end_is_given_up_early(path: Path) -> None:
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(header(1, "").line())
        for _ in range(64):
            file.write(b" " * 1024 * 1024)
    with pytest.raises(BackupError, match="more in it than any backup"):
        rows_of(path)


def test_a_file_that_unpacks_to_more_than_any_backup_is_given_up(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backup_file, "LARGEST_UNPACKED_BYTES", 10_000)
    forged(path, *({**ROW, "id": number} for number in range(1, 1000)))
    with pytest.raises(BackupError, match="more in it than any backup"):
        rows_of(path)


def test_a_row_never_shows_its_secret(path: Path) -> None:
    with open_backup(forged(path, ROW)) as backup:
        assert [repr(row) for row in backup.rows()] == ["BackupRow(7)"]
