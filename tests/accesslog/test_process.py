"""The follower's process beside the exporter: started, told what to follow, started again, ended, never left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.accesslog import process as process_module
from exporter.accesslog.accounts import Verdict
from exporter.accesslog.counts import Counted, Series
from exporter.accesslog.position import Trouble
from exporter.accesslog.process import FollowerProcess
from exporter.accesslog.reader import read_accounts, read_records
from exporter.accesslog.service import Assignment
from exporter.config import AccessLog, StartAt

LINE = '192.0.2.1 - - [23/Nov/2026:02:44:02 +0000] "GET /about HTTP/1.1" 200 0 "-" "x"\n'
ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 20.0

EXPORTER = """
import sys, time
from pathlib import Path
from exporter.accesslog.process import FollowerProcess
from exporter.accesslog.service import Assignment
from exporter.config import AccessLog, StartAt
folder = Path(sys.argv[1])
log = AccessLog("a", str(folder / "access.log"), start_at=StartAt.BEGINNING)
process = FollowerProcess(lambda: Assignment(folder, (log,), frozenset()))
process.start()
while not process.is_ready:
    time.sleep(0.02)
print("ready", flush=True)
time.sleep(60)
"""


class Exporter:
    """What the exporter wants followed, and the process that does it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = AccessLog("a", str(folder / "access.log"), start_at=StartAt.BEGINNING)
        self.assignment = Assignment(folder, (self.log,), frozenset())
        self.process = FollowerProcess(lambda: self.assignment)

    @property
    def pids(self) -> list[int]:
        # The stores that other tests ask are children of this process too.
        return [pid for pid in followers_of(os.getpid()) if "exporter.accesslog" in command_of(pid)]

    def write(self, lines: int, name: str = "access.log") -> None:
        with (self.folder / name).open("a") as log:
            log.write(LINE * lines)

    def lines(self, log: str = "a") -> int:
        records = {record.log: record for record in read_records(self.folder)}
        return records[log].counts.get(Series(Counted.LINES), 0) if log in records else 0

    def await_ready(self) -> None:
        eventually(lambda: self.process.is_ready)


@pytest.fixture
def exporter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Exporter]:
    monkeypatch.setattr(process_module, "CHECK_SECONDS", 0.05)
    exporter = Exporter(tmp_path)
    exporter.process.start()
    yield exporter
    exporter.process.stop()


def followers_of(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]


def command_of(pid: int) -> str:
    """Return the command line of a process, empty once it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def eventually(condition: Callable[[], object]) -> None:
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < give_up, "waited in vain"
        time.sleep(0.02)


def test_lines_are_counted_in_a_process_of_its_own(exporter: Exporter) -> None:
    exporter.await_ready()
    exporter.write(3)
    eventually(lambda: exporter.lines() == 3)
    assert len(exporter.pids) == 1
    assert exporter.process.troubles == frozenset()


def test_stopping_ends_the_process_within_seconds_and_in_order(exporter: Exporter) -> None:
    exporter.await_ready()
    (follower,) = exporter.pids
    exporter.write(1000)
    eventually(lambda: exporter.lines() == 1000)
    began = time.monotonic()
    exporter.process.stop()
    assert time.monotonic() - began < 3
    assert not is_running(follower)
    assert not exporter.process.is_ready
    assert exporter.process.troubles == frozenset()


def test_a_follower_that_was_killed_is_started_again_and_goes_on(exporter: Exporter) -> None:
    exporter.await_ready()
    (killed,) = exporter.pids
    exporter.write(3)
    eventually(lambda: exporter.lines() == 3)
    os.kill(killed, signal.SIGKILL)
    exporter.write(4)
    eventually(lambda: Trouble.STOPPED in exporter.process.troubles)
    assert not exporter.process.is_ready
    eventually(lambda: exporter.lines() == 7)
    exporter.await_ready()
    assert exporter.process.troubles == frozenset()
    assert killed not in exporter.pids


def test_without_logs_there_is_no_process_and_all_is_ready(exporter: Exporter) -> None:
    exporter.await_ready()
    logs = exporter.assignment.logs
    exporter.assignment = replace(exporter.assignment, logs=())
    eventually(lambda: not exporter.pids and exporter.process.is_ready)
    assert exporter.process.troubles == frozenset()
    exporter.assignment = replace(exporter.assignment, logs=logs)
    eventually(lambda: exporter.pids)
    exporter.await_ready()


def test_a_log_that_is_added_is_followed_by_the_same_process(exporter: Exporter) -> None:
    exporter.await_ready()
    before = exporter.pids
    second = AccessLog("b", str(exporter.folder / "second.log"), start_at=StartAt.BEGINNING)
    exporter.write(2, "second.log")
    exporter.assignment = replace(exporter.assignment, logs=(exporter.log, second))
    eventually(lambda: exporter.lines("b") == 2)
    assert exporter.pids == before


def test_a_process_that_cannot_be_started_is_tried_again(
    exporter: Exporter, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    exporter.await_ready()
    (follower,) = exporter.pids
    with monkeypatch.context() as broken:
        broken.setattr(sys, "executable", "/nowhere/python")
        os.kill(follower, signal.SIGKILL)
        eventually(lambda: "cannot be started" in caplog.text)
        assert (exporter.process.is_ready, exporter.process.troubles) == (False, frozenset({Trouble.STOPPED}))
    exporter.await_ready()


def test_no_follower_is_left_behind_by_an_exporter_that_was_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", EXPORTER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as exporter:
        assert exporter.stdout is not None
        assert exporter.stdout.readline() == b"ready\n"
        (follower,) = followers_of(exporter.pid)
        exporter.kill()
    eventually(lambda: not is_running(follower))


def is_running(pid: int) -> bool:
    """Tell whether a process runs; one that has ended may not have been waited for yet."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_modules_that_lie_in_the_folder_it_is_run_in_are_not_taken(
    tmp_path: Path, exporter: Exporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    exporter.await_ready()
    (follower,) = exporter.pids
    for name in ("json.py", "exporter.py"):
        (tmp_path / name).write_text("raise SystemExit('not this one')")
    monkeypatch.chdir(tmp_path)
    os.kill(follower, signal.SIGKILL)
    eventually(lambda: exporter.pids not in ([], [follower]))
    exporter.await_ready()


def test_the_follower_gives_way_to_everything_else(exporter: Exporter) -> None:
    exporter.await_ready()
    (follower,) = exporter.pids
    assert os.getpriority(os.PRIO_PROCESS, follower) > os.getpriority(os.PRIO_PROCESS, 0)


def test_a_follower_that_tells_nothing_any_more_is_told_of(exporter: Exporter, monkeypatch: pytest.MonkeyPatch) -> None:
    exporter.await_ready()
    (follower,) = exporter.pids
    monkeypatch.setattr(process_module, "SILENT_SECONDS", 0.2)
    os.kill(follower, signal.SIGSTOP)
    try:
        eventually(lambda: exporter.process.troubles == {Trouble.STOPPED} and not exporter.process.is_ready)
    finally:
        os.kill(follower, signal.SIGCONT)
    monkeypatch.undo()
    eventually(lambda: exporter.process.troubles == frozenset() and exporter.process.is_ready)


def test_accounts_are_vetted_by_whoever_can_ask_the_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_module, "CHECK_SECONDS", 0.05)
    log = AccessLog("a", str(tmp_path / "access.log"), start_at=StartAt.BEGINNING)
    assignment = Assignment(tmp_path, (log,), frozenset({"a"}), vetted=frozenset({"a"}))
    broken = LINE.replace("GET /about", "POST /api/subscriptions/{}").replace(" 200 ", " 404 ")
    Path(log.path).write_text("".join(broken.format(account_id) for account_id in range(1, 2501)))

    def vet(ids: Sequence[int]) -> Verdict | None:
        return Verdict(tuple(ids), frozenset({107})) if ids else None

    process = FollowerProcess(lambda: assignment, vet)
    process.start()
    try:
        eventually(lambda: [one.account_id for one in read_accounts(tmp_path, "a")] == [107])
    finally:
        process.stop()
