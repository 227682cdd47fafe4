"""The follower's service: what it commits, when, and how it goes on after trouble with the store."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from exporter.accesslog import known_domains
from exporter.accesslog.accounts import Verdict
from exporter.accesslog.clocks import Clocks
from exporter.accesslog.counts import Counted, LogRecord, Series
from exporter.accesslog.position import Trouble
from exporter.accesslog.reader import read_accounts, read_records
from exporter.accesslog.schema import STORE_NAME
from exporter.accesslog.service import COMMIT_SECONDS, DOUBT_SECONDS, RETRY_SECONDS, Assignment, Report, Service
from exporter.config import AccessLog, StartAt
from tests.unprivileged import unprivileged

BROKEN = '192.0.2.1 - - [23/Nov/2026:02:44:02 +0000] "POST /api/subscriptions/7 HTTP/1.1" 404 0 "-" "x"\n'
ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 60.0


@dataclass
class Serving:
    """A folder with logs, a state folder, and a service whose clock is turned by hand."""

    folder: Path
    seconds: float = 100.0
    services: list[Service] = field(default_factory=list)

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def assignment(self, *names: str, judged: bool = True) -> Assignment:
        logs = tuple(AccessLog(name, str(self.folder / name), start_at=StartAt.BEGINNING) for name in names)
        return Assignment(self.state, logs, frozenset(names) if judged else frozenset())

    def serve(self, *names: str, judged: bool = True) -> Service:
        service = Service(self.assignment(*names, judged=judged), Clocks(lambda: self.seconds, time.time_ns))
        self.services.append(service)
        return service

    def write(self, name: str, lines: int) -> None:
        with (self.folder / name).open("a") as log:
            log.write(BROKEN * lines)

    def pass_time(self, service: Service, seconds: float = COMMIT_SECONDS) -> None:
        self.seconds += seconds
        service.step()

    def record(self, name: str) -> LogRecord:
        return next((one for one in read_records(self.state) if one.log == name), LogRecord(name))

    def counted(self, name: str, counted: Counted = Counted.LINES) -> int:
        return self.record(name).counts.get(Series(counted), 0)


@pytest.fixture
def serving() -> Iterator[Serving]:
    """A folder that every user may enter, with a state folder that every user may write."""
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        serving = Serving(Path(name))
        serving.state.mkdir()
        serving.state.chmod(0o777)
        yield serving
        for service in serving.services:
            service.close()


def test_what_is_counted_is_committed_once_a_second(serving: Serving) -> None:
    service = serving.serve("a")
    service.step()
    serving.write("a", 3)
    serving.pass_time(service, COMMIT_SECONDS / 2)
    assert serving.counted("a") == 0
    serving.pass_time(service, COMMIT_SECONDS / 2)
    assert (serving.counted("a"), serving.counted("a", Counted.CALLBACKS_BROKEN)) == (3, 3)


def test_what_was_not_committed_is_read_again_and_counted_once(serving: Serving) -> None:
    killed = serving.serve("a")
    serving.pass_time(killed)
    serving.write("a", 3)
    killed.step()
    killed.close()
    assert serving.counted("a") == 0
    service = serving.serve("a")
    serving.pass_time(service)
    assert serving.counted("a") == 3


def vetting(serving: Serving, *, domains: Path | None = None) -> Service:
    """Return a service of the log `a`, of whose server there is a database."""
    assignment = replace(serving.assignment("a"), vetted=frozenset({"a"}), known_domains=domains)
    service = Service(assignment, Clocks(lambda: serving.seconds, time.time_ns))
    serving.services.append(service)
    return service


def broken(*account_ids: int) -> str:
    return "".join(BROKEN.replace("/7 ", f"/{account_id} ") for account_id in account_ids)


def test_accounts_that_the_database_does_not_have_are_gone_from_the_store_though_no_line_comes(
    serving: Serving,
) -> None:
    service = vetting(serving)
    service.step()
    (serving.folder / "a").write_text(broken(7, 8, 9))
    serving.pass_time(service)
    assert (serving.record("a").broken_accounts, service.report.to_vet) == (3, (7, 8, 9))
    service.vet(Verdict((7, 8, 9), frozenset({8})))
    serving.pass_time(service)
    assert (serving.record("a").broken_accounts, service.report.to_vet) == (1, ())
    assert [account.account_id for account in read_accounts(serving.state, "a")] == [8]
    service.close()
    again = vetting(serving)
    serving.pass_time(again)
    assert again.report.to_vet == (8,)


def test_accounts_are_asked_about_again_after_an_hour(serving: Serving) -> None:
    service = vetting(serving)
    service.step()
    (serving.folder / "a").write_text(broken(7))
    serving.pass_time(service)
    service.vet(Verdict((7,), frozenset({7})))
    serving.pass_time(service)
    asked = [service.report.to_vet]
    serving.pass_time(service, DOUBT_SECONDS)
    asked.append(service.report.to_vet)
    assert asked == [(), (7,)]


def test_without_a_database_no_account_is_asked_about_and_none_is_let_go(serving: Serving) -> None:
    service = serving.serve("a")
    service.step()
    (serving.folder / "a").write_text(broken(7, 8))
    serving.pass_time(service)
    assert service.report.to_vet == ()
    service.vet(Verdict((7, 8), frozenset()))
    serving.pass_time(service)
    assert serving.record("a").broken_accounts == 2


def test_domains_that_the_database_knows_have_a_series_once_their_file_is_there(serving: Serving) -> None:
    domains = serving.folder / "known-domains.txt"
    service = vetting(serving, domains=domains)
    service.step()
    failed = BROKEN.replace("/api/subscriptions/7", "/inbox").replace('"x"', '"Mastodon/4.3.1 (+https://a.example/)"')
    for wanted in (0, 1):
        with (serving.folder / "a").open("a") as log:
            log.write(failed.replace(" 404 ", " 500 "))
        serving.pass_time(service)
        counts = serving.record("a").counts
        assert counts.get(Series(Counted.FAILURES, ("a.example",)), 0) == wanted
        domains.write_text("a.example\nb.example\n")
        serving.pass_time(service, known_domains.LOOK_SECONDS)


def test_the_end_commits_what_was_counted(serving: Serving) -> None:
    service = serving.serve("a")
    service.step()
    serving.write("a", 3)
    service.step()
    service.finish()
    assert serving.counted("a") == 3


def test_nothing_is_written_while_nothing_happens(serving: Serving) -> None:
    service = serving.serve("a")
    serving.write("a", 1)
    serving.pass_time(service)
    serving.pass_time(service)
    store = serving.state / f"{STORE_NAME}-wal"
    before = store.stat()
    for _ in range(5):
        serving.pass_time(service)
    assert (store.stat().st_size, store.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)


def test_a_second_follower_waits_and_takes_over(serving: Serving) -> None:
    first, second = serving.serve("a"), serving.serve("a")
    first.step()
    serving.write("a", 3)
    second.step()
    assert second.report == Report(ready=False, troubles=frozenset({Trouble.LOCKED}))
    first.step()
    first.finish()
    serving.write("a", 2)
    serving.pass_time(second)
    assert second.report == Report(ready=True)
    assert serving.counted("a") == 5


def test_a_state_folder_that_may_not_be_written_is_told_and_tried_again(serving: Serving) -> None:
    serving.write("a", 3)
    serving.state.chmod(0o755)
    service = serving.serve("a")
    with unprivileged():
        service.step()
        assert service.report == Report(ready=False, troubles=frozenset({Trouble.CHECKPOINT}))
    serving.state.chmod(0o777)
    with unprivileged():
        serving.pass_time(service, RETRY_SECONDS)
        assert service.report == Report(ready=True)
    assert serving.counted("a") == 3


def test_a_commit_that_fails_is_told_and_its_lines_are_counted_once_later(serving: Serving) -> None:
    service = serving.serve("a")
    serving.pass_time(service)
    serving.write("a", 3)
    assert service._store is not None
    service._store._connection.execute("PRAGMA query_only = ON")
    serving.pass_time(service)
    assert service.report == Report(ready=False, troubles=frozenset({Trouble.CHECKPOINT}))
    serving.write("a", 2)
    serving.pass_time(service, RETRY_SECONDS)
    serving.pass_time(service)
    assert service.report == Report(ready=True)
    assert serving.counted("a") == 5


def test_a_log_that_is_added_starts_while_the_others_go_on_undisturbed(serving: Serving) -> None:
    service = serving.serve("a")
    serving.pass_time(service)
    follower = service._followers["a"]
    service.assign(serving.assignment("a", "b"))
    serving.write("a", 1)
    serving.write("b", 2)
    serving.pass_time(service)
    assert (serving.counted("a"), serving.counted("b")) == (1, 2)
    assert service._followers["a"] is follower


def test_a_log_that_is_removed_is_committed_and_let_go(serving: Serving) -> None:
    service = serving.serve("a", "b")
    serving.pass_time(service)
    serving.write("b", 2)
    service.step()
    service.assign(serving.assignment("a"))
    assert serving.counted("b") == 2
    serving.write("b", 5)
    serving.pass_time(service)
    assert serving.counted("b") == 2
    service.assign(serving.assignment("a", "b"))
    serving.pass_time(service)
    assert serving.counted("b") == 7


def test_a_log_whose_settings_change_goes_on_where_it_was(serving: Serving) -> None:
    service = serving.serve("a")
    serving.write("a", 2)
    serving.pass_time(service)
    before = serving.assignment("a")
    service.assign(replace(before, logs=(replace(before.logs[0], domain_cap=7),)))
    serving.write("a", 3)
    serving.pass_time(service)
    assert serving.counted("a") == 5


def test_another_state_folder_is_begun_anew(serving: Serving) -> None:
    service = serving.serve("a")
    serving.write("a", 2)
    serving.pass_time(service)
    elsewhere = serving.folder / "elsewhere"
    elsewhere.mkdir()
    service.assign(replace(serving.assignment("a"), folder=elsewhere))
    serving.pass_time(service)
    assert [record.log for record in read_records(elsewhere)] == ["a"]


def test_broken_callbacks_are_judged_as_told_and_that_may_change_while_it_runs(serving: Serving) -> None:
    service = serving.serve("a")
    serving.write("a", 2)
    serving.pass_time(service)
    assert serving.record("a").broken_accounts == 1
    service.assign(serving.assignment("a", judged=False))
    serving.write("a", 3)
    serving.pass_time(service)
    assert serving.record("a").broken_accounts == 0
    assert serving.counted("a", Counted.CALLBACKS_BROKEN) == 2
    service.assign(serving.assignment("a"))
    serving.write("a", 4)
    serving.pass_time(service)
    assert serving.record("a").broken_accounts == 1
    assert serving.counted("a", Counted.CALLBACKS_BROKEN) == 6


def test_accounts_are_forgotten_at_once_when_they_mean_no_harm_any_more(serving: Serving) -> None:
    service = serving.serve("a")
    serving.write("a", 2)
    serving.pass_time(service)
    service.assign(serving.assignment("a", judged=False))
    serving.pass_time(service)
    assert serving.record("a").broken_accounts == 0


class Follower:
    """A real process of the follower, told what to follow through a pipe."""

    def __init__(self, assignment: Assignment, *limits: str) -> None:
        self.connection, theirs = Pipe()
        with theirs:
            number = str(theirs.fileno())
            command = [*limits, sys.executable, "-m", "exporter.accesslog", number]
            self.process = subprocess.Popen(command, pass_fds=[theirs.fileno()], cwd=ROOT, stderr=subprocess.DEVNULL)
        self.connection.send(assignment)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.connection.close()

    def end(self) -> int:
        self.connection.close()
        return self.process.wait(PATIENCE_SECONDS)


@contextmanager
def following(assignment: Assignment, *limits: str) -> Iterator[Follower]:
    follower = Follower(assignment, *limits)
    try:
        yield follower
    finally:
        follower.kill()


def eventually(condition: Callable[[], object]) -> None:
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < give_up, "waited in vain"
        time.sleep(0.02)


def await_trouble(connection: Connection, trouble: Trouble) -> None:
    while connection.poll(PATIENCE_SECONDS):
        if trouble in connection.recv().troubles:
            return
    raise AssertionError("waited in vain")


@pytest.mark.slow
def test_each_line_is_counted_once_however_often_the_process_is_killed(serving: Serving) -> None:
    chance = random.Random(5)
    written = 0
    assignment = serving.assignment("a", "b")
    with following(assignment) as follower:
        assert follower.connection.recv().ready  # what is rotated away before the first start ever is left alone
    for _ in range(10):
        follower = Follower(assignment)
        give_up = time.monotonic() + chance.uniform(0.2, 1.2)
        while time.monotonic() < give_up:
            for name in ("a", "b"):
                serving.write(name, 1)
            written += 1
            time.sleep(0.01)  # the writer's pace
        follower.kill()
        assert serving.counted("a") <= written
        (serving.folder / "a").rename(serving.folder / f"a.{99_999 - written}")
    with following(assignment) as follower:
        eventually(lambda: serving.counted("a") >= written and serving.counted("b") >= written)
        follower.end()
    assert (serving.counted("a"), serving.counted("b")) == (written, written)
    assert serving.counted("a", Counted.LOST_FILES) == 0


def test_a_full_disk_is_told_and_nothing_is_lost_by_it(serving: Serving) -> None:
    """No file may grow beyond a few kilobytes, as on a disk without room."""
    serving.write("a", 50)
    with following(serving.assignment("a"), "prlimit", "--fsize=8192") as follower:
        await_trouble(follower.connection, Trouble.CHECKPOINT)
        assert follower.process.poll() is None
    with following(serving.assignment("a")):
        eventually(lambda: serving.counted("a") == 50)


def test_a_process_whose_exporter_has_gone_commits_and_ends(serving: Serving) -> None:
    with following(serving.assignment("a")) as follower:
        assert follower.connection.recv().ready
        serving.write("a", 5)
        assert follower.end() == 0
    with following(serving.assignment("a")):
        eventually(lambda: serving.counted("a") == 5)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_to_the_whole_group_leave_the_process_to_its_exporter(serving: Serving, number: int) -> None:
    with following(serving.assignment("a")) as follower:
        assert follower.connection.recv().ready
        os.kill(follower.process.pid, number)
        serving.write("a", 5)
        eventually(lambda: serving.counted("a") == 5)
        assert follower.end() == 0
