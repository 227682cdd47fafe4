import tracemalloc
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from exporter.accesslog.domains import (
    FailingDomain,
    FailingDomains,
    LearntDomains,
    SendingDomains,
    read_known_domains,
)

DAY_SECONDS = 86400.0


def sending(cap: int = 10, listed: set[str] | None = None, learnt_limit: int = 100) -> SendingDomains:
    domains = SendingDomains(LearntDomains(learnt_limit), FailingDomains(cap))
    domains.list_known(listed or set())
    return domains


def failures(domains: SendingDomains) -> dict[str, int]:
    return {place.domain: place.failures for place in domains.failing}


def fail_all(domains: SendingDomains, names: list[str], now_seconds: float = 0.0) -> list[bool]:
    return [domains.fail(name, now_seconds) for name in names]


def test_a_domain_that_nobody_knows_gets_no_series() -> None:
    domains = sending()
    assert not domains.fail("a.example", 0.0)
    assert failures(domains) == {}


def test_a_listed_domain_gets_a_series_with_its_first_failure() -> None:
    domains = sending(listed={"a.example"})
    assert failures(domains) == {}
    assert fail_all(domains, ["a.example", "a.example"]) == [True, True]
    assert failures(domains) == {"a.example": 2}


def test_a_domain_is_known_once_a_delivery_of_it_came_through() -> None:
    domains = sending()
    domains.come_through("a.example")
    assert domains.fail("a.example", 0.0)


def test_learnt_domains_take_a_fifth_of_the_places() -> None:
    domains = sending(cap=10)
    for name in ("a.example", "b.example", "c.example"):
        domains.come_through(name)
    assert fail_all(domains, ["a.example", "b.example", "c.example", "a.example"]) == [True, True, False, True]


def test_a_listed_domain_takes_the_place_of_the_learnt_one_that_failed_longest_ago() -> None:
    listed = [f"listed{number}.example" for number in range(9)]
    domains = sending(cap=10, listed=set(listed))
    for name in ("a.example", "b.example"):
        domains.come_through(name)
    fail_all(domains, ["a.example", "b.example", "a.example", *listed])
    assert failures(domains) == {"a.example": 2} | dict.fromkeys(listed, 1)


def test_a_listed_domain_gets_no_place_where_listed_ones_have_taken_them_all() -> None:
    domains = sending(cap=2, listed={"a.example", "b.example", "c.example"})
    assert fail_all(domains, ["a.example", "b.example", "c.example"]) == [True, True, False]


def test_a_place_unused_for_thirty_days_is_taken_by_another_domain() -> None:
    domains = sending(cap=1, listed={"a.example", "b.example"})
    domains.fail("a.example", 0.0)
    assert not domains.fail("b.example", 30 * DAY_SECONDS)
    assert domains.fail("b.example", 30 * DAY_SECONDS + 1)
    assert failures(domains) == {"b.example": 1}


def test_a_learnt_domain_may_take_the_unused_place_of_another_learnt_one() -> None:
    domains = sending(cap=5)
    domains.come_through("a.example")
    domains.come_through("b.example")
    assert fail_all(domains, ["a.example", "b.example"]) == [True, False]
    assert domains.fail("b.example", 31 * DAY_SECONDS)
    assert failures(domains) == {"b.example": 1}


def test_a_series_that_ended_begins_anew() -> None:
    domains = sending(cap=1, listed={"a.example", "b.example"})
    fail_all(domains, ["a.example", "a.example"])
    domains.fail("b.example", 31 * DAY_SECONDS)
    domains.fail("a.example", 62 * DAY_SECONDS)
    assert failures(domains) == {"a.example": 1}


def test_a_domain_listed_later_keeps_its_count_and_counts_as_listed() -> None:
    domains = sending(cap=5)
    domains.come_through("a.example")
    domains.fail("a.example", 0.0)
    domains.list_known({"a.example"})
    domains.come_through("b.example")
    assert fail_all(domains, ["a.example", "b.example"]) == [True, True]
    assert failures(domains) == {"a.example": 2, "b.example": 1}


def test_a_domain_listed_no_longer_loses_its_series_unless_it_has_been_learnt() -> None:
    domains = sending(cap=10, listed={"a.example", "b.example"})
    fail_all(domains, ["a.example", "b.example"])
    domains.list_known({"b.example"})
    assert failures(domains) == {"b.example": 1}
    assert not domains.fail("a.example", 0.0)


def test_a_series_stays_while_its_learnt_domain_is_forgotten() -> None:
    domains = sending(cap=10, learnt_limit=2)
    domains.come_through("a.example")
    domains.fail("a.example", 0.0)
    for number in range(10):
        domains.come_through(f"{number}.example")
    assert "a.example" not in domains.learnt
    domains.list_known({"b.example"})
    assert domains.fail("a.example", 0.0)


def test_a_smaller_cap_takes_series_away_the_learnt_ones_first() -> None:
    smaller = FailingDomains(2)
    for place in (
        FailingDomain("learnt.example", 9, 3.0, False),
        FailingDomain("a.example", 9, 1.0, True),
        FailingDomain("b.example", 9, 2.0, True),
        FailingDomain("c.example", 9, 3.0, True),
    ):
        smaller.restore(place)
    assert [place.domain for place in smaller] == ["b.example", "c.example"]


def test_a_cap_of_nothing_gives_no_series() -> None:
    assert not sending(cap=0, listed={"a.example"}).fail("a.example", 0.0)


def test_listed_domains_are_not_learnt() -> None:
    domains = sending(listed={"a.example"})
    domains.come_through("a.example")
    assert "a.example" not in domains.learnt


def test_domains_seen_again_and_again_outlive_any_number_seen_once() -> None:
    learnt = LearntDomains(limit=10)
    for number in range(1000):
        learnt.see("regular.example")
        learnt.see(f"{number}.example")
        assert len(list(learnt)) <= 10
    assert "regular.example" in learnt
    assert "900.example" not in learnt


def test_the_later_half_is_always_remembered() -> None:
    learnt = LearntDomains(limit=10)
    for number in range(57):
        learnt.see(f"{number}.example")
    assert all(f"{number}.example" in learnt for number in range(52, 57))


def test_seeing_a_domain_again_tells_nothing_new_until_a_generation_begins() -> None:
    learnt = LearntDomains(limit=4)
    assert [learnt.see(name) for name in ("a", "b", "a", "c", "a", "b")] == [False, False, False, True, False, True]


@given(st.lists(st.sampled_from("abcdefgh"), max_size=50), st.integers(0, 50), st.lists(st.sampled_from("abcdefgh")))
def test_what_is_learnt_is_the_same_after_a_restart(before: list[str], written_at: int, after: list[str]) -> None:
    learnt, restored, stored = LearntDomains(4), LearntDomains(4), dict[str, int]()
    for number, domain in enumerate(before):
        learnt.see(domain)
        if number in (written_at, len(before) - 1):
            for changed, generation in learnt.changes():
                stored.pop(changed, None)
                stored.update({} if generation is None else {changed: generation})
            learnt.clear_changes()
    assert stored == dict(learnt)
    for domain, generation in sorted(stored.items()):
        restored.restore(domain, generation)
    assert list(restored.changes()) == []
    assert [restored.see(domain) for domain in after] == [learnt.see(domain) for domain in after]
    assert dict(restored) == dict(learnt)


def test_an_attacker_with_a_hundred_thousand_domains_adds_at_most_a_fifth_of_the_cap_and_no_memory() -> None:
    domains = sending(cap=500, learnt_limit=10_000)
    for number in range(20_000):
        domains.come_through(f"{number}.{'x' * 60}.example")
    tracemalloc.start()
    for number in range(100_000):
        name = f"{number}.{'y' * 60}.example"
        domains.come_through(name)
        domains.fail(name, 0.0)
        domains.learnt.clear_changes()
    grown_bytes = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(failures(domains)) == 100
    assert grown_bytes < 3_000_000


NAMES = st.sampled_from([f"{letter}.example" for letter in "abcdefghijkl"])
STEPS = st.lists(st.tuples(st.sampled_from(["2xx", "fail", "fail", "list"]), NAMES, st.integers(0, 12)), max_size=80)


@given(STEPS, st.integers(0, 12))
def test_whatever_comes_the_cap_holds_and_no_failure_of_a_series_is_lost(
    steps: list[tuple[str, str, int]], cap: int
) -> None:
    domains = sending(cap)
    counts: dict[str, int] = {}
    learnt: set[str] = set()
    listed: set[str] = set()
    now_seconds = 0.0
    for step, name, days in steps:
        now_seconds += days * DAY_SECONDS
        if step == "2xx":
            domains.come_through(name)
            learnt |= {name} - listed
        elif step == "list":
            listed = listed ^ {name}
            domains.list_known(set(listed))
        elif domains.fail(name, now_seconds):
            assert name in learnt | listed
            counts[name] = counts.get(name, 0) + 1
        counts = {name: count for name, count in counts.items() if name in failures(domains)}
        assert failures(domains) == counts
        assert len(counts) <= cap
        assert len(counts.keys() - listed) <= cap // 5
        assert {place.domain for place in domains.failing if place.listed} == counts.keys() & listed


def test_a_file_of_known_domains_is_read_as_user_agents_are(tmp_path: Path) -> None:
    path = tmp_path / "domains.txt"
    path.write_text(
        "# peers\n\nMasto.Example\n  b.example.  # theirs\n日本語.example\nxn--wgv71a119e.example\nnot a domain\n-\n",
        encoding="utf-8",
    )
    assert read_known_domains(path) == {"masto.example", "b.example", "xn--wgv71a119e.example"}


def test_bytes_that_are_no_text_spoil_one_line_only(tmp_path: Path) -> None:
    path = tmp_path / "domains.txt"
    path.write_bytes(b"a.example\r\n\xff\xfe.example\r\nb.example")
    assert read_known_domains(path) == {"a.example", "b.example"}
