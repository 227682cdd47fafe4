"""The file of secrets, and what a run has told."""

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from exporter.errors import StoreError
from exporter.ledger import ResubscribeResult as Result
from exporter.subscriptions.attempt import AccountResult, Attempt, Stage
from exporter.subscriptions.run_record import CARRIED_ON_SECONDS, RunRecord
from exporter.subscriptions.secrets_file import SECRETS_NAME, SecretsFile

SERVER = "https://qdon.example, database mastodon at db:5432"
OTHER = "https://pawoo.example, database mastodon at db:5432"
STARTED = datetime(2017, 4, 20, 14, 0, 0, 123456)  # noqa: DTZ001 - as Rails keeps times
ATTEMPT = Attempt("a1", "r1", 7, "https://hub.example/push", "0" * 32, "1" * 32, STARTED, STARTED)
CONFIRMED = AccountResult(7, Result.CONFIRMED, "verified")
SKIPPED = AccountResult(8, Result.SKIPPED, "it has no hub")


@pytest.fixture
def secrets(tmp_path: Path) -> Iterator[SecretsFile]:
    with closing(SecretsFile.open(tmp_path, SERVER)) as opened:
        yield opened


@pytest.mark.parametrize(
    "attempt",
    [
        ATTEMPT,
        replace(ATTEMPT, old_expiry=None, old_secret=""),
        ATTEMPT.reached(Stage.ASKED, may_be_known=True),
        ATTEMPT.deciding(CONFIRMED),
    ],
)
def test_an_attempt_is_read_as_it_was_written(secrets: SecretsFile, attempt: Attempt) -> None:
    secrets.write(attempt)
    assert secrets.of_account(7) == attempt
    assert secrets.of_account(8) is None


def test_a_file_that_is_opened_again_holds_what_was_written(secrets: SecretsFile, tmp_path: Path) -> None:
    secrets.write(ATTEMPT)
    with closing(SecretsFile.open(tmp_path, SERVER)) as again:
        assert again.unsettled() == [ATTEMPT]


def test_only_the_owner_can_read_it_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with closing(SecretsFile.open(tmp_path, SERVER)) as opened:
            opened.write(ATTEMPT)
            assert {path.stat().st_mode & 0o777 for path in tmp_path.glob(f"{SECRETS_NAME}*")} == {0o600}
    finally:
        os.umask(before)


def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    (tmp_path / SECRETS_NAME).touch(mode=0o644)
    with closing(SecretsFile.open(tmp_path, SERVER)):
        assert (tmp_path / SECRETS_NAME).stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to somebody else")
def test_a_file_of_another_user_is_let_be(tmp_path: Path) -> None:
    (tmp_path / SECRETS_NAME).touch()
    os.chown(tmp_path / SECRETS_NAME, 65534, -1)
    with pytest.raises(StoreError, match="belongs to another user, who alone may read it: run this as that user"):
        SecretsFile.open(tmp_path, SERVER)


def test_what_is_settled_is_forgotten_to_the_last_byte(secrets: SecretsFile, tmp_path: Path) -> None:
    secrets.write(ATTEMPT)
    secrets.settle(ATTEMPT, CONFIRMED, keep=False)
    assert secrets.count() == 0
    secrets.close()
    left = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert ATTEMPT.new_secret.encode() not in left
    assert b"verified" in left


def test_what_is_kept_is_no_longer_unsettled(secrets: SecretsFile) -> None:
    secrets.write(ATTEMPT)
    assert (len(secrets.unsettled()), secrets.kept()) == (1, [])
    secrets.settle(ATTEMPT, None, keep=True)
    assert (secrets.unsettled(), secrets.kept(), secrets.count()) == ([], [ATTEMPT.reached(Stage.KEPT)], 1)


def test_a_run_that_was_broken_off_is_carried_on_within_a_day(secrets: SecretsFile) -> None:
    first = RunRecord.begin(secrets, "all", 1000.0)
    secrets.note(first.run_id, [SKIPPED])
    second = RunRecord.begin(secrets, "all", 1000.0 + CARRIED_ON_SECONDS)
    assert (second.run_id, second.told(), list(second.results())) == (first.run_id, frozenset({8}), [SKIPPED])
    third = RunRecord.begin(secrets, "all", 1001.0 + CARRIED_ON_SECONDS)
    assert (third.told(), list(third.results())) == (frozenset(), [])


def test_a_run_on_other_accounts_carries_on_nothing_and_lets_the_broken_off_one_be(secrets: SecretsFile) -> None:
    first = RunRecord.begin(secrets, "all", 1000.0)
    secrets.note(first.run_id, [SKIPPED])
    assert RunRecord.begin(secrets, "overdue", 1000.0).told() == frozenset()
    assert RunRecord.begin(secrets, "all", 1000.0).told() == frozenset({8})


def test_a_run_that_came_to_its_end_is_not_carried_on_but_can_still_be_told(secrets: SecretsFile) -> None:
    first = RunRecord.begin(secrets, "all", 1000.0)
    secrets.note(first.run_id, [SKIPPED, CONFIRMED])
    first.finish()
    assert list(first.results()) == [CONFIRMED, SKIPPED]
    assert first.counts() == {Result.CONFIRMED: 1, Result.SKIPPED: 1}
    assert RunRecord.begin(secrets, "all", 1000.0).told() == frozenset()


def test_results_are_paged_without_loss(secrets: SecretsFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.subscriptions.run_record.PAGE_SIZE", 2)
    record = RunRecord.begin(secrets, "all", 1000.0)
    results = [AccountResult(number, Result.SKIPPED, "why") for number in range(1, 6)]
    secrets.note(record.run_id, results)
    assert list(record.results()) == results


def test_two_servers_in_one_state_folder_never_see_each_others_attempts(secrets: SecretsFile, tmp_path: Path) -> None:
    secrets.write(ATTEMPT)
    theirs = replace(ATTEMPT, attempt_id="b1", new_secret="2" * 32)
    with closing(SecretsFile.open(tmp_path, OTHER)) as other:
        assert (other.of_account(7), other.unsettled(), other.count()) == (None, [], 0)
        assert other.of_others() == {SERVER: 1}
        other.write(theirs)
        assert other.unsettled() == [theirs]
        other.settle(theirs, None, keep=False)
        assert other.of_others() == {SERVER: 1}
    assert (secrets.unsettled(), secrets.of_others()) == ([ATTEMPT], {})


def test_a_run_on_another_server_carries_on_nothing(secrets: SecretsFile, tmp_path: Path) -> None:
    secrets.note(RunRecord.begin(secrets, "all", 1000.0).run_id, [SKIPPED])
    with closing(SecretsFile.open(tmp_path, OTHER)) as other:
        assert RunRecord.begin(other, "all", 1000.0).told() == frozenset()
    assert RunRecord.begin(secrets, "all", 1000.0).told() == frozenset({8})
