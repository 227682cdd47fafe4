import grp
import os
import pwd
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from exporter.accesslog.look import MOST_LINES, TAIL_BYTES, look_over
from exporter.config import COMBINED, JSON, AccessLog, LogFormat, log_format
from tests.unprivileged import NOBODY, unprivileged

COMBINED_LINE = '192.0.2.1 - - [23/Nov/2026:01:00:00 +0000] "POST /inbox HTTP/1.1" 202 0 "-" "Mastodon"\n'
JSON_LINE = '{"request":"POST /inbox HTTP/1.1","status":202,"http_user_agent":"Mastodon"}\n'
MAIN_LINE = 'a.example "POST /inbox HTTP/1.1" 202\n'
MAIN = log_format("log_format main '$host \"$request\" $status';")


@pytest.fixture
def log() -> Iterator[Path]:
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # for the tests of what a user may not do
        yield Path(folder) / "access.log"


def look(path: Path, line_format: LogFormat = COMBINED) -> tuple[str, tuple[str, ...]]:
    """Return summary and warnings, without the name and the path that each summary begins with."""
    findings = look_over(AccessLog("qdon", str(path), format=line_format))
    assert findings.summary.startswith(f"qdon: {path}: ")
    assert all(warning.startswith("qdon: ") for warning in findings.warnings)
    return findings.summary.removeprefix(f"qdon: {path}: "), findings.warnings


@pytest.mark.parametrize(("line", "line_format"), [(COMBINED_LINE, COMBINED), (JSON_LINE, JSON), (MAIN_LINE, MAIN)])
def test_a_log_whose_lines_fit_has_no_warning(log: Path, line: str, line_format: LogFormat) -> None:
    log.write_text(3 * line)
    assert look(log, line_format) == (f"1 file, all of the last 3 lines fit the format `{line_format.name}`", ())


def test_the_last_hundred_whole_lines_are_looked_at(log: Path) -> None:
    log.write_text("garbage\n" * 50 + COMBINED_LINE * MOST_LINES + "half a li")
    assert look(log)[0] == "1 file, all of the last 100 lines fit the format `combined`"


def test_of_a_large_log_only_the_end_is_read_and_no_line_cut_in_two(log: Path) -> None:
    long_line = COMBINED_LINE.replace("Mastodon", "M" * (TAIL_BYTES // 3))
    with log.open("wb") as file:
        file.truncate(1 << 40)
        file.seek(0, os.SEEK_END)
        file.write(3 * long_line.encode())
    assert look(log)[0] == "1 file, all of the last 2 lines fit the format `combined`"


def test_a_few_lines_that_do_not_fit_are_told_without_a_warning(log: Path) -> None:
    log.write_text("\x16\x03\n" + COMBINED_LINE)
    assert look(log) == ("1 file, 1 of the last 2 lines fit the format `combined`", ())


def test_a_log_of_another_format_is_told_which_it_is(log: Path) -> None:
    log.write_text(JSON_LINE)
    summary, warnings = look(log)
    assert summary == "1 file, 0 of the last 1 line fit the format `combined`"
    assert warnings == (
        "qdon: most of the last lines do not fit the format `combined`; they fit `json`: write `format: json`",
    )
    log.write_text(COMBINED_LINE)
    assert "write `format: combined`" in look(log, MAIN)[1][0]


def test_a_log_of_no_known_format_is_told_to_paste_it(log: Path) -> None:
    log.write_text(MAIN_LINE)
    (warning,) = look(log)[1]
    assert "nginx -T" in warning
    assert "paste it as `format`" in warning


def test_an_empty_log_is_no_reason_to_worry(log: Path) -> None:
    log.touch()
    assert look(log) == ("1 file, no complete line yet", ())


def test_a_log_that_is_not_there_is_told_with_where_to_look(log: Path) -> None:
    summary, (warning,) = look(log)
    assert summary == "0 files, no complete line yet"
    assert warning.startswith(f"qdon: `{log}` is not there; it is read from its beginning once it appears.")
    assert "nginx -T" in warning


def test_all_files_of_a_glob_are_looked_at_together(log: Path) -> None:
    log.write_text(COMBINED_LINE)
    log.with_name("other.log").write_text(2 * COMBINED_LINE)
    assert look(log.with_name("*.log")) == ("2 files, all of the last 3 lines fit the format `combined`", ())


def test_a_path_with_brackets_that_is_there_is_no_glob(log: Path) -> None:
    named = log.with_name("[a].log")
    named.write_text(COMBINED_LINE)
    assert look(named)[0].startswith("1 file, all")


def test_a_glob_that_matches_nothing_is_told(log: Path) -> None:
    summary, (warning,) = look(log.with_name("*.log"))
    assert summary == "0 files, no complete line yet"
    assert "no file matches" in warning


def test_a_pipe_is_no_log_and_is_never_waited_for(log: Path) -> None:
    os.mkfifo(log)
    (warning,) = look(log)[1]
    assert "is no file but a folder, a pipe or a device" in warning


def test_a_log_that_may_not_be_read_says_which_group_to_join(log: Path) -> None:
    log.touch(mode=0o040)
    if os.geteuid() == 0:
        os.chown(log, -1, next(group.gr_gid for group in grp.getgrall() if group.gr_gid not in (0, NOBODY)))
    group = grp.getgrgid(log.stat().st_gid).gr_name
    with unprivileged():
        user = pwd.getpwuid(os.geteuid()).pw_name
        summary, (warning,) = look(log)
    assert summary == "1 file (1 cannot be read), no complete line yet"
    assert f"may not be read by the user `{user}`; `sudo usermod -aG {group} {user}`, then start" in warning


def test_a_log_that_no_group_may_read_says_how_to_let_one(log: Path) -> None:
    # Root's own group is none to join, whatever it may read.
    log.touch(mode=0o040 if os.geteuid() == 0 else 0)
    with unprivileged():
        (warning,) = look(log)[1]
    assert f"`sudo chgrp adm {log} && sudo chmod g+r {log}`" in warning
    assert "`sudo usermod -aG adm " in warning


def test_a_folder_that_hides_its_files_says_which_group_to_join(log: Path) -> None:
    log.parent.chmod(0)
    with unprivileged():
        warnings = [look(path)[1] for path in (log, log.with_name("*.log"))]
    log.parent.chmod(0o755)
    assert all("`sudo usermod -aG adm " in warning for (warning,) in warnings)
