"""How far a media sync has come, as it is shown: to somebody at a terminal, and to a log."""

import os
import pty
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from exporter.cli.media_progress import WINDOW_SECONDS, ClassProgress, MediaProgress, duration
from exporter.ledger import RangeResult, Scope
from exporter.mastodon.attachments import MediaClass
from tests.media.made_rows import RowMaker
from tests.media.world import World, media_world
from tests.postgres import Postgres
from tests.seaweedfs import S3Servers

PATIENCE_SECONDS = 120.0


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_pace_is_what_was_done_lately_and_how_long_the_rest_takes_so() -> None:
    clock = Clock()
    progress = ClassProgress(1000, 0, clock)
    assert progress.pace() is None
    progress.tell(0, 0)
    clock.now += 10
    progress.tell(100, 5_000_000)
    progress.advance(50)
    assert str(progress.pace()) == "10 objects/s, 500.0 kB/s, 3:10 left"


def test_what_was_done_before_this_run_is_no_part_of_its_pace() -> None:
    clock = Clock()
    progress = ClassProgress(1000, 900, clock)
    progress.tell(0, 0)
    clock.now += 10
    progress.tell(10, 0)
    progress.advance(10)
    assert progress.rows == 910
    assert str(progress.pace()) == "1 objects/s, 0 bytes/s, 1:30 left"


def test_a_pace_forgets_what_was_long_ago_and_tells_no_end_where_nothing_is_done() -> None:
    clock = Clock()
    progress = ClassProgress(1000, 0, clock)
    progress.tell(500, 500)
    progress.advance(500)
    for _ in range(10):
        clock.now += WINDOW_SECONDS / 5
        progress.pace()
    assert str(progress.pace()) == "0 objects/s, 0 bytes/s"


def test_rows_that_come_meanwhile_raise_the_total() -> None:
    progress = ClassProgress(10, 0)
    progress.advance(12)
    assert (progress.rows, progress.total) == (12, 12)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.0, "0 s"), (59.4, "59 s"), (59.6, "1:00"), (125, "2:05"), (3600, "1:00:00"), (93_725, "26:02:05")],
)
def test_a_time_is_told_as_people_tell_it(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_pages_of_one_class_are_shown_once_when_several_are_recorded() -> None:
    shown: list[str] = []
    progress = MediaProgress({"accounts": ClassProgress(10, 0), "backups": ClassProgress(5, 0)}, shown.append)
    progress.told(MediaClass.ACCOUNTS, 3, 100)
    accounts, backups = (Scope("d1", name, "all") for name in ("accounts", "backups"))
    progress.recorded([RangeResult(accounts, 2), RangeResult(accounts, 3), RangeResult(backups, 1)])
    assert shown == ["accounts", "backups"]
    assert {name: one.rows for name, one in progress.classes.items()} == {"accounts": 5, "backups": 1}


@pytest.fixture
def world(postgres: Postgres, s3_servers: S3Servers, tmp_path: Path) -> Iterator[World]:
    """Give what is moved in about a quarter of a minute."""
    with media_world(postgres, s3_servers, "4.6", tmp_path) as world:
        world.add(list(RowMaker("4.6", Random(3)).ordinary_rows(700)))
        world.media = {"requests_per_second": {"destination": 50}}
        yield world


def test_a_log_gets_a_line_now_and_then(world: World) -> None:
    ended = world.sync()
    assert ended.code == 0
    lines = [line for line in ended.errors.splitlines() if " rows, " in line]
    assert 1 <= len(lines) <= 3
    for line in lines:
        assert re.fullmatch(
            r"[a-z_]+: [0-9]+ of [0-9]+ rows, [0-9]+ objects/s, [0-9.]+ (bytes|kB|MB)/s(, [0-9:]+( s)? left)?", line
        )
    assert "\x1b" not in ended.errors


def test_somebody_at_a_terminal_sees_every_class_with_its_pace_and_when_it_will_be_done(world: World) -> None:
    terminal, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "150", "LINES": "50"}
    command = world.command("media", "sync", "--yes")
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", read_all(terminal).decode())
        assert process.wait(PATIENCE_SECONDS) == 0
    os.close(terminal)
    pace = r"[0-9]+ objects/s, [0-9.]+ (bytes|kB|MB)/s, [0-9:]+( s)? left"
    for name, rows in world.rows.items():
        assert re.search(rf"{name} +[━╸╺ ]+ +[0-9]+/{rows}\b", shown), name
    assert re.search(rf"media_attachments +[━╸╺ ]+ +[0-9]+/{world.rows['media_attachments']} +{pace}", shown)
    assert re.search(r"class +rows +copied +repaired +missing +bytes", shown.split("objects/s")[-1])


def read_all(terminal: int) -> bytes:
    shown = b""
    while True:
        try:
            shown += os.read(terminal, 65536)
        except OSError:  # nobody has the other end any more
            return shown
