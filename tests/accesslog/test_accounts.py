import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.accesslog.accounts import AccountDeliveries, Accounts, Verdict
from exporter.accesslog.entry import LogTime


def at(seconds: float) -> LogTime:
    return LogTime(seconds, datetime.fromtimestamp(seconds, UTC).isoformat())


def kept(accounts: Accounts) -> list[AccountDeliveries]:
    return list(accounts)


def changes(accounts: Accounts) -> dict[int, AccountDeliveries | None]:
    return dict(accounts.changes())


def test_broken_answers_in_a_row_are_counted_and_the_last_one_is_told() -> None:
    accounts = Accounts()
    accounts.answer(107, 301, at(1))
    accounts.answer(107, 404, at(2))
    assert kept(accounts) == [AccountDeliveries(107, failures=2, last_code=404, last_seen=at(2))]
    assert accounts.broken == 1


@pytest.mark.parametrize("code", [0, 9, 100, 429, 500, 503])
def test_an_answer_that_is_neither_broken_nor_came_through_changes_nothing(code: int) -> None:
    accounts = Accounts()
    accounts.answer(107, 404, at(1))
    accounts.answer(107, code, at(2))
    accounts.answer(108, code, at(2))
    assert kept(accounts) == [AccountDeliveries(107, 1, 404, at(1))]


def test_an_account_that_comes_through_again_keeps_what_its_last_broken_answer_was() -> None:
    accounts = Accounts()
    accounts.answer(107, 410, at(1))
    accounts.answer(107, 202, at(2))
    accounts.answer(107, 200, at(3))
    assert kept(accounts) == [AccountDeliveries(107, 1, 410, at(1), recovered=True)]
    assert accounts.broken == 0


def test_failures_begin_at_one_after_an_account_came_through() -> None:
    accounts = Accounts()
    for code in (404, 404, 200, 404):
        accounts.answer(107, code, at(code))
    assert kept(accounts) == [AccountDeliveries(107, 1, 404, at(404))]


def test_an_account_that_always_came_through_is_not_kept() -> None:
    accounts = Accounts()
    accounts.answer(107, 200)
    assert kept(accounts) == []
    assert changes(accounts) == {}


def test_a_log_without_times_gives_accounts_without_times() -> None:
    accounts = Accounts()
    accounts.answer(107, 404, None)
    assert kept(accounts) == [AccountDeliveries(107, 1, 404, None)]


def test_the_account_that_broke_longest_ago_is_dropped_and_counted() -> None:
    accounts = Accounts(broken_limit=2)
    for account_id in (1, 2, 1, 3, 4):
        accounts.answer(account_id, 404)
    assert [account.account_id for account in accounts] == [3, 4]
    assert accounts.dropped == 2


def test_recovered_accounts_have_a_bound_of_their_own_and_are_dropped_silently() -> None:
    accounts = Accounts(broken_limit=2, recovered_limit=1)
    for account_id in (1, 2):
        accounts.answer(account_id, 404)
        accounts.answer(account_id, 200)
    accounts.answer(3, 404)
    assert [account.account_id for account in accounts] == [2, 3]
    assert accounts.dropped == 0


def test_changes_are_told_until_they_are_cleared() -> None:
    accounts = Accounts(broken_limit=1)
    accounts.answer(1, 404)
    accounts.clear_changes()
    accounts.answer(2, 404)
    expected = {1: None, 2: AccountDeliveries(2, 1, 404)}
    assert changes(accounts) == expected
    assert changes(accounts) == expected
    accounts.clear_changes()
    assert changes(accounts) == {}


def test_forgotten_accounts_are_gone_and_none_counts_as_dropped() -> None:
    accounts = Accounts()
    accounts.answer(1, 404)
    accounts.answer(2, 404)
    accounts.answer(2, 200)
    accounts.clear_changes()
    accounts.forget()
    assert kept(accounts) == []
    assert accounts.broken == accounts.dropped == 0
    assert changes(accounts) == {1: None, 2: None}


def test_a_hundred_thousand_accounts_with_unwritten_changes_take_less_than_30_megabytes() -> None:
    tracemalloc.start()
    accounts = Accounts()
    for number in range(110_000):
        accounts.answer(10**17 + number, 404, at(1_700_000_000.5 + number))
    size_bytes = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert (accounts.broken, accounts.dropped) == (100_000, 10_000)
    assert size_bytes < 30_000_000


class Model:
    """The same by the words of the rule: one list, the newest last."""

    def __init__(self, broken_limit: int, recovered_limit: int) -> None:
        self.limits = {False: broken_limit, True: recovered_limit}
        self.accounts: list[AccountDeliveries] = []
        self.dropped = 0

    def answer(self, account_id: int, code: int, time: LogTime) -> None:
        before = next((one for one in self.accounts if one.account_id == account_id), None)
        if 300 <= code < 500 and code != 429:
            in_a_row = before.failures if before and not before.recovered else 0
            self.put(AccountDeliveries(account_id, in_a_row + 1, code, time))
        elif 200 <= code < 300 and before and not before.recovered:
            self.put(replace(before, recovered=True))

    def put(self, account: AccountDeliveries) -> None:
        self.accounts = [one for one in self.accounts if one.account_id != account.account_id] + [account]
        group = [one for one in self.accounts if one.recovered == account.recovered]
        if len(group) > self.limits[account.recovered]:
            self.accounts.remove(group[0])
            self.dropped += not account.recovered

    def kept(self) -> list[AccountDeliveries]:
        return sorted(self.accounts, key=lambda account: not account.recovered)


CODES = st.sampled_from([0, 100, 200, 202, 301, 404, 429, 499, 500])
ANSWERS = st.lists(st.tuples(st.integers(1, 8), CODES), max_size=60)


@given(ANSWERS, st.integers(0, 4), st.integers(0, 4), st.integers(0, 60))
def test_whatever_is_answered_the_accounts_are_those_of_the_rule_and_changes_make_a_copy(
    answers: list[tuple[int, int]], broken_limit: int, recovered_limit: int, copied_at: int
) -> None:
    accounts, model = Accounts(broken_limit, recovered_limit), Model(broken_limit, recovered_limit)
    copy: dict[int, AccountDeliveries | None] = {}
    for number, (account_id, code) in enumerate(answers):
        if number == copied_at:
            copy.update(accounts.changes())
            accounts.clear_changes()
        accounts.answer(account_id, code, at(number))
        model.answer(account_id, code, at(number))
    assert kept(accounts) == model.kept()
    assert accounts.dropped == model.dropped
    assert accounts.broken == sum(not account.recovered for account in model.accounts)
    for account_id, account in accounts.changes():
        copy.pop(account_id, None)
        copy[account_id] = account
    stored = [account for account in copy.values() if account is not None]
    assert sorted(stored, key=lambda account: not account.recovered) == model.kept()


@given(ANSWERS, ANSWERS)
def test_accounts_that_were_put_back_go_on_as_if_nothing_had_been(
    before: list[tuple[int, int]], after: list[tuple[int, int]]
) -> None:
    accounts, restored = Accounts(4, 3), Accounts(4, 3)
    for account_id, code in before:
        accounts.answer(account_id, code, at(code))
    for account in accounts:
        restored.restore(account)
    assert changes(restored) == {}
    restored.dropped = accounts.dropped
    for account_id, code in after:
        accounts.answer(account_id, code, at(code))
        restored.answer(account_id, code, at(code))
    assert kept(restored) == kept(accounts)
    assert restored.dropped == accounts.dropped


def ids(accounts: Accounts) -> list[int]:
    return [account.account_id for account in accounts]


def vet(accounts: Accounts, *known: int, most: int = 1000) -> tuple[int, ...]:
    """Have the database answer what is asked, and return that."""
    asked = accounts.to_vet(most)
    accounts.vet(Verdict(asked, frozenset(known)))
    return asked


def test_accounts_that_the_database_does_not_have_are_let_go_and_count_as_no_drop() -> None:
    accounts = Accounts()
    for account_id in (1, 2, 3):
        accounts.answer(account_id, 404)
    accounts.clear_changes()
    assert vet(accounts, 2) == (1, 2, 3)
    assert (ids(accounts), accounts.broken, accounts.dropped) == ([2], 1, 0)
    assert changes(accounts) == {1: None, 3: None}


def test_an_account_is_asked_about_once_however_often_it_breaks() -> None:
    accounts = Accounts()
    accounts.answer(1, 404)
    vet(accounts, 1)
    accounts.answer(1, 404)
    assert accounts.to_vet(1000) == ()
    assert [(account.failures, account.recovered) for account in accounts] == [(2, False)]


def test_made_up_ids_push_no_account_out_that_the_database_has() -> None:
    accounts = Accounts(broken_limit=10)
    for account_id in (1, 2, 3):
        accounts.answer(account_id, 404)
    vet(accounts, 1, 2, 3)
    for made_up in range(1000, 2000):
        accounts.answer(made_up, 404)
    assert ids(accounts) == [*range(1993, 2000), 1, 2, 3]
    vet(accounts, 1, 2, 3)
    assert (ids(accounts), accounts.dropped) == ([1, 2, 3], 993)


def test_among_accounts_that_the_database_has_the_one_that_broke_longest_ago_is_dropped() -> None:
    accounts = Accounts(broken_limit=2)
    accounts.answer(1, 404)
    accounts.answer(2, 404)
    vet(accounts, 1, 2)
    accounts.answer(1, 404)
    accounts.answer(3, 404)
    vet(accounts, 1, 3)
    assert (ids(accounts), accounts.dropped) == ([1, 3], 1)


def test_an_account_that_the_database_has_recovers_and_breaks_as_any_other() -> None:
    accounts = Accounts()
    accounts.answer(1, 404, at(1))
    vet(accounts, 1)
    accounts.answer(1, 202)
    assert kept(accounts) == [AccountDeliveries(1, 1, 404, at(1), recovered=True)]
    accounts.answer(1, 410, at(2))
    assert kept(accounts) == [AccountDeliveries(1, 1, 410, at(2))]


def test_accounts_are_asked_about_in_portions_oldest_first() -> None:
    accounts = Accounts()
    for account_id in range(1, 6):
        accounts.answer(account_id, 404)
    assert [vet(accounts, *range(1, 6), most=2) for _ in range(4)] == [(1, 2), (3, 4), (5,), ()]


def test_accounts_that_are_doubted_are_asked_about_again_once_after_the_new_ones() -> None:
    accounts = Accounts()
    for account_id in (1, 2, 3):
        accounts.answer(account_id, 404)
    vet(accounts, 1, 2, 3)
    accounts.doubt()
    accounts.answer(4, 404)
    assert [vet(accounts, 1, 3, 4, most=2) for _ in range(3)] == [(4, 1), (2, 3), ()]
    assert ids(accounts) == [1, 3, 4]


def test_what_is_restored_is_asked_about_anew() -> None:
    accounts = Accounts()
    accounts.restore(AccountDeliveries(1, 1, 404))
    accounts.restore(AccountDeliveries(2, 1, 404, recovered=True))
    assert accounts.to_vet(1000) == (1,)
