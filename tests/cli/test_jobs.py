"""`mastodon-remedy jobs` as somebody types it."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from exporter.ledger import (
    MEDIA_SYNC,
    RESUBSCRIBE,
    Job,
    JobCancelled,
    JobState,
    Ledger,
    MediaRun,
    RangeResult,
    Series,
)
from exporter.ledger.schema import LEDGER_NAME
from tests.golden_files import assert_golden
from tests.ledger.media_pages import ACCOUNTS, EMOJIS, ids, page
from tests.ledger.worlds import CONFIRMED, NEVER_SECONDS, PENDING, REFUSED, Clock, await_that

REMEDY = [sys.executable, "-c", "from exporter.cli.remedy import main; main()"]


def jobs(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `mastodon-remedy jobs` to its end."""
    command = [*REMEDY, "jobs", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "state").mkdir()
    return tmp_path / "state"


@pytest.fixture
def config(tmp_path: Path) -> Sequence[str]:
    path = tmp_path / "config.yml"
    path.write_text(yaml.safe_dump({"state_dir": "state", "instances": [{"url": "https://qdon.example"}]}))
    return "-c", str(path)


@pytest.fixture
def history(folder: Path) -> Path:
    """Write down one run of each kind, long ago."""
    clock = Clock()
    with closing(Ledger.open(folder, clock, NEVER_SECONDS)) as ledger:
        with ledger.start(RESUBSCRIBE) as job:
            job.add(CONFIRMED, 12)
            clock.now += 3725
        with ledger.start("restore") as job:
            job.add(Series("restored_subscriptions"), 3)
            job.finish(JobState.FAILED)
        with pytest.raises(JobCancelled), ledger.start("restore"):
            raise JobCancelled
        killed = ledger.start(RESUBSCRIBE)
        killed.count_once("a", CONFIRMED)
        killed.count_once("b", REFUSED)
        killed.set_gauge(PENDING, 2)
    return folder


def test_where_nothing_ran_the_list_is_empty(config: Sequence[str], folder: Path) -> None:
    assert jobs(*config).stdout == "no repair has run yet\n"
    assert jobs(*config, "--format", "json").stdout == "[]\n"
    assert list(folder.iterdir()) == []


def test_the_list_as_json(config: Sequence[str], history: Path) -> None:
    done = jobs("--format", "json", *config)
    assert (done.returncode, done.stderr) == (0, "")
    assert_golden("jobs.json", done.stdout)


def test_the_list_as_text(config: Sequence[str], history: Path) -> None:
    done = jobs(*config)
    assert (done.returncode, done.stderr) == (0, "")
    assert_golden("jobs.txt", done.stdout)


@pytest.fixture
def media_history(folder: Path) -> Path:
    """Write down a media sync that was interrupted, carried on, and has failed in the end."""
    clock = Clock()
    with closing(Ledger.open(folder, clock, NEVER_SECONDS)) as ledger:
        with pytest.raises(KeyboardInterrupt), ledger.start(MEDIA_SYNC, "all") as job:  # noqa: PT012 - it must write first
            MediaRun(job).set_rows({"accounts": 20, "custom_emojis": 7, "imports": 0})
            MediaRun(job).write([in_trouble(), page(5, 10)])
            raise KeyboardInterrupt
        clock.now += 60
        with ledger.start(MEDIA_SYNC, "all") as job:
            MediaRun(job).write([page(10, 20), page(0, 7, EMOJIS)])
            job.finish(JobState.FAILED)
    return folder


def in_trouble() -> RangeResult:
    return RangeResult(ACCOUNTS, 5, {"missing": 1, "failed": 1, "present": 8}, page=ids(0, 5), finished=ids(0, 5))


def test_a_media_sync_is_listed_with_what_it_did_by_class(config: Sequence[str], media_history: Path) -> None:
    (listed,) = json.loads(jobs(*config, "--format", "json").stdout)
    nothing = dict.fromkeys(("copied", "present", "repaired", "refetched", "missing", "gone", "failed"), 0)
    assert listed == {
        "job": "media_sync",
        "state": "failed",
        "started": "2017-04-21T12:00:00+00:00",
        "ended": "2017-04-21T12:01:00+00:00",
        "heartbeat": "2017-04-21T12:01:00+00:00",
        "classes": {
            "accounts": {
                "rows": 20,
                "rows_done": 20,
                "objects": {**nothing, "copied": 30, "present": 8, "missing": 1, "failed": 1},
                "bytes": 3000,
            },
            "custom_emojis": {"rows": 7, "rows_done": 7, "objects": {**nothing, "copied": 14}, "bytes": 1400},
            "imports": {"rows": 0, "rows_done": 0, "objects": nothing, "bytes": 0},
        },
    }


def test_a_media_sync_is_told_in_one_line(config: Sequence[str], media_history: Path) -> None:
    _, line = jobs(*config).stdout.splitlines()
    assert line == (
        "media_sync  failed  2017-04-21 12:00:00 UTC  0:01:00  "
        "copied 44, present 8, missing 1, failed 1, 4.4 kB, 27 of 27 rows"
    )


def test_a_media_sync_can_be_asked_to_stop(config: Sequence[str], folder: Path) -> None:
    with closing(Ledger.open(folder, time.time, beat_seconds=0.05)) as ledger:
        with pytest.raises(JobCancelled), ledger.start(MEDIA_SYNC, "all") as job:  # noqa: PT012 - the raise is awaited
            assert jobs("cancel", MEDIA_SYNC, *config).returncode == 0
            await_that(lambda: stops(job))
        with ledger.start(MEDIA_SYNC, "all") as job:
            assert job.is_carried_on
            job.check()


def test_a_running_job_is_listed_first_and_as_running(config: Sequence[str], history: Path) -> None:
    with closing(Ledger.open(history)) as ledger, ledger.start("undelete"):
        first = json.loads(jobs(*config, "--format", "json").stdout)[0]
    assert (first["job"], first["state"], first["ended"]) == ("undelete", "running", None)


def stops(job: Job) -> bool:
    job.check()
    return False


def test_a_job_is_asked_to_stop_and_stops(config: Sequence[str], folder: Path) -> None:
    with closing(Ledger.open(folder, time.time, beat_seconds=0.05)) as ledger, ledger.start(RESUBSCRIBE) as job:
        done = jobs("cancel", RESUBSCRIBE, *config)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("resubscribe, running since 20")
        assert done.stdout.endswith("has been asked to stop\n")
        with pytest.raises(JobCancelled):
            await_that(lambda: stops(job))
        job.finish(JobState.INTERRUPTED)
    assert json.loads(jobs(*config, "--format", "json").stdout)[0]["state"] == "interrupted"


def test_a_dry_run_asks_nobody(config: Sequence[str], folder: Path) -> None:
    with closing(Ledger.open(folder)) as ledger, ledger.start(RESUBSCRIBE):
        done = jobs("cancel", "--dry-run", RESUBSCRIBE, *config)
        with ledger.file.writing() as connection:
            assert connection.execute("SELECT asked_to_stop FROM runs").fetchall() == [(0,)]
    assert done.returncode == 0
    assert done.stdout.endswith("would be asked to stop\n")


@pytest.mark.parametrize("dry_run", [(), ("--dry-run",)])
def test_where_no_such_job_runs_it_is_said_so(config: Sequence[str], history: Path, dry_run: Sequence[str]) -> None:
    killed = jobs("cancel", *dry_run, RESUBSCRIBE, *config)
    assert (killed.returncode, killed.stdout) == (1, "")
    assert (
        "resubscribe is not running, it ended at 2017-04-21 13:02:05 UTC as interrupted; nothing runs" in killed.stderr
    )
    with closing(Ledger.open(history)) as ledger, ledger.start("undelete"):
        unknown = jobs("cancel", *dry_run, "resubscirbe", *config)
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "no repair of the name resubscirbe has run; what runs: undelete" in unknown.stderr


def test_cancel_without_a_name_is_used_wrongly(config: Sequence[str]) -> None:
    assert jobs("cancel", *config).returncode == 2


def test_a_damaged_ledger_is_told_in_a_sentence(config: Sequence[str], folder: Path) -> None:
    (folder / LEDGER_NAME).write_bytes(b"no database at all" * 1000)
    for arguments in ((), ("--format", "json"), ("cancel", RESUBSCRIBE)):
        done = jobs(*arguments, *config)
        assert (done.returncode, done.stdout) == (1, "")
        assert f"{LEDGER_NAME} is damaged" in done.stderr
        assert "Traceback" not in done.stderr
