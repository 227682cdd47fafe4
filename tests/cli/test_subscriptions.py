"""`mastodon-remedy subscriptions` as somebody types it: files, pipes, what goes where, exit codes."""

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from tests.accesslog.counted_logs import count_log
from tests.accesslog.old_lines import Answer, combined_log, compressed_log

REMEDY = [sys.executable, "-c", "from exporter.cli.remedy import main; main()"]


def broken(*arguments: str, given: bytes | None = None) -> subprocess.CompletedProcess[str]:
    """Run `mastodon-remedy subscriptions broken` to its end; `given` comes through a pipe."""
    command = [*REMEDY, "subscriptions", "broken", *arguments]
    done = subprocess.run(command, input=given, capture_output=True, timeout=60, check=False)
    return subprocess.CompletedProcess(command, done.returncode, done.stdout.decode(), done.stderr.decode())


def configured(folder: Path, logs: Sequence[dict[str, str]]) -> str:
    """Write a configuration with a state folder of its own, and return its name."""
    path = folder / "config.yml"
    settings = {"state_dir": "state", "instances": [{"url": "https://qdon.example"}], "access_logs": logs}
    path.write_text(yaml.safe_dump(settings))
    return str(path)


@pytest.fixture
def log(tmp_path: Path) -> str:
    return combined_log(
        tmp_path / "access.log",
        *(Answer(107, code, second) for second, code in enumerate([404, 301, 404], start=1)),
        Answer(9, 410, 10),
        Answer(9, 200, 11),
        Answer(12, 499, 12),
    )


def test_json_is_what_the_contract_says(log: str) -> None:
    result = broken("--from-log", log, "--format", "json")
    assert (result.returncode, result.stderr) == (0, "")
    assert json.loads(result.stdout) == [
        {"account_id": 9, "failures": 1, "last_code": 410, "last_seen": "2017-04-20T23:00:10+09:00", "recovered": True},
        {
            "account_id": 12, "failures": 1, "last_code": 499,
            "last_seen": "2017-04-20T23:00:12+09:00", "recovered": False,
        },
        {
            "account_id": 107, "failures": 3, "last_code": 404,
            "last_seen": "2017-04-20T23:00:03+09:00", "recovered": False,
        },
    ]  # fmt: skip


def test_json_tells_no_time_where_the_log_tells_none() -> None:
    given = b'{"request": "POST /api/subscriptions/7 HTTP/1.1", "status": "404"}\n'
    (account,) = json.loads(broken("--from-log", "-", "--format", "json", given=given).stdout)
    assert account["last_seen"] is None


def test_ids_are_those_that_are_broken_still_and_nothing_else(log: str) -> None:
    result = broken("--from-log", log, "--format", "ids")
    assert (result.returncode, result.stdout, result.stderr) == (0, "12\n107\n", "")


def test_text_is_a_table_with_the_newest_first_and_a_summary(log: str) -> None:
    result = broken("--from-log", log)
    assert (result.returncode, result.stderr) == (0, "")
    heading, *rows, summary = result.stdout.splitlines()
    assert heading.split() == ["account", "failures", "last", "code", "last", "seen", "since", "then"]
    assert [row.split()[0] for row in rows] == ["12", "9", "107"]
    assert rows[2].split() == ["107", "3", "404", "2017-04-20", "23:00:03+09:00", "broken"]
    assert rows[1].endswith("came through")
    assert summary.startswith("2 broken, 1 that came through since; ")
    assert "--format ids" in summary


@pytest.mark.parametrize(
    ("form", "output"), [("text", "0 broken, 0 that came through since\n"), ("json", "[]\n"), ("ids", "")]
)
def test_a_log_without_harm_ends_with_0(tmp_path: Path, form: str, output: str) -> None:
    name = combined_log(tmp_path / "access.log", Answer(1, 200), Answer(2, 502))
    result = broken("--from-log", name, "--format", form)
    assert (result.returncode, result.stdout, result.stderr) == (0, output, "")


def test_several_logs_are_put_in_the_order_of_time(tmp_path: Path, log: str) -> None:
    older = compressed_log(tmp_path / "access.log.1.gz", Answer(12, 200, 0), Answer(3, 404, 0))
    newer = combined_log(tmp_path / "newer.log", Answer(107, 202, 600))
    for arguments in (["--from-log", newer, "--from-log", log, "--from-log", older], ["--from-log", newer, log, older]):
        assert broken(*arguments, "--format", "ids").stdout == "3\n12\n"


@pytest.mark.parametrize("compressed", [False, True])
def test_standard_input_is_read_through_a_pipe(compressed: bool) -> None:
    text = (Answer(107).combined() * 1000).encode()
    result = broken("--from-log", "-", "--format", "ids", given=gzip.compress(text) if compressed else text)
    assert (result.returncode, result.stdout, result.stderr) == (0, "107\n", "")


def test_two_names_of_standard_input_are_one_log() -> None:
    given = (Answer(107).combined() * 1000).encode()
    (account,) = json.loads(broken("--from-log", "-", "/dev/stdin", "-", "--format", "json", given=given).stdout)
    assert account["failures"] == 1000


def test_a_log_that_cannot_be_read_ends_with_1_and_nothing_is_printed(tmp_path: Path, log: str) -> None:
    result = broken("--from-log", log, "--from-log", str(tmp_path / "nowhere.log"), "--format", "ids")
    assert (result.returncode, result.stdout) == (1, "")
    assert "nowhere.log` cannot be read: No such file or directory" in result.stderr


def test_a_damaged_log_ends_with_1_and_nothing_is_printed(tmp_path: Path, log: str) -> None:
    damaged = tmp_path / "access.log.1.gz"
    damaged.write_bytes(gzip.compress(os.urandom(1000).hex().encode() + Path(log).read_bytes())[:-20])
    result = broken("--from-log", log, "--from-log", str(damaged), "--access-log-format", "combined")
    assert (result.returncode, result.stdout) == (1, "")
    assert "is damaged" in result.stderr


def test_what_could_be_saved_of_a_damaged_log_can_be_read_as_the_message_says(tmp_path: Path) -> None:
    damaged = tmp_path / "access.log.1.gz"
    damaged.write_bytes(gzip.compress((Answer(107).combined() * 100_000).encode())[:-20])
    refused = broken("--from-log", str(damaged))
    advice = refused.stderr.partition("`zcat")[2].partition("`")[0].replace("mastodon-remedy", "remedy")
    remedy = f"remedy() {{ '{sys.executable}' -c 'from exporter.cli.remedy import main; main()' \"$@\"; }}"
    script = f"{remedy}\nzcat{advice} --format ids"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "107\n"


def test_a_format_that_cannot_be_found_out_ends_with_2_and_is_then_given(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    path.write_text("404 POST /api/subscriptions/107 HTTP/1.1\n")
    refused = broken("--from-log", str(path), "--format", "ids")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "--access-log-format" in refused.stderr
    given = broken("--from-log", str(path), "--access-log-format", "$status $request", "--format", "ids")
    assert (given.returncode, given.stdout, given.stderr) == (0, "107\n", "")


def test_lines_that_were_passed_over_are_told_beside_the_result() -> None:
    given = (Answer().combined() + "subscriptions\n").encode()
    result = broken("--from-log", "-", "--format", "ids", given=given)
    assert (result.returncode, result.stdout) == (0, "107\n")
    assert result.stderr.startswith("mastodon-remedy: standard input: passed over 1 line")


@pytest.mark.parametrize("name", ["access.log", "access.log.3", "access.log-20170421", "access.1.log"])
def test_a_rotated_file_is_read_in_the_format_and_for_the_host_of_the_configured_log(tmp_path: Path, name: str) -> None:
    line = '404 {} "POST /api/subscriptions/{} HTTP/1.1"\n'
    (tmp_path / name).write_text(line.format("qdon.example", 1) + line.format("other.example", 2))
    settings = {"path": "access.log", "format": '$status $host "$request"', "host": "qdon.example"}
    config = configured(tmp_path, [settings])
    result = broken("-c", config, "--from-log", str(tmp_path / name), "--format", "ids")
    assert (result.returncode, result.stdout, result.stderr) == (0, "1\n", "")


def test_a_file_of_another_name_is_read_as_the_chosen_log(tmp_path: Path) -> None:
    (tmp_path / "copy").write_text("404 POST /api/subscriptions/7 HTTP/1.1\n")
    config = configured(tmp_path, [{"path": "access.log", "format": "$status $request", "name": "front"}])
    result = broken("-c", config, "--from-log", str(tmp_path / "copy"), "--log", "front", "--format", "ids")
    assert (result.returncode, result.stdout) == (0, "7\n")


def test_without_files_what_the_exporter_has_counted_is_told(tmp_path: Path) -> None:
    config = configured(tmp_path, [{"path": "access.log", "name": "front"}, {"path": "b.log", "name": "back"}])
    count_log(tmp_path / "state", "front", [Answer(107), Answer(9), Answer(9, 200)])
    count_log(tmp_path / "state", "back", [Answer(3)])
    count_log(tmp_path / "state", "gone", [Answer(4)])
    result = broken("-c", config, "--format", "ids")
    assert (result.returncode, result.stdout, result.stderr) == (0, "3\n107\n", "")
    assert broken("-c", config, "--log", "back", "--format", "ids").stdout == "3\n"
    assert [one["recovered"] for one in json.loads(broken("-c", config, "--format", "json").stdout)] == [
        False,
        True,
        False,
    ]


def test_where_nothing_has_been_counted_yet_the_way_on_is_told(tmp_path: Path) -> None:
    result = broken("-c", configured(tmp_path, [{"path": "access.log"}]), "--format", "ids")
    assert (result.returncode, result.stdout) == (1, "")
    assert "mastodon-exporter serve" in result.stderr
    assert "--from-log" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["access.log"], "--from-log"),
        (["--access-log-format", "combined"], "--from-log"),
        (["--from-log", "-", "--access-log-format", "$nothing"], "--access-log-format"),
        (["--from-log", "-", "--log", "one", "--log", "two"], "--log"),
        (["--from-log", "-", "--log", "unknown"], "unknown"),
    ],
)
def test_a_wrong_use_ends_with_2_and_names_what_is_wrong(arguments: list[str], word: str) -> None:
    result = broken(*arguments, given=Answer().combined().encode())
    assert (result.returncode, result.stdout) == (2, "")
    assert word in result.stderr


def test_what_a_file_is_called_cannot_steer_the_terminal(tmp_path: Path) -> None:
    result = broken("--from-log", str(tmp_path / "\x1b[2J"))
    assert "\\x1b" in result.stderr
    assert "\x1b" not in result.stderr


def test_neither_a_web_client_nor_a_table_is_loaded_to_read_old_logs(log: str) -> None:
    code = (
        "import sys\nfrom exporter.cli.remedy import remedy\n"
        f"remedy.main(['subscriptions', 'broken', '--from-log', {log!r}], standalone_mode=False)\n"
        "sys.exit(' '.join({'requests', 'pycurl', 'prometheus_client', 'rich', 'sqlite3', 'boto3'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (1, "\n")


def test_a_damaged_store_is_a_failure_and_no_wrong_use(tmp_path: Path) -> None:
    config = configured(tmp_path, [{"path": "access.log"}])
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "accesslogs.sqlite3").write_bytes(b"no database at all" * 1000)
    result = broken("-c", config)
    assert (result.returncode, result.stdout) == (1, "")
    assert "damaged" in result.stderr
