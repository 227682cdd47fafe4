"""What became of an attempt, by what the account's row says."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from exporter.ledger import ResubscribeResult as Result
from exporter.subscriptions.account_rows import AccountRow
from exporter.subscriptions.attempt import AccountResult, Attempt, Stage
from exporter.subscriptions.judgement import Judgement, is_settled_by, judge

STARTED = datetime(2017, 4, 20, 14, 0)  # noqa: DTZ001 - as Rails keeps times
EXPIRY = datetime(2017, 4, 22)  # noqa: DTZ001 - as Rails keeps times
WEEK, DAY, MINUTE = timedelta(days=7), timedelta(days=1), timedelta(minutes=1)
OLD, NEW, THIRD = "0" * 32, "1" * 32, "2" * 32
ATTEMPT = Attempt("a1", "r1", 7, "https://hub.example/push", OLD, NEW, EXPIRY, STARTED, Stage.ACCEPTED, True)
NOT_YET = AccountResult(7, Result.ACCEPTED, "not yet")
CONFIRMED = AccountResult(7, Result.CONFIRMED, "verified")


def row(secret: str = NEW, expiry: datetime | None = EXPIRY, seen: datetime = STARTED + MINUTE) -> AccountRow:
    return AccountRow(7, secret, expiry, seen)


def told(judgement: Judgement) -> Result | None:
    return judgement.told.result if judgement.told else None


@pytest.mark.parametrize("old_expiry", [EXPIRY, None])
def test_an_expiry_that_moved_confirms_the_new_secret(old_expiry: datetime | None) -> None:
    judgement = judge(replace(ATTEMPT, old_expiry=old_expiry), row(expiry=STARTED + WEEK), NOT_YET)
    assert told(judgement) is Result.CONFIRMED
    assert (judgement.secret, judgement.expiry, judgement.keep) == (NEW, STARTED + WEEK, False)


def test_an_expiry_that_moves_after_the_old_secret_was_put_back_brings_the_new_one_back() -> None:
    judgement = judge(ATTEMPT.reached(Stage.KEPT), row(OLD, STARTED + WEEK), NOT_YET)
    assert (told(judgement), judgement.secret) == (Result.CONFIRMED, NEW)


def test_without_a_verification_the_old_secret_returns_and_the_new_one_is_kept() -> None:
    judgement = judge(ATTEMPT, row(), NOT_YET)
    assert (judgement.told, judgement.secret, judgement.expiry, judgement.keep) == (NOT_YET, OLD, EXPIRY, True)


def test_a_secret_that_no_hub_can_know_is_not_kept() -> None:
    judgement = judge(ATTEMPT.reached(Stage.PREPARED, may_be_known=False), row(), None)
    assert (judgement.told, judgement.secret, judgement.keep) == (None, OLD, False)


def test_an_expiry_that_somebody_else_moved_confirms_nothing_that_was_never_asked() -> None:
    judgement = judge(ATTEMPT.reached(Stage.PREPARED, may_be_known=False), row(expiry=STARTED + WEEK), None)
    assert (judgement.told, judgement.secret, judgement.expiry) == (None, OLD, STARTED + WEEK)


@pytest.mark.parametrize("seconds", [-5, 0, 30, 60])
def test_a_day_from_the_moment_of_the_move_is_a_denial_and_restores_the_old_expiry(seconds: int) -> None:
    expiry = STARTED + DAY + timedelta(seconds=seconds)
    judgement = judge(ATTEMPT, row(expiry=expiry), NOT_YET)
    assert told(judgement) is Result.REFUSED
    assert (judgement.secret, judgement.expiry) == (OLD, EXPIRY)


def test_a_denial_keeps_the_new_secret_for_it_may_have_been_a_lease_of_a_single_day() -> None:
    assert judge(ATTEMPT, row(expiry=STARTED + DAY), NOT_YET).keep


@pytest.mark.parametrize("lease", [DAY, 2 * DAY, WEEK])
@pytest.mark.parametrize("later", [MINUTE, 1.5 * DAY, 6.2 * DAY])
def test_a_secret_that_was_kept_is_never_denied_whatever_the_lease_and_however_late_one_looks(
    lease: timedelta, later: timedelta
) -> None:
    seen = row(OLD, STARTED + 5 * MINUTE + lease, STARTED + 5 * MINUTE + later)
    for kept in (ATTEMPT.reached(Stage.KEPT), ATTEMPT.reached(Stage.KEPT).deciding(CONFIRMED)):
        judgement = judge(kept, seen, NOT_YET)
        assert (told(judgement), judgement.secret) == (Result.CONFIRMED, NEW)


def test_what_a_killed_run_left_for_days_is_no_denial_because_it_ends_within_a_day() -> None:
    seen = row(expiry=STARTED + WEEK, seen=STARTED + 6.2 * DAY)
    assert told(judge(ATTEMPT, seen, NOT_YET)) is Result.CONFIRMED


def test_a_denial_lies_between_the_last_look_that_saw_the_old_expiry_and_this_one() -> None:
    seen = row(expiry=STARTED + DAY, seen=STARTED + 10 * MINUTE)
    assert told(judge(ATTEMPT, seen, NOT_YET, STARTED + 9 * MINUTE)) is Result.CONFIRMED
    assert told(judge(ATTEMPT, seen, NOT_YET, STARTED + MINUTE)) is Result.REFUSED


def test_a_denial_that_a_killed_run_had_found_stays_one_however_late_it_is_written() -> None:
    seen = row(expiry=STARTED + DAY, seen=STARTED + 2 * DAY)
    assert told(judge(ATTEMPT.deciding(AccountResult(7, Result.REFUSED, "denied")), seen, None)) is Result.REFUSED


@pytest.mark.parametrize("expiry", [STARTED + DAY - timedelta(hours=1), STARTED + DAY + timedelta(hours=1)])
def test_a_lease_of_about_a_day_that_a_hub_told_is_none(expiry: datetime) -> None:
    assert told(judge(ATTEMPT, row(expiry=expiry), NOT_YET)) is Result.CONFIRMED


def test_gnu_social_never_tells_a_lease_so_that_a_day_is_its_consent() -> None:
    attempt = replace(ATTEMPT, hub_url="https://social.example/main/push/hub")
    assert told(judge(attempt, row(expiry=STARTED + DAY), NOT_YET)) is Result.CONFIRMED


@pytest.mark.parametrize(
    ("stage", "result"),
    [(Stage.PREPARED, Result.SKIPPED), (Stage.KEPT, Result.SKIPPED), (Stage.ASKED, Result.FAILED)],
)
@pytest.mark.parametrize("expiry", [EXPIRY, STARTED + WEEK])
def test_a_third_secret_stays_whatever_else_there_is(stage: Stage, result: Result, expiry: datetime) -> None:
    judgement = judge(ATTEMPT.reached(stage), row(THIRD, expiry), NOT_YET)
    assert (told(judgement), judgement.secret, judgement.keep) == (result, None, False)


def test_an_account_that_is_gone_ends_its_attempt() -> None:
    judgement = judge(ATTEMPT, None, NOT_YET)
    assert (told(judgement), judgement.secret) == (Result.SKIPPED, None)


@pytest.mark.parametrize(
    ("seen", "is_settled"),
    [(row(), False), (row(OLD), False), (row(THIRD), True), (row(expiry=STARTED + WEEK), True), (None, True)],
)
def test_waiting_is_over_once_the_row_tells_something(seen: AccountRow | None, is_settled: bool) -> None:
    assert is_settled_by(ATTEMPT, seen) is is_settled


@pytest.mark.parametrize("length", [8, 20, 31, 32])
def test_a_secret_that_a_hub_quotes_is_concealed_even_where_it_is_cut_short(length: int) -> None:
    attempt = replace(ATTEMPT, new_secret="3f9c" * 8)
    words = attempt.conceal(f"cannot read hub.secret={attempt.new_secret[:length]}")
    assert attempt.new_secret[:8] not in words


def test_an_attempt_does_not_show_its_secrets() -> None:
    assert OLD not in repr(ATTEMPT)
    assert NEW not in repr(ATTEMPT)
    assert NEW not in repr(row())
    assert OLD not in repr(judge(ATTEMPT, row(), NOT_YET))
