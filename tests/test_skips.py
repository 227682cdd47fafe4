"""A test that did not run is seen: in CI as a failure, elsewhere with its reason."""

from pathlib import Path

import pytest

from tests import programs

PROJECT = Path(__file__).parents[1]

NEEDS_A_PROGRAM = """
from tests.programs import need_program

def test_with_a_program():
    need_program("no-such-program")
"""
MARKED = """
import pytest

@pytest.mark.skip(reason="marked by hand")
def test_marked():
    pass
"""
WHOLE_MODULE = """
import pytest

pytest.skip("the whole module", allow_module_level=True)

def test_never_seen():
    pass
"""
EXPECTED_TO_FAIL = """
import pytest

@pytest.mark.xfail(reason="known")
def test_known():
    assert False
"""


@pytest.fixture(autouse=True)
def project_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))


def run(pytester: pytest.Pytester, source: str) -> pytest.RunResult:
    pytester.makepyfile(source)
    return pytester.runpytest_subprocess("-p", "tests.skips", "-ra")


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (NEEDS_A_PROGRAM, "no-such-program is not installed"),
        (MARKED, "marked by hand"),
        (WHOLE_MODULE, "the whole module"),
    ],
    ids=["program", "mark", "module"],
)
def test_a_skip_fails_in_ci_and_says_why(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, source: str, why: str
) -> None:
    monkeypatch.setenv("CI", "true")
    result = run(pytester, source)
    assert result.ret != pytest.ExitCode.OK
    assert result.parseoutcomes().get("skipped", 0) == 0
    result.stdout.fnmatch_lines([f"*which is a failure where CI=true: *{why}*"])


@pytest.mark.parametrize("source", [NEEDS_A_PROGRAM, MARKED], ids=["program", "mark"])
def test_a_skip_outside_ci_is_only_a_skip(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    monkeypatch.delenv("CI", raising=False)
    result = run(pytester, source)
    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(skipped=1)


def test_an_expected_failure_is_no_skip(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    result = run(pytester, EXPECTED_TO_FAIL)
    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(xfailed=1)


def test_every_test_of_this_project_is_under_that_rule(request: pytest.FixtureRequest) -> None:
    hooks = [item.function for item in request.config.hook.pytest_runtest_makereport.get_hookimpls()]
    assert any(hook.__module__ == "tests.skips" for hook in hooks)


def test_a_program_is_found_in_the_python_environment_and_where_only_root_looks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    system_program = tmp_path / "made-up-server"
    system_program.touch(mode=0o755)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(programs, "_SYSTEM_FOLDERS", (str(tmp_path),))
    assert programs.find_program("pytest") is not None
    assert programs.find_program("made-up-server") == str(system_program)
    assert programs.find_program("no-such-program") is None
