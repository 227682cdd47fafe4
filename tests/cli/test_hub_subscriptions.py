"""`mastodon-remedy subscriptions backup|restore|undelete` as somebody, or cron, types it."""

import gzip
import json
import os
import pty
import stat
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from exporter.ledger import Ledger, Series, read_ledger
from tests.mastodon_rows import add_account, add_subscription
from tests.postgres import PASSWORD, Postgres
from tests.subscriptions.hub_database import HubDatabase, hub_database

REMEDY = [sys.executable, "-c", "from exporter.cli.remedy import main; main()"]
SECRET = "5ec1e7" * 5


@dataclass(frozen=True)
class Server:
    """A server with a configuration; commands run against it."""

    hub: HubDatabase
    folder: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `mastodon-remedy subscriptions` without a terminal, and see that no secret is shown."""
        command = [*REMEDY, "-c", str(self.folder / "config.yml"), "subscriptions", *arguments]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL
        )
        for secret in (SECRET, PASSWORD):
            assert secret not in done.stdout + done.stderr
        return done

    def outcome(self, *arguments: str) -> tuple[int, str]:
        done = self.run(*arguments)
        return done.returncode, done.stderr

    def document(self, *arguments: str) -> object:
        done = self.run(*arguments, "--format", "json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def jobs(self) -> list[tuple[str, str]]:
        record = read_ledger(self.folder / "state")
        return [(job.job, job.state.value) for job in record.jobs] if record else []

    def lose(self, ids: Sequence[int]) -> None:
        self.hub.run("DELETE FROM subscriptions WHERE id = ANY(%s)", list(ids))


def server_of(postgres: Postgres, shape: str, folder: Path) -> Server:
    hub = hub_database(postgres, shape, folder)
    config = {"state_dir": "state", "instances": [], "database": {"url": hub.url}}
    (folder / "config.yml").write_text(yaml.safe_dump(config))
    return Server(hub, folder)


@pytest.fixture
def server(postgres: Postgres, tmp_path: Path) -> Server:
    return server_of(postgres, "2.9", tmp_path)


@pytest.fixture
def soft(postgres: Postgres, tmp_path: Path) -> Server:
    return server_of(postgres, "soft", tmp_path)


def add_three(server: Server, **columns: object) -> list[int]:
    return [add_subscription(server.hub.url, add_account(server.hub.url), secret=SECRET, **columns) for _ in range(3)]


def test_what_was_backed_up_and_lost_is_restored_and_the_ledger_proves_each_run(server: Server) -> None:
    ids = add_three(server)
    before = server.hub.table()
    file = str(server.folder / "subscriptions-{date}.gz")
    done = server.run("backup", file)
    (written,) = server.folder.glob("subscriptions-20??-??-??.gz")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"3 subscriptions in {written}\n", "")
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    server.lose(ids[:2])
    restored = server.run("restore", str(written), "--yes")
    assert (restored.returncode, restored.stdout.splitlines()[-2:]) == (
        0, ["2 of 3 restored", "           1  skipped: it is there"]
    )  # fmt: skip
    assert server.hub.table() == before
    assert server.jobs() == [("subscriptions_restore", "done"), ("subscriptions_backup", "done")]
    record = read_ledger(server.folder / "state")
    assert record is not None
    assert record.totals == {
        Series("subscriptions", ("backed up",)): 3, Series("subscriptions", ("restored",)): 2
    }  # fmt: skip


def test_json_of_a_backup_tells_the_file_and_its_checksum(server: Server) -> None:
    add_three(server)
    file = server.folder / "s.gz"
    told = server.document("backup", str(file))
    first = json.loads(gzip.decompress(file.read_bytes()).splitlines()[0])
    assert told == {"file": str(file), "rows": 3, "created": first["created"], "sha256": first["sha256"]}


def test_a_dry_run_of_a_backup_writes_nothing(server: Server) -> None:
    add_three(server)
    file = server.folder / "s.gz"
    done = server.run("backup", str(file), "--dry-run")
    assert (done.returncode, done.stdout) == (0, f"3 subscriptions would be written to {file}\n")
    assert not file.exists()
    assert server.jobs() == []


def test_a_dry_run_shows_row_by_row_what_would_happen_and_why_not(server: Server) -> None:
    ids = add_three(server)
    file = str(server.folder / "s.gz")
    server.run("backup", file)
    server.lose(ids[:1])
    rows = server.hub.run("SELECT id, account_id, callback_url FROM subscriptions ORDER BY id")
    document = server.document("restore", file, "--dry-run")
    assert isinstance(document, list)
    planned, *skipped = document
    assert (planned["id"], planned["result"], planned["reason"], planned["detail"]) == (ids[0], "planned", None, "")
    assert skipped == [
        {
            "id": number, "account_id": account, "callback_url": callback, "result": "skipped",
            "reason": "present", "detail": "it is there", "new_id": None,
        }
        for number, account, callback in rows
    ]  # fmt: skip
    text = server.run("restore", file, "--dry-run").stdout.splitlines()
    assert text[0].split() == ["subscription", "account", "result", "callback"]
    assert [line.split()[2] for line in text[1:4]] == ["planned", "skipped", "skipped"]
    assert text[2].endswith("(it is there)")
    assert text[4] == "1 of 3 would be restored; nothing was changed"
    assert len(server.hub.table()) == 2
    assert [job for job, _ in server.jobs()] == ["subscriptions_backup"]


def test_an_empty_listing_is_json_too(server: Server) -> None:
    file = str(server.folder / "s.gz")
    server.run("backup", file)
    assert server.document("restore", file) == []


def test_a_hostile_callback_is_shown_in_one_harmless_line(server: Server) -> None:
    callback = "https://a.example/\x1b[2J\r\n\u202egnp" + "x" * 5000
    add_subscription(server.hub.url, add_account(server.hub.url), callback_url=callback)
    file = str(server.folder / "s.gz")
    server.run("backup", file)
    lines = server.run("restore", file, "--dry-run").stdout.splitlines()
    assert "https://a.example/\\x1b[2J\\r\\n\\u202egnp" in lines[1]
    assert len(lines[1]) < 400


@pytest.mark.parametrize("command", ["restore", "undelete"])
def test_many_rows_without_a_terminal_need_yes(soft: Server, command: str) -> None:
    ids = add_three(soft)
    file = str(soft.folder / "s.gz")
    arguments = ["restore", file] if command == "restore" else ["undelete"]
    soft.run("backup", file)
    if command == "restore":
        soft.lose(ids)
    else:
        soft.hub.run("UPDATE subscriptions SET deleted_at = now()")
    before = soft.hub.table()
    code, said = soft.outcome(*arguments)
    assert code == 2
    assert "3 subscriptions, and nobody to ask: say --yes" in said
    assert soft.hub.table() == before
    assert [job for job, _ in soft.jobs()] == ["subscriptions_backup"]
    assert soft.outcome(*arguments, "--yes")[0] == 0
    assert soft.hub.table() != before


def test_one_row_needs_no_yes(server: Server) -> None:
    ids = add_three(server)
    file = str(server.folder / "s.gz")
    server.run("backup", file)
    server.lose(ids[:1])
    assert server.outcome("restore", file)[0] == 0
    assert len(server.hub.table()) == 3


@pytest.mark.parametrize(("answer", "code", "rows"), [(b"y\n", 0, 3), (b"n\n", 1, 0), (b"\n", 1, 0), (b"\x04", 130, 0)])
def test_on_a_terminal_many_rows_are_asked_about(server: Server, answer: bytes, code: int, rows: int) -> None:
    ids = add_three(server)
    file = str(server.folder / "s.gz")
    server.run("backup", file)
    server.lose(ids)
    ours, theirs = pty.openpty()
    command = [*REMEDY, "-c", str(server.folder / "config.yml"), "subscriptions", "restore", file]
    with subprocess.Popen(command, stdin=theirs, stderr=theirs, stdout=subprocess.DEVNULL) as process:
        os.close(theirs)
        seen = b""
        while b"Go on?" not in seen:
            seen += os.read(ours, 1024)
        os.write(ours, answer)
        assert process.wait(60) == code
    os.close(ours)
    assert b"3 of 3 subscriptions are to be restored" in seen
    assert len(server.hub.table()) == rows


def test_undelete_brings_soft_deleted_rows_back(soft: Server) -> None:
    ids = add_three(soft)
    before = soft.hub.table()
    soft.hub.run("UPDATE subscriptions SET deleted_at = now()")
    planned = soft.document("undelete", "--dry-run")
    assert isinstance(planned, list)
    assert [(row["id"], row["result"]) for row in planned] == [(number, "planned") for number in ids]
    done = soft.document("undelete", "--yes")
    assert isinstance(done, list)
    assert [(row["id"], row["result"]) for row in done] == [(number, "undeleted") for number in ids]
    assert soft.hub.table() == before
    assert soft.jobs() == [("subscriptions_undelete", "done")]


@pytest.mark.parametrize("arguments", [["undelete"], ["undelete", "--dry-run"]])
def test_undelete_says_so_where_there_is_no_soft_deletion(server: Server, arguments: list[str]) -> None:
    code, said = server.outcome(*arguments)
    assert code == 1
    assert said.startswith("mastodon-remedy: this server's table `subscriptions` has no column `deleted_at`")


@pytest.mark.parametrize("command", ["backup", "restore", "undelete"])
def test_a_server_without_pubsubhubbub_ends_with_a_sentence(postgres: Postgres, tmp_path: Path, command: str) -> None:
    file = str(tmp_path / "subscriptions.gz")
    hub_database(postgres, "2.9", tmp_path).back_up()
    arguments = [] if command == "undelete" else [file]
    code, said = server_of(postgres, "4.3", tmp_path).outcome(command, *arguments)
    assert code == 1
    assert "no PubSubHubbub" in said
    assert "Traceback" not in said


def test_a_failed_backup_is_no_success_in_the_ledger_and_keeps_the_file_before(server: Server) -> None:
    file = server.folder / "s.gz"
    file.write_bytes(b"yesterday's")
    server.hub.run("ALTER TABLE subscriptions RENAME TO elsewhere")
    try:
        assert server.outcome("backup", str(file))[0] == 1
    finally:
        server.hub.run("ALTER TABLE elsewhere RENAME TO subscriptions")
    assert file.read_bytes() == b"yesterday's"
    assert ("subscriptions_backup", "done") not in server.jobs()


def test_a_second_run_names_the_first_and_touches_nothing(server: Server) -> None:
    state = server.folder / "state"
    state.mkdir()
    ledger = Ledger.open(state)
    with ledger.start("subscriptions_backup"):
        code, said = server.outcome("backup", str(server.folder / "s.gz"))
    ledger.close()
    assert code == 1
    assert "subscriptions_backup is running already" in said
    assert not (server.folder / "s.gz").exists()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda packed: packed[:-5], "cut off"),
        (lambda packed: b"hello", "not gzip"),
        (lambda packed: gzip.compress(gzip.decompress(packed).replace(b'"confirmed":true', b'"confirmed":false')), ""),
    ],
)
def test_a_spoilt_file_ends_with_a_sentence_and_restores_nothing(
    server: Server, spoil: Callable[[bytes], bytes], words: str
) -> None:
    ids = add_three(server)
    file = server.folder / "s.gz"
    server.run("backup", str(file))
    file.write_bytes(spoil(file.read_bytes()))
    server.lose(ids)
    for flag in ("--yes", "--dry-run"):
        code, said = server.outcome("restore", str(file), flag)
        assert code == 1
        assert said.startswith(f"mastodon-remedy: {file}")
        assert "nothing was restored" in said
        assert words in said
    assert server.hub.table() == []


def test_columns_that_one_side_lacks_are_told(postgres: Postgres, tmp_path: Path) -> None:
    soft = server_of(postgres, "soft", tmp_path)
    add_three(soft)
    soft.run("backup", str(tmp_path / "s.gz"))
    old = server_of(postgres, "1.3", tmp_path)
    said = old.run("restore", str(tmp_path / "s.gz"), "--dry-run").stderr
    assert "the database lacks these columns of the backup, which are left out: domain, deleted_at" in said


def test_without_a_database_in_the_configuration_the_user_is_told_what_to_write(tmp_path: Path) -> None:
    done = subprocess.run(
        [*REMEDY, "subscriptions", "backup", str(tmp_path / "s.gz")],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "no database is configured: write `database:" in done.stderr


@pytest.mark.parametrize("command", ["backup", "restore", "undelete"])
def test_every_help_has_an_example(command: str) -> None:
    done = subprocess.run(
        [*REMEDY, "subscriptions", command, "-h"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0
    assert f"Example: mastodon-remedy subscriptions {command}" in done.stdout
