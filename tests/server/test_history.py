import threading
from dataclasses import replace

from exporter.config import Config, Instance
from exporter.probes.result import AbsentCheck, Hop, Reason
from exporter.server.history import FAILED_RESULTS, PASSED_RESULTS, History
from tests.probes.sample_reports import QDON, bad, good, report

FAILING = report(bad("web", Reason.DNS))


def test_a_result_is_found_again_by_its_number() -> None:
    history = History()
    number = history.record(QDON, FAILING)
    result = history.result(number)
    assert result is not None
    assert result.report is FAILING


def test_results_come_newest_first() -> None:
    history = History()
    numbers = [history.record(QDON, one) for one in (report(), FAILING, report(), FAILING)]
    assert [result.number for result in history.results()] == numbers[::-1]


def test_failures_are_kept_while_any_number_of_probes_pass() -> None:
    history = History()
    failed = history.record(QDON, FAILING)
    passed = [history.record(QDON, report()) for _ in range(PASSED_RESULTS + 1)]
    assert history.result(failed) is not None
    assert history.result(passed[0]) is None
    assert history.result(passed[1]) is not None


def test_no_number_of_probes_grows_the_history() -> None:
    history = History()
    for _ in range(2 * FAILED_RESULTS):
        history.record(QDON, FAILING)
        history.record(QDON, report())
    assert len(history.results()) == FAILED_RESULTS + PASSED_RESULTS


def test_unlisted_targets_are_kept_among_the_results_only() -> None:
    history = History()
    stranger = replace(QDON, listed=False)
    history.record(stranger, report())
    assert len(history.results()) == 1
    assert history.latest(stranger) is None


def test_the_newest_report_of_an_instance_is_kept_without_its_trace() -> None:
    history = History()
    history.record(QDON, report(replace(good("web"), trace=(Hop("GET /", "200"),))))
    assert history.latest(QDON) == report(good("web"))


def test_a_probe_of_some_checks_leaves_the_others_as_they_were() -> None:
    history = History()
    first = replace(report(good("web"), good("api")), absent=(AbsentCheck("health", "too old"),))
    history.record(QDON, first)
    history.record(QDON, report(bad("api", Reason.JSON), started=2.0), whole=False)
    latest = history.latest(QDON)
    assert latest is not None
    assert latest.results == (good("web"), bad("api", Reason.JSON))
    assert latest.absent == first.absent
    assert latest.started_timestamp_seconds == 2.0


def test_a_check_that_was_absent_and_is_now_there_is_no_longer_absent() -> None:
    history = History()
    history.record(QDON, replace(report(good("web")), absent=(AbsentCheck("health", "too old"),)))
    history.record(QDON, report(good("health")), whole=False)
    latest = history.latest(QDON)
    assert latest is not None
    assert (latest.results, latest.absent) == ((good("web"), good("health")), ())


def test_a_whole_probe_forgets_checks_that_are_no_longer_made() -> None:
    history = History()
    history.record(QDON, report(good("web"), good("storage")))
    history.record(QDON, report(good("web")))
    assert history.latest(QDON) == report(good("web"))


def test_an_instance_that_has_moved_to_another_url_has_not_been_probed_yet() -> None:
    history = History()
    history.record(QDON, report())
    moved = replace(QDON, url="https://new.example")
    assert history.latest(moved) is None
    history.record(moved, report(good("web"), instance=moved), whole=False)
    assert history.latest(moved) == report(good("web"), instance=moved)


def test_instances_that_are_no_longer_configured_are_forgotten() -> None:
    history = History()
    other = Instance("other", "https://other.example", "other.example")
    history.record(QDON, report())
    history.record(other, report(instance=other))
    history.keep_only(Config(instances=(other,)))
    assert history.latest(QDON) is None
    assert history.latest(other) is not None


def test_numbers_are_unique_across_threads() -> None:
    history = History()
    numbers: list[int] = []

    def record() -> None:
        numbers.extend(history.record(QDON, FAILING) for _ in range(200))

    threads = [threading.Thread(target=record) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(numbers)) == 1600
