import tracemalloc
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.accesslog import tally as tally_module
from exporter.accesslog.accounts import AccountDeliveries, Accounts
from exporter.accesslog.counts import Counted, Series
from exporter.accesslog.domains import OTHER, FailingDomain, FailingDomains, LearntDomains, SendingDomains
from exporter.accesslog.entry import LogTime, UnparsedReason
from exporter.accesslog.scan import Observation, Scan
from exporter.accesslog.tally import Tally, TallyState
from exporter.accesslog.timestamps import read_time
from exporter.mastodon.routes import MAINTENANCE_ACCOUNT_ID
from exporter.mastodon.senders import callback_agent, sending_host
from tests.accesslog.observations import TIME, TIMESTAMP_SECONDS, callback, delivery, new_tally, scan, tally_settings


def counted(tally: Tally, name: Counted) -> dict[tuple[str, ...], int]:
    return {series.labels: value for series, value in tally.counts().items() if series.counted is name and value}


def series_of_domains(tally: Tally) -> dict[str, int]:
    return {place.domain: place.failures for place in tally.failing}


def test_lines_and_what_does_not_fit_are_summed_over_blocks() -> None:
    tally = new_tally()
    tally.apply(Scan(5, {UnparsedReason.EMPTY: 1, UnparsedReason.STATUS: 2}))
    tally.apply(Scan(7, {UnparsedReason.STATUS: 1}))
    assert counted(tally, Counted.LINES) == {(): 12}
    assert counted(tally, Counted.UNPARSED) == {("empty",): 1, ("status",): 3}


def test_deliveries_are_counted_by_code_as_logged() -> None:
    tally = new_tally()
    tally.apply(scan(delivery("202"), delivery("202"), delivery("000"), callback("200")))
    assert counted(tally, Counted.DELIVERIES) == {("202",): 2, ("000",): 1}


def test_callbacks_are_counted_by_method_and_code_whatever_their_digits() -> None:
    tally = new_tally()
    tally.apply(scan(callback("404"), callback("404", "9" * 5000), callback("404", 0), callback("200", method="GET")))
    assert counted(tally, Counted.CALLBACKS) == {("POST", "404"): 3, ("GET", "200"): 1}
    assert counted(tally, Counted.CALLBACKS_BROKEN) == {(): 3}


def test_callbacks_are_counted_by_the_class_of_their_agent() -> None:
    tally = new_tally()
    agents = ("Mastodon/PubSubHubbub", "GNU social", "curl/8", "curl/8")
    tally.apply(scan(*[callback("200", agent=agent) for agent in agents]))
    assert counted(tally, Counted.CALLBACK_AGENTS) == {("mastodon",): 1, ("gnusocial",): 1, ("other",): 2}


def test_a_broken_callback_is_kept_with_its_time() -> None:
    tally = new_tally()
    tally.apply(scan(callback("404", "00107")))
    seen = LogTime(TIMESTAMP_SECONDS, "2017-04-20T23:11:08+09:00")
    assert list(tally.accounts) == [AccountDeliveries(107, 1, 404, seen)]


@pytest.mark.parametrize("digits", ["0", "000", str(MAINTENANCE_ACCOUNT_ID), str(2**63), "9" * 5000])
def test_an_id_that_no_account_can_have_is_not_kept(digits: str) -> None:
    tally = new_tally()
    tally.apply(scan(callback("404", digits)))
    assert list(tally.accounts) == []


def test_the_largest_id_that_an_account_can_have_is_kept_whatever_zeros_stand_before_it() -> None:
    tally = new_tally()
    tally.apply(scan(callback("404", f"{'0' * 5000}{2**63 - 2}")))
    assert [account.account_id for account in tally.accounts] == [2**63 - 2]


def test_where_callbacks_are_not_judged_they_are_counted_and_nothing_is_broken() -> None:
    tally = new_tally(judged=False)
    tally.apply(scan(callback("404")))
    assert counted(tally, Counted.CALLBACKS) == {("POST", "404"): 1}
    assert counted(tally, Counted.CALLBACK_AGENTS) == {("other",): 1}
    assert counted(tally, Counted.CALLBACKS_BROKEN) == {}
    assert tally.accounts.broken == 0


def test_accounts_are_forgotten_and_counters_stay_when_judging_is_switched_off() -> None:
    tally = new_tally()
    tally.apply(scan(callback("404")))
    tally.judge(judged=False)
    assert tally.accounts.broken == 0
    assert counted(tally, Counted.CALLBACKS_BROKEN) == {(): 1}


def test_callbacks_are_judged_from_when_judging_is_switched_on() -> None:
    tally = new_tally(judged=False)
    tally.judge(judged=True)
    tally.apply(scan(callback("301")))
    assert tally.accounts.broken == 1


def test_a_failure_of_an_unknown_domain_is_counted_as_other() -> None:
    tally = new_tally()
    agentless: Observation = (b"500", b"curl/8", b"", b"", b"", b"", b"", b"")
    tally.apply(scan(delivery("500"), agentless))
    assert counted(tally, Counted.FAILURES) == {(OTHER,): 2}
    assert series_of_domains(tally) == {}


def test_a_domain_is_known_from_the_delivery_that_came_through_on() -> None:
    tally = new_tally()
    tally.apply(scan(delivery("500"), delivery("202"), delivery("500"), delivery("401")))
    assert counted(tally, Counted.FAILURES) == {(OTHER,): 1}
    assert series_of_domains(tally) == {"a.example": 2}


def test_a_refusal_that_is_meant_is_neither_a_failure_nor_a_proof_of_a_domain() -> None:
    tally = new_tally()
    tally.apply(scan(*[delivery(code) for code in ("403", "404", "410", "403", "500")]))
    assert counted(tally, Counted.FAILURES) == {(OTHER,): 1}


def test_a_listed_domain_has_its_series_whatever_it_has_sent() -> None:
    tally = new_tally()
    tally.list_known_domains({"a.example"})
    tally.apply(scan(delivery("500")))
    assert series_of_domains(tally) == {"a.example": 1}


def test_a_domain_listed_no_longer_is_learnt_at_its_next_delivery() -> None:
    tally = new_tally()
    tally.list_known_domains({"a.example"})
    tally.apply(scan(delivery("202")))
    tally.list_known_domains(frozenset())
    tally.apply(scan(delivery("202"), delivery("500")))
    assert series_of_domains(tally) == {"a.example": 1}


def test_the_user_agent_is_read_with_its_escapes_undone() -> None:
    tally = Tally(tally_module.TallySettings(lambda agent: agent.decode().replace(r"\x22", '"')))
    listed: Observation = (b"500", rb"x \x22https://a.example\x22", b"", b"", b"", b"", b"", b"")
    tally.list_known_domains({"a.example"})
    tally.apply(scan(listed))
    assert series_of_domains(tally) == {"a.example": 1}


def test_the_time_of_the_last_line_stays_where_a_block_tells_none() -> None:
    tally = new_tally()
    assert tally.last_line_timestamp_seconds is None
    tally.apply(Scan(1, {}, (), TIME))
    tally.apply(Scan(1, {UnparsedReason.FORMAT: 1}))
    assert tally.last_line_timestamp_seconds == TIMESTAMP_SECONDS


def test_places_unused_for_thirty_days_of_log_time_are_given_away() -> None:
    tally = new_tally(domain_cap=1)
    tally.list_known_domains({"a.example", "b.example"})
    tally.apply(Scan(1, {}, [delivery("500", "a.example")], b"01/Apr/2017:00:00:00 +0000"))
    tally.apply(Scan(1, {}, [delivery("500", "b.example")], b"30/Apr/2017:00:00:00 +0000"))
    assert series_of_domains(tally) == {"a.example": 1}
    tally.apply(Scan(1, {}, [delivery("500", "b.example")], b"02/May/2017:00:00:00 +0000"))
    assert series_of_domains(tally) == {"b.example": 1}


@pytest.mark.parametrize("name", [Counted.ROTATIONS, Counted.TRUNCATIONS, Counted.LOST_FILES])
def test_what_happens_to_files_is_counted_when_told(name: Counted) -> None:
    tally = new_tally()
    tally.count(name)
    tally.count(name)
    assert counted(tally, name) == {(): 2}


def test_accounts_dropped_are_counted_on_from_what_they_were() -> None:
    dropped = Series(Counted.ACCOUNTS_DROPPED)
    tally = Tally(tally_settings(), TallyState(counts={dropped: 5}, accounts=Accounts(broken_limit=1)))
    tally.apply(scan(callback("404", 1), callback("404", 2)))
    assert tally.counts()[dropped] == 6


def test_an_attacker_with_ever_new_user_agents_adds_no_series_and_no_memory() -> None:
    tally = new_tally()
    codes = ("202", "404", "500")

    def attack(first: int) -> None:
        for start in range(first, first + 30_000, 1000):
            names = range(start, start + 1000)
            tally.apply(scan(*[delivery(codes[name % 3], f"{'x' * 60}{name}.example") for name in names]))
            tally.apply(scan(*[callback("429", name, agent=f"{name}{'x' * 10_000}") for name in names[:100]]))
            tally.clear_changes()

    attack(0)
    tracemalloc.start()
    attack(30_000)
    grown_bytes = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(series_of_domains(tally)) <= 100
    assert len(tally.counts()) < 20
    assert grown_bytes < 12_000_000  # what is remembered has been replaced, and there is a bound on it


class Model:
    """The same, one observation after the other, remembering nothing about user agents."""

    def __init__(self, domain_cap: int, learnt_limit: int) -> None:
        self.counts: Counter[Series] = Counter()
        self.accounts = Accounts(3, 2)
        self.domains = SendingDomains(LearntDomains(learnt_limit), FailingDomains(domain_cap))
        self.judged = True

    def apply(self, observations: Sequence[Observation], now_seconds: float) -> None:
        for code, agent, time, method, digits, callback_code, callback_agent_, _ in observations:
            if code:
                self.deliver(code.decode(), sending_host(agent.decode()), now_seconds)
            else:
                series = Series(Counted.CALLBACKS, (method.decode(), callback_code.decode()))
                self.counts[series] += 1
                self.counts[Series(Counted.CALLBACK_AGENTS, (callback_agent(callback_agent_.decode()),))] += 1
                self.call_back(int(digits), int(callback_code), read_time(time))

    def deliver(self, code: str, domain: str | None, now_seconds: float) -> None:
        self.counts[Series(Counted.DELIVERIES, (code,))] += 1
        if code.startswith("2"):
            if domain:
                self.domains.come_through(domain)
        elif code not in ("403", "404", "410") and not (domain and self.domains.fail(domain, now_seconds)):
            self.counts[Series(Counted.FAILURES, (OTHER,))] += 1

    def call_back(self, account_id: int, code: int, time: LogTime | None) -> None:
        if self.judged:
            self.counts[Series(Counted.CALLBACKS_BROKEN)] += 300 <= code < 500 and code != 429
            self.accounts.answer(account_id, code, time)


LISTS = (frozenset[str](), frozenset({"a.example"}), frozenset({"b.example", "c.example"}))
DELIVERIES = st.builds(
    delivery, st.sampled_from(["202", "202", "403", "500"]), st.sampled_from([f"{name}.example" for name in "abcdefg"])
)
NO_DOMAIN: st.SearchStrategy[Observation] = st.sampled_from(
    [(code, b"x" * length, b"", b"", b"", b"", b"", b"") for code in (b"202", b"500") for length in (1, 300)]
)
CALLBACKS = st.builds(
    callback,
    st.sampled_from(["200", "404", "301", "429", "502"]),
    st.integers(1, 6),
    st.sampled_from(["GET", "POST"]),
    st.sampled_from(["Mastodon/PubSubHubbub", "GNU social", "", "y" * 300]),
)
BLOCKS = st.lists(
    st.tuples(
        st.lists(DELIVERIES | DELIVERIES | NO_DOMAIN | CALLBACKS, max_size=15),
        st.integers(1, 28),
        st.sampled_from(["Apr", "May", "Jun"]),
        st.none() | st.sampled_from(LISTS),
        st.none() | st.booleans(),
    ),
    max_size=8,
)


@settings(max_examples=300)
@given(BLOCKS, st.sampled_from([0, 1, 5, 10]), st.sampled_from([2, 4, 100]), st.sampled_from([1, 3, 10_000]))
def test_blocks_come_to_what_one_line_after_the_other_does(
    blocks: list[tuple[list[Observation], int, str, frozenset[str] | None, bool | None]],
    domain_cap: int,
    learnt_limit: int,
    agents_remembered: int,
) -> None:
    model = Model(domain_cap, learnt_limit)
    state = TallyState(accounts=Accounts(3, 2), learnt=LearntDomains(learnt_limit))
    tally = Tally(tally_settings(domain_cap), state)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tally_module, "AGENTS_REMEMBERED", agents_remembered)
        for observations, day, month, listed, judged in blocks:
            if listed is not None:
                tally.list_known_domains(listed)
                model.domains.list_known(listed)
            if judged is not None:
                tally.judge(judged=judged)
                model.judged = judged
                if not judged:
                    model.accounts.forget()
            time = f"{day:02}/{month}/2017:23:11:08 +0900".encode()
            tally.apply(Scan(len(observations), {}, observations, time))
            moment = read_time(time)
            assert moment is not None
            model.counts[Series(Counted.LINES)] += len(observations)
            model.apply(observations, moment.timestamp_seconds)
            model.counts[Series(Counted.ACCOUNTS_DROPPED)] = model.accounts.dropped
            assert +Counter(tally.counts()) == +model.counts
            assert list(tally.failing) == list(model.domains.failing)
            assert dict(tally.learnt) == dict(model.domains.learnt)
            assert list(tally.accounts) == list(model.accounts)


def test_series_are_put_back_as_they_were() -> None:
    failing = (FailingDomain("a.example", 7, 1.0, False), FailingDomain("b.example", 3, 2.0, True))
    tally = Tally(tally_settings(), TallyState(failing=failing))
    tally.apply(scan(delivery("500", "a.example")))
    assert series_of_domains(tally) == {"a.example": 8, "b.example": 3}
