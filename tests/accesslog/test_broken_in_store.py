"""What the exporter has counted is told for the logs that are meant, each account once."""

from pathlib import Path

import pytest

from exporter.accesslog.broken import BrokenAccounts
from exporter.accesslog.broken_in_store import stored_broken
from exporter.config import AccessLog
from exporter.errors import NothingCounted, StateError, UnclearLog
from tests.accesslog.counted_logs import count_log
from tests.accesslog.old_lines import Answer


def log(name: str, instance: str | None = None) -> AccessLog:
    return AccessLog(name, f"/var/log/nginx/{name}.log", instance)


def ids(found: BrokenAccounts) -> list[int]:
    return [account.account_id for account in found.accounts]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    count_log(tmp_path, "front", [Answer(1), Answer(5)])
    count_log(tmp_path, "back", [Answer(3)])
    return tmp_path


def test_without_a_configuration_all_logs_are_told(folder: Path) -> None:
    assert ids(stored_broken(folder, ())) == [1, 3, 5]


def test_with_a_configuration_only_its_logs_are_told(folder: Path) -> None:
    assert ids(stored_broken(folder, [log("front")])) == [1, 5]


def test_a_log_can_be_chosen_even_if_it_is_configured_no_more(folder: Path) -> None:
    assert ids(stored_broken(folder, [log("front")], ["back"])) == [3]
    assert ids(stored_broken(folder, (), ["back", "front", "back"])) == [1, 3, 5]


def test_a_log_that_nobody_knows_is_refused_with_those_that_there_are(folder: Path) -> None:
    with pytest.raises(UnclearLog, match="no log `fornt`; there are: `back`, `front`"):
        stored_broken(folder, (), ["fornt"])


def test_a_configured_log_of_which_nothing_was_counted_is_named_and_the_others_are_told(folder: Path) -> None:
    found = stored_broken(folder, [log("front"), log("new")])
    assert ids(found) == [1, 5]
    assert found.notes == ("nothing has been counted of the log `new` yet",)


@pytest.mark.parametrize("logs", [[], [log("front")]])
def test_without_a_store_the_message_says_what_to_do(tmp_path: Path, logs: list[AccessLog]) -> None:
    with pytest.raises(NothingCounted, match=r"mastodon-exporter serve.*--from-log"):
        stored_broken(tmp_path, logs)


def test_logs_of_two_servers_are_not_mixed_unless_one_is_chosen(folder: Path) -> None:
    logs = [log("front", "one"), log("back", "two")]
    with pytest.raises(UnclearLog, match=r"several instances \(`one`, `two`\).*--log"):
        stored_broken(folder, logs)
    assert ids(stored_broken(folder, logs, ["front"])) == [1, 5]
    assert ids(stored_broken(folder, [log("front", "one"), log("back", "one")])) == [1, 3, 5]


@pytest.mark.parametrize("order", [["one", "two"], ["two", "one"]])
def test_of_an_account_in_two_logs_the_one_that_saw_it_break_last_is_believed(tmp_path: Path, order: list[str]) -> None:
    count_log(tmp_path, "one", [Answer(1, 301, 1), Answer(1, 404, 2), Answer(2, 404, 5), Answer(2, 200, 6)])
    count_log(tmp_path, "two", [Answer(1, 410, 3), Answer(1, 200, 4), Answer(2, 410, 1)])
    first, second = stored_broken(tmp_path, (), order).accounts
    assert (first.account_id, first.failures, first.last_code, first.recovered) == (1, 1, 410, True)
    assert (second.account_id, second.failures, second.last_code, second.recovered) == (2, 1, 404, True)


@pytest.mark.parametrize("order", [["one", "two"], ["two", "one"]])
def test_of_two_logs_at_the_same_moment_the_one_that_is_broken_still_is_believed(
    tmp_path: Path, order: list[str]
) -> None:
    count_log(tmp_path, "one", [Answer(1, 404), Answer(1, 200)])
    count_log(tmp_path, "two", [Answer(1, 410)])
    (account,) = stored_broken(tmp_path, (), order).accounts
    assert (account.last_code, account.recovered) == (410, False)


def test_a_store_that_is_damaged_is_said_to_be(folder: Path) -> None:
    (folder / "accesslogs.sqlite3").write_bytes(b"no database" * 1000)
    with pytest.raises(StateError, match=r"accesslogs\.sqlite3"):
        stored_broken(folder, ())
