"""The rules are what their source makes, and do what their tests say."""

import subprocess
from pathlib import Path

import pytest

from scripts import alert_rules
from tests.alerts.rule_files import RULE_FILES, TEST_FILES
from tests.programs import need_program

LOOKED_UP_BY_SEVERITY = {"critical", "warning", "critical_share", "warning_share"}


def test_the_files_are_what_their_source_makes() -> None:
    written = {path.name: path.read_text() for path in RULE_FILES}
    assert written == alert_rules.render(alert_rules.read_thresholds()), "run `make monitoring`"


def test_another_threshold_makes_another_rule_and_another_sentence(tmp_path: Path) -> None:
    thresholds = alert_rules.read_thresholds()
    alert_rules.write(tmp_path, {**thresholds, "queues": {**thresholds["queues"], "warning": "7m"}})
    rules = (tmp_path / "federation.yml").read_text()
    assert "> 420\n" in rules
    assert "more than 7 minutes" in rules


def test_a_threshold_that_is_no_duration_is_refused_with_an_example() -> None:
    with pytest.raises(ValueError, match=r"'5 minutes' is no duration: .* such as 5m"):
        alert_rules.seconds("5 minutes")


def test_every_threshold_is_used() -> None:
    templates = "".join(path.read_text() for path in alert_rules.SOURCE.glob("*.j2"))
    named = [
        f"{section}.{name}"
        for section, numbers in alert_rules.read_thresholds().items()
        for name in numbers
        if name not in LOOKED_UP_BY_SEVERITY
    ]
    assert [name for name in named if name not in templates] == []


def test_promtool_finds_no_fault_in_the_rules() -> None:
    command = [need_program("promtool"), "check", "rules", "--lint=all", "--lint-fatal", *map(str, RULE_FILES)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.slow
@pytest.mark.parametrize("path", TEST_FILES, ids=lambda path: path.stem)
def test_the_rules_do_what_their_tests_say(path: Path) -> None:
    command = [need_program("promtool"), "test", "rules", str(path)]
    tested = subprocess.run(command, capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_each_file_of_alerts_has_one_of_tests() -> None:
    assert {path.name for path in RULE_FILES} - {path.name for path in TEST_FILES} == {"recording.yml"}
