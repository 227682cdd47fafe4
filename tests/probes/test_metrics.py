import subprocess
import time
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter.config.model import CHECK_NAMES
from exporter.probes.metrics import LABEL_VALUE_CHARACTERS, exposition
from exporter.probes.result import InstanceDetails, InstanceReport, ProbeResult, Reason
from tests.golden_files import assert_golden, golden_text
from tests.probes.sample_reports import QDON, bad, good, mixed_report, report
from tests.programs import need_program


def samples(one: InstanceReport) -> dict[str, dict[tuple[str, ...], float]]:
    """Return the samples by metric name and label values, in the order of the label names."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(exposition(one).decode()):
        for sample in family.samples:
            labels = tuple(value for _, value in sorted(sample.labels.items()))
            found.setdefault(sample.name, {})[labels] = sample.value
    return found


def test_the_whole_exposition_is_the_stored_one() -> None:
    assert_golden("probe.prom", exposition(mixed_report()).decode())


def test_promtool_finds_no_fault_in_the_stored_exposition() -> None:
    promtool = need_program("promtool")
    linted = subprocess.run(
        [promtool, "check", "metrics"], input=golden_text("probe.prom"), capture_output=True, text=True, check=False
    )
    assert (linted.returncode, linted.stdout, linted.stderr) == (0, "", "")


def test_one_failing_check_fails_the_probe_and_only_itself() -> None:
    found = samples(report(good("web"), bad("storage", Reason.HTTP_STATUS)))
    assert found["probe_success"] == {(): 0}
    assert found["mastodon_check_success"] == {("web",): 1, ("storage",): 0}
    assert found["mastodon_check_failure_info"] == {("storage", "http_status"): 1}


def test_no_family_is_named_where_nothing_is_known() -> None:
    bare = InstanceReport("qdon", QDON.url, 0, 0, 8, (ProbeResult("web", success=True),))
    assert sorted(samples(bare)) == [
        "mastodon_check_cached",
        "mastodon_check_duration_seconds",
        "mastodon_check_restricted",
        "mastodon_check_success",
        "probe_duration_seconds",
        "probe_success",
        "probe_timeout_seconds",
    ]


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_a_label_of_the_failure(reason: Reason) -> None:
    assert samples(report(bad("web", reason)))["mastodon_check_failure_info"] == {("web", reason.value): 1}


def test_what_a_server_says_of_itself_is_stripped_and_bounded() -> None:
    details = InstanceDetails(version='4.3\x1b[31m\n"\\\ud800' + "x" * 500, domain="a\u202eb.example")
    labels = samples(replace(report(), details=details))["mastodon_instance_info"]
    ((domain, version),) = labels
    assert domain == "ab.example"
    assert version.startswith('4.3[31m"\\xxx')
    assert len(version) == LABEL_VALUE_CHARACTERS


def test_a_server_that_tells_its_domain_only_has_an_empty_version() -> None:
    found = samples(replace(report(), details=InstanceDetails(domain="qdon.example")))
    assert found["mastodon_instance_info"] == {("qdon.example", ""): 1}


def test_zero_users_are_told_and_unknown_ones_are_not() -> None:
    found = samples(replace(report(), details=InstanceDetails(users=0)))
    assert found["mastodon_instance_users"] == {(): 0}
    assert "mastodon_instance_peers" not in found


def test_a_report_of_all_checks_renders_in_a_few_milliseconds() -> None:
    whole = report(*(good(check) for check in CHECK_NAMES))
    exposition(whole)
    started = time.process_time()
    for _ in range(50):
        exposition(whole)
    # It takes about 0.4 ms; the slack is for slow machines, not for a slower program.
    assert (time.process_time() - started) / 50 < 0.004
