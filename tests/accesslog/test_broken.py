"""What old logs tell: the same as counting every line, in the order of time, and never a guess."""

import gzip
import random
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.accesslog.accounts import AccountDeliveries, Accounts
from exporter.accesslog.broken import BrokenAccounts, find_broken
from exporter.accesslog.scanner import scanner
from exporter.accesslog.tally import Tally, TallySettings, TallyState
from exporter.accesslog.writing import Hints
from exporter.config import COMBINED, JSON, AccessLog, LogFormat, log_format
from exporter.errors import UnclearLog, UnreadableLog
from exporter.mastodon.routes import MAINTENANCE_ACCOUNT_ID
from tests.accesslog.old_lines import HOST, Answer, answers, combined_log, compressed_log, odd_lines

STATUS_FIRST = log_format('$status $time_iso8601 $host "$request"')


def broken(*names: str, **hints: object) -> BrokenAccounts:
    return find_broken(names, Hints(**hints))  # type: ignore[arg-type]  # as given by the test


def told(found: BrokenAccounts) -> list[tuple[int, int, int, str | None, bool]]:
    return [
        (one.account_id, one.failures, one.last_code, one.last_seen.text if one.last_seen else None, one.recovered)
        for one in found.accounts
    ]


def counted(log: bytes, line_format: LogFormat, host: str | None) -> tuple[AccountDeliveries, ...]:
    """Return the accounts that counting all lines gives."""
    lines = scanner(line_format, host)
    accounts = Accounts(1000, 1000)
    Tally(TallySettings(lines.agent_text), TallyState(accounts=accounts)).apply(lines.scan(log))
    return tuple(sorted(accounts, key=lambda one: one.account_id))


def written(answer: Answer, line_format: LogFormat) -> str:
    if line_format is STATUS_FIRST:
        return f'{answer.code} {answer.time} {answer.host} "{answer.request}"\n'
    return answer.as_json() if line_format is JSON else answer.combined()


@settings(max_examples=200, deadline=None)
@given(
    lines=st.lists(answers | odd_lines, max_size=60),
    line_format=st.sampled_from([COMBINED, JSON, STATUS_FIRST]),
    host=st.sampled_from([None, HOST]),
)
def test_the_result_is_that_of_counting_every_line(
    lines: list[Answer | str], line_format: LogFormat, host: str | None
) -> None:
    first = written(Answer(path="/about"), line_format)
    texts = (written(line, line_format) if isinstance(line, Answer) else line for line in lines)
    log = (first + "".join(texts)).encode()
    with TemporaryDirectory() as folder:
        path = Path(folder, "access.log")
        path.write_bytes(log)
        listed = AccessLog("front", str(path), format=line_format, host=host)
        assert broken(str(path), logs=[listed]).accounts == counted(log, line_format, host)


def test_an_account_is_told_with_its_failures_since_a_delivery_came_through(tmp_path: Path) -> None:
    codes = [404, 200, 301, 502, 404, 429]
    log = [Answer(107, code, second) for second, code in enumerate(codes)]
    name = combined_log(tmp_path / "access.log", *log, Answer(9, 410, 7), Answer(9, 202, 8), Answer(3, 500, 9))
    assert told(broken(name)) == [
        (9, 1, 410, "2017-04-20T23:00:07+09:00", True),
        (107, 2, 404, "2017-04-20T23:00:04+09:00", False),
    ]


def test_files_are_read_in_the_order_of_time_and_not_in_that_of_the_command_line(tmp_path: Path) -> None:
    newest = combined_log(tmp_path / "access.log", Answer(1, 200, 100))
    middle = combined_log(tmp_path / "access.log.1", Answer(1, 404, 50), Answer(2, 200, 51))
    oldest = compressed_log(tmp_path / "access.log.2.gz", Answer(1, 301, 10), Answer(2, 404, 11))
    found = told(broken(newest, oldest, middle))
    assert [(one[0], one[1], one[2], one[4]) for one in found] == [(1, 2, 404, True), (2, 1, 404, True)]


def test_a_file_without_times_keeps_its_place_among_those_that_are_put_in_order(tmp_path: Path) -> None:
    timeless = tmp_path / "timeless.log"
    timeless.write_text('{"request": "POST /api/subscriptions/1 HTTP/1.1", "status": 200}\n')
    late = combined_log(tmp_path / "late.log", Answer(1, 404, 100))
    early = combined_log(tmp_path / "early.log", Answer(1, 410, 1))
    assert [one[2:5:2] for one in told(broken(late, str(timeless), early))] == [(404, False)]
    assert [one[2:5:2] for one in told(broken(late, early, str(timeless)))] == [(404, True)]


def test_the_first_line_with_a_time_counts_even_if_it_is_not_the_first_line(tmp_path: Path) -> None:
    early = tmp_path / "early.log"
    early.write_text("cut off when the disk was full\n" + Answer(1, 410, 1).combined())
    late = combined_log(tmp_path / "late.log", Answer(1, 404, 100))
    assert told(broken(late, str(early)))[0][:3] == (1, 2, 404)


def test_a_file_with_two_names_is_read_once(tmp_path: Path) -> None:
    name = combined_log(tmp_path / "access.log", Answer())
    (tmp_path / "link.log").symlink_to(name)
    (tmp_path / "hard.log").hardlink_to(name)
    found = broken(name, name, str(tmp_path / "link.log"), str(tmp_path / "hard.log"))
    assert [one.failures for one in found.accounts] == [1]


def test_the_account_of_the_maintenance_check_is_never_told(tmp_path: Path) -> None:
    ids = [MAINTENANCE_ACCOUNT_ID, MAINTENANCE_ACCOUNT_ID + 1, 0, MAINTENANCE_ACCOUNT_ID - 1]
    name = combined_log(tmp_path / "access.log", *map(Answer, ids))
    assert [one.account_id for one in broken(name).accounts] == [MAINTENANCE_ACCOUNT_ID - 1]


def test_a_log_in_json_is_found_out(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    path.write_text(Answer().as_json())
    assert told(broken(str(path))) == [(107, 1, 404, "2017-04-20T23:00:00+09:00", False)]


def test_lines_that_do_not_fit_are_told_when_they_may_have_been_callbacks(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    path.write_text(Answer().combined() + "no callback\n" + "a subscriptions line\n" + Answer(8).combined())
    found = broken(str(path))
    assert [one.account_id for one in found.accounts] == [8, 107]
    assert found.notes == (f"`{path}`: passed over 1 line with `subscriptions` that did not fit the format `combined`",)


def test_the_last_line_counts_without_its_line_feed(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    path.write_text(Answer(1).combined() + Answer(2).combined().rstrip("\n"))
    assert [one.account_id for one in broken(str(path)).accounts] == [1, 2]


def test_a_last_line_whose_id_may_be_cut_is_not_judged(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    path.write_text("404 POST /api/subscriptions/1 HTTP/1.1\n404 POST /api/subscriptions/12")
    found = broken(str(path), format=log_format("$status $request"))
    assert [one.account_id for one in found.accounts] == [1]
    assert len(found.notes) == 1


def test_an_empty_log_tells_nothing_and_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "empty.log").touch()
    (tmp_path / "empty.gz").write_bytes(gzip.compress(b""))
    assert broken(str(tmp_path / "empty.log"), str(tmp_path / "empty.gz")) == BrokenAccounts(())


@pytest.mark.parametrize(
    "hints",
    [
        lambda path: {},
        lambda path: {"format": JSON},
        lambda path: {"logs": [AccessLog("front", path)]},
        lambda path: {"logs": [AccessLog("front", "/elsewhere.log", format=JSON)], "log": "front"},
    ],
    ids=["found out", "given", "listed", "chosen"],
)
def test_a_log_in_another_format_is_refused_with_the_flag_that_helps(
    tmp_path: Path, hints: Callable[[str], dict[str, object]]
) -> None:
    path = tmp_path / "access.log"
    path.write_text("404 POST /api/subscriptions/1 HTTP/1.1\n" * 200)
    with pytest.raises(UnclearLog, match="--access-log-format"):
        broken(str(path), **hints(str(path)))


def test_a_given_format_is_for_files_that_the_configuration_does_not_list(tmp_path: Path) -> None:
    listed = combined_log(tmp_path / "access.log.1", Answer(1))
    other = tmp_path / "other.log"
    other.write_text("404 POST /api/subscriptions/2 HTTP/1.1\n")
    logs = [AccessLog("front", str(tmp_path / "access.log"))]
    found = broken(listed, str(other), logs=logs, format=log_format("$status $request"))
    assert [one.account_id for one in found.accounts] == [1, 2]


def test_only_requests_on_the_host_of_the_listed_log_count(tmp_path: Path) -> None:
    path = tmp_path / "access.log-20170421"
    path.write_text(Answer(1).as_json() + Answer(2, host="other.example").as_json())
    logs = [AccessLog("front", str(tmp_path / "access.log"), format=JSON, host=HOST)]
    assert [one.account_id for one in broken(str(path), logs=logs).accounts] == [1]


def test_a_link_leads_to_the_listed_log_that_its_file_is_of(tmp_path: Path) -> None:
    log = tmp_path / "access.log.1"
    log.write_text("404 POST /api/subscriptions/2 HTTP/1.1\n")
    (tmp_path / "yesterday").symlink_to(log)
    logs = [AccessLog("front", str(tmp_path / "access.log"), format=log_format("$status $request"))]
    assert [one.account_id for one in broken(str(tmp_path / "yesterday"), logs=logs).accounts] == [2]


def test_a_file_that_may_be_of_two_listed_logs_needs_a_choice(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    path.write_text(Answer(1, host="one.example").as_json() + Answer(2, host="two.example").as_json())
    logs = [AccessLog(name, str(path), format=JSON, host=f"{name}.example") for name in ("one", "two")]
    with pytest.raises(UnclearLog, match="`one`, `two`; choose one with --log"):
        broken(str(path), logs=logs)
    assert [one.account_id for one in broken(str(path), logs=logs, log="two").accounts] == [2]


def test_logs_of_two_servers_are_not_mixed(tmp_path: Path) -> None:
    names = [combined_log(tmp_path / f"{name}.log", Answer()) for name in ("one", "two")]
    logs = [AccessLog(Path(name).stem, name, instance=Path(name).stem) for name in names]
    with pytest.raises(UnclearLog, match="several instances"):
        broken(*names, logs=logs)


def test_all_that_cannot_be_opened_is_named_at_once(tmp_path: Path) -> None:
    good = combined_log(tmp_path / "access.log", Answer())
    with pytest.raises(UnreadableLog, match=r"(?s)one\.log.*two\.log"):
        broken(good, str(tmp_path / "one.log"), str(tmp_path / "two.log"))


def test_beyond_the_bound_those_that_broke_last_are_kept_and_the_others_told(tmp_path: Path) -> None:
    name = combined_log(tmp_path / "access.log", *map(Answer, range(1, 11)))
    found = find_broken([name], Hints(), most_accounts=4)
    assert [one.account_id for one in found.accounts] == [7, 8, 9, 10]
    assert found.notes == ("only 4 accounts are kept; 6 that broke before them are left out",)


PIPELINE = r"""grep /api/subscriptions/ | egrep '" [34][0-9][0-9] ' | grep -v '" 429 ' | wc -l"""


def pipeline_count(path: Path) -> int:
    """Return what the commands that administrators use count."""
    command = ["bash", "-c", f"set -o pipefail; cat {path} | {PIPELINE}"]
    return int(subprocess.run(command, capture_output=True, text=True, check=False).stdout)


def random_answers(seed: int, number: int) -> Sequence[Answer]:
    chance = random.Random(seed)
    codes: list[int | str] = [200, 202, 301, 302, 400, 404, 429, 499, 500, 502, "000"]
    paths = ["/api/subscriptions/{}", "/api/subscriptions/{}?hub.mode=subscribe", "/about", "/inbox"]
    return [
        Answer(second, chance.choice(codes), second, chance.choice(["GET", "POST"]), chance.choice(paths))
        for second in range(1, number)
    ]


@pytest.mark.parametrize("seed", range(3))
def test_as_many_lines_are_broken_as_the_pipeline_finds(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "access.log"
    name = combined_log(path, *random_answers(seed, 3000))
    # Each account has one line, so that the failures add up to the lines.
    found = broken(name)
    assert sum(one.failures for one in found.accounts) == pipeline_count(path) > 100
