"""Access logs as somebody types them: the flag of `serve`, and what `check-config` says of them."""

import socket
from pathlib import Path

import pytest
import yaml

from tests.end_to_end.programs_under_test import command, free_port, run, started

COMBINED_LINE = '192.0.2.1 - - [23/Nov/2026:01:00:00 +0000] "POST /inbox HTTP/1.1" 202 0 "-" "Mastodon"\n'
JSON_LINE = '{"request":"POST /inbox HTTP/1.1","status":202}\n'


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.yml"
    logs = [{"path": "access.log", "name": "front"}, {"path": "more/*.log", "name": "more"}]
    settings = {"instances": [{"name": "qdon", "url": "https://qdon.example"}], "access_logs": logs}
    path.write_text(yaml.safe_dump(settings))
    return path


def test_check_config_says_how_many_files_there_are_and_that_their_lines_fit(config: Path) -> None:
    (config.parent / "more").mkdir()
    for name in ("access.log", "more/a.log", "more/b.log"):
        (config.parent / name).write_text(2 * COMBINED_LINE)
    result = run("check-config", "-c", str(config))
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        f"{config}: good, 1 instance, 2 access logs",
        f"front: {config.parent}/access.log: 1 file, all of the last 2 lines fit the format `combined`",
        f"more: {config.parent}/more/*.log: 2 files, all of the last 4 lines fit the format `combined`",
    ]


def test_check_config_warns_of_what_is_not_there_or_does_not_fit_and_ends_with_0(config: Path) -> None:
    (config.parent / "access.log").write_text(JSON_LINE)
    result = run("check-config", "-c", str(config))
    assert result.returncode == 0
    assert len(result.stdout.splitlines()) == 3
    first, second = result.stderr.splitlines()
    assert first.startswith("warning: front: ")
    assert "write `format: json`" in first
    assert second.startswith("warning: more: no file matches")


def test_what_a_file_is_called_cannot_steer_the_terminal(config: Path) -> None:
    (config.parent / "more").mkdir()
    (config.parent / "more" / "\x1b[2J.log").mkdir()
    result = run("check-config", "-c", str(config))
    assert "\\x1b" in result.stderr
    assert "\x1b" not in result.stdout + result.stderr


def test_serve_takes_several_logs_and_needs_no_instance(tmp_path: Path) -> None:
    logs = [word for name in ("a.log", "b.log") for word in ("--access-log", str(tmp_path / name))]
    port = free_port()
    arguments = command("serve", *logs, "--listen", f"127.0.0.1:{port}")
    with started(arguments, f"http://127.0.0.1:{port}", tmp_path / "exporter.log") as running:
        assert running.get("/metrics").status_code == 200


def test_a_wrong_log_ends_with_2_and_a_sentence_before_anything_listens(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        result = run("serve", "--access-log", f"{tmp_path}/", "--listen", f"127.0.0.1:{listener.getsockname()[1]}")
    assert (result.returncode, result.stdout) == (2, "")
    assert "--access-log" in result.stderr
    assert "must name a file" in result.stderr
