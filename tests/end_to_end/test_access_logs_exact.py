"""Every line that a real nginx writes is counted once, whatever happens to the files and to the exporter.

The figures are reduced; `make soak` runs the full ones (1,000 rotations, 100 kills).
"""

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from tests.end_to_end.log_storm import Exporter, Load, Nginx, running_nginx, scraped, wait_until
from tests.end_to_end.programs_under_test import free_port
from tests.programs import need_program

FULL = os.environ.get("SOAK") == "full"
ROTATIONS = 1000 if FULL else 50
KILLS = 100 if FULL else 20
SEED = 7
ROTATION_SECONDS = 0.3

LINES = 'mastodon_accesslog_lines_total{log="qdon"}'
PIPELINE = """cat {files} | grep /api/subscriptions/ | egrep '" [34][0-9][0-9] ' | grep -v '" 429 ' | wc -l"""

pytestmark = pytest.mark.slow


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[Nginx]:
    with running_nginx(need_program("nginx"), tmp_path, SEED) as nginx:
        yield nginx


@pytest.fixture
def exporter(nginx: Nginx, tmp_path: Path) -> Iterator[Exporter]:
    config = tmp_path / "config.yml"
    log = {"path": str(nginx.log), "name": "qdon", "start_at": "beginning", "subscriptions": "on"}
    settings = {"state_dir": str(tmp_path / "state"), "allow_unlisted_targets": True, "access_logs": [log]}
    config.write_text(yaml.safe_dump(settings))
    exporter = Exporter(config, free_port(), tmp_path / "exporter.log")
    exporter.start()
    try:
        exporter.await_ready()
        yield exporter
    finally:
        exporter.stop()


def test_each_line_is_counted_once_through_renames_and_kills(nginx: Nginx, exporter: Exporter) -> None:
    load = Load(nginx, pause_seconds=0.01)
    chance = random.Random(SEED)
    kills = set(chance.sample(range(ROTATIONS), min(KILLS, ROTATIONS)))
    with scraped(exporter):
        for rotation in range(ROTATIONS):
            time.sleep(chance.uniform(0, 2 * ROTATION_SECONDS))  # what is tested is chance itself
            nginx.rotate()
            if rotation in kills:
                time.sleep(chance.uniform(0, ROTATION_SECONDS))
                exporter.kill(chance.choice(["exporter", "follower", "both"]))
        load.end()
        counted_all_of(nginx, exporter, load)
    assert sum(exporter.kills.values()) == KILLS


def test_each_line_is_counted_once_through_truncation_while_nobody_writes(nginx: Nginx, exporter: Exporter) -> None:
    load = Load(nginx, pause_seconds=0.002)
    chance = random.Random(SEED)
    kills = set(chance.sample(range(ROTATIONS), min(KILLS, ROTATIONS)))
    with scraped(exporter):
        for rotation in range(ROTATIONS):
            time.sleep(chance.uniform(0, 2 * ROTATION_SECONDS))
            load.rest()
            # nginx writes after it has answered
            wait_until(lambda: nginx.truncated_lines + nginx.live_lines() == load.answered)
            nginx.copy_and_truncate()
            load.go_on()
            if rotation in kills:
                exporter.kill(chance.choice(["exporter", "follower", "both"]))
        load.end()
        counted_all_of(nginx, exporter, load)


def test_copytruncate_under_load_loses_only_what_no_file_holds(
    nginx: Nginx, exporter: Exporter, capsys: pytest.CaptureFixture[str]
) -> None:
    """Measure the window that copytruncate has for everybody: between the end of the copy and the truncation."""
    load = Load(nginx, pause_seconds=0.002)
    began = time.monotonic()
    for _ in range(ROTATIONS):
        time.sleep(ROTATION_SECONDS)
        nginx.copy_and_truncate()
    load.end()
    seconds = time.monotonic() - began
    in_files = len(nginx.lines())
    await_counted(exporter, in_files)
    counted = exporter.scrape()[LINES]
    with capsys.disabled():
        sys.stdout.write(
            f"\ncopytruncate, {ROTATIONS} times under {load.answered / seconds:,.0f} lines/s: {load.answered} written, "
            f"{load.answered - in_files} in no file, {load.answered - counted:.0f} not counted\n"
        )
    assert in_files <= counted <= load.answered


def await_counted(exporter: Exporter, lines: int) -> None:
    """Return once at least so many lines are counted, and whatever is counted twice had its time, too."""
    with suppress(AssertionError):
        wait_until(lambda: exporter.scrape().get(LINES, 0) >= lines, 60)
    time.sleep(1.5)
    series = exporter.scrape()
    assert series[LINES] >= lines, {name: value for name, value in series.items() if "accesslog" in name}


def counted_all_of(nginx: Nginx, exporter: Exporter, load: Load) -> None:
    """Wait until nothing is left to be counted, and compare with what was written, sent, and with the pipeline."""
    wait_until(lambda: len(nginx.lines()) == load.answered)
    lines = nginx.lines()
    await_counted(exporter, len(lines))
    series = exporter.scrape()
    assert series[LINES] == len(lines)
    assert series['mastodon_accesslog_unparsed_lines_total{log="qdon"}'] == 0
    assert series['mastodon_accesslog_lost_files_total{log="qdon"}'] == 0
    assert series['mastodon_subscription_callbacks_broken_total{log="qdon"}'] == broken_by_the_pipeline(nginx, lines)
    assert series['mastodon_inbox_deliveries_total{code="401",log="qdon"}'] == sum(
        b"POST /inbox" in one for one in lines
    )
    assert exporter.went_back == []


def broken_by_the_pipeline(nginx: Nginx, lines: list[bytes]) -> int:
    """Return what the write-up's own command counts."""
    everything = nginx.folder / "everything.log"
    everything.write_bytes(b"\n".join(lines) + b"\n")
    shell = subprocess.run(PIPELINE.format(files=everything), shell=True, capture_output=True, check=True)
    return int(shell.stdout)
