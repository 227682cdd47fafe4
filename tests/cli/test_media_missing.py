"""`mastodon-remedy media missing` as somebody types it."""

import csv
import io
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from exporter.config.media_model import S3Settings
from exporter.ledger import MEDIA_SYNC, Ledger, MediaRecord, MediaRun, RangeResult, Scope, Trouble
from exporter.ledger.schema import LEDGER_NAME
from exporter.media.destination import destination_digest
from tests.golden_files import assert_golden
from tests.ledger.worlds import NEVER_SECONDS, Clock

REMEDY = [sys.executable, "-c", "from exporter.cli.remedy import main; main()"]
ENDPOINT = "https://s3.example.com"
HERE = destination_digest(S3Settings("media", ENDPOINT))
ELSEWHERE = destination_digest(S3Settings("before", ENDPOINT))

# One with what CSV has to quote, one that would colour a terminal, one that failed, one of another destination.
EMOJI = Trouble("custom_emojis", 7, 'custom_emojis/images/000/000/007/original/b l,o"b.png', "missing", "far.example")
AVATAR = Trouble("accounts", -99, "accounts/avatars/000/000/099/original/\x1b[31müber.png", "missing")
HEADER = Trouble("accounts", 12, "accounts/headers/000/000/012/original/a.png", "failed", "far.example", "503 SlowDown")
ICON = Trouble("site_uploads", 1, "site_uploads/files/000/000/001/original/a.png", "missing")


def missing(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `mastodon-remedy media missing` to its end."""
    command = [*REMEDY, "media", "missing", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def configured(folder: Path, name: str, more: Mapping[str, object]) -> Sequence[str]:
    path = folder.parent / name
    base = {"state_dir": str(folder), "instances": [{"url": "https://qdon.example"}]}
    path.write_text(yaml.safe_dump({**base, **more}))
    return "-c", str(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "state").mkdir()
    return tmp_path / "state"


@pytest.fixture
def config(folder: Path) -> Sequence[str]:
    destination = {"endpoint": ENDPOINT, "bucket": "media"}
    source = {"path": "/home/mastodon/live/public/system"}
    media = {"destination": destination, "source": source}
    return configured(folder, "media.yml", {"media": media, "database": {"url": "postgresql://nobody@db.invalid/no"}})


@pytest.fixture
def history(folder: Path) -> Path:
    """Write down what a run has found."""
    with closing(Ledger.open(folder, Clock(), NEVER_SECONDS)) as ledger, ledger.start(MEDIA_SYNC) as job:
        for destination, one in ((HERE, EMOJI), (HERE, AVATAR), (HERE, HEADER), (ELSEWHERE, ICON)):
            scope = Scope(destination, one.media_class, "all")
            MediaRun(job).write([RangeResult(scope, 1, {one.result: 1}, troubles=(one,))])
    return folder


def test_the_list_as_text(config: Sequence[str], history: Path) -> None:
    done = missing(*config)
    assert (done.returncode, done.stderr) == (0, "")
    assert_golden("media_missing.txt", done.stdout)


def test_the_list_as_json(config: Sequence[str], history: Path) -> None:
    done = missing("--format", "json", *config)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == [
        {"class": "accounts", "id": -99, "domain": None, "key": AVATAR.key},
        {"class": "custom_emojis", "id": 7, "domain": "far.example", "key": EMOJI.key},
    ]


def test_the_list_as_csv(config: Sequence[str], history: Path) -> None:
    done = missing("--format", "csv", *config)
    assert (done.returncode, done.stderr) == (0, "")
    assert list(csv.reader(io.StringIO(done.stdout))) == [
        ["class", "id", "domain", "key"],
        ["accounts", "-99", "", AVATAR.key.replace("\x1b", "\\x1b")],
        ["custom_emojis", "7", "far.example", EMOJI.key],
    ]


def test_those_that_failed_are_listed_with_why(config: Sequence[str], history: Path) -> None:
    reopened = Trouble("accounts", 3, "accounts/avatars/000/000/003/original/a.png", "any", None, "size")
    MediaRecord(history).reopen(HERE, [reopened])
    listed = json.loads(missing("--failed", "--format", "json", *config).stdout)
    assert [(one["id"], one["detail"]) for one in listed] == [(3, "size"), (12, "503 SlowDown")]
    rows = list(csv.reader(io.StringIO(missing("--failed", "--format", "csv", *config).stdout)))
    assert [row[4] for row in rows] == ["detail", "size", "503 SlowDown"]
    assert "a.png  (503 SlowDown)\n" in missing("--failed", *config).stdout


def test_without_media_in_the_configuration_those_of_all_destinations_are_listed(folder: Path, history: Path) -> None:
    done = missing("--format", "json", *configured(folder, "none.yml", {}))
    assert {one["class"] for one in json.loads(done.stdout)} == {"accounts", "custom_emojis", "site_uploads"}


def test_where_nothing_is_missing_the_list_is_empty_and_no_ledger_is_made(config: Sequence[str], folder: Path) -> None:
    assert missing(*config).stdout == "nothing, as far as media have been moved\n"
    assert missing("--format", "json", *config).stdout == "[]\n"
    assert missing("--format", "csv", *config).stdout == "class,id,domain,key\n"
    assert list(folder.iterdir()) == []


def test_many_are_one_list_and_of_the_domains_the_worst_are_named(config: Sequence[str], folder: Path) -> None:
    troubles = tuple(
        Trouble("preview_cards", number, f"preview_cards/{number}", "missing", f"of{min(number % 40, 12)}.example")
        for number in range(2500)
    )
    with closing(Ledger.open(folder, Clock(), NEVER_SECONDS)) as ledger, ledger.start(MEDIA_SYNC) as job:
        result = RangeResult(Scope(HERE, "preview_cards", "all"), 2500, {"missing": 2500}, troubles=troubles)
        MediaRun(job).write([result])
    assert [one["id"] for one in json.loads(missing("--format", "json", *config).stdout)] == list(range(2500))
    *_, total, domains = missing(*config).stdout.splitlines()
    assert total == "2500 objects: preview_cards 2500"
    assert domains.startswith("by domain: of12.example 1744, of0.example 63, ")
    assert domains.endswith(", and 3 more")


def test_a_damaged_ledger_is_told_in_a_sentence(config: Sequence[str], folder: Path) -> None:
    (folder / LEDGER_NAME).write_bytes(b"no database at all" * 1000)
    done = missing(*config)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{LEDGER_NAME} is damaged" in done.stderr
    assert "Traceback" not in done.stderr
