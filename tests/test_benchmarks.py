"""All sides of the access log benchmark count the same: what it compares is the same work."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.accesslog.counting import count
from benchmarks.accesslog.figures import Figures
from benchmarks.accesslog.following import follow_to_end
from benchmarks.accesslog.generator import DOMAINS, Truth, write_log
from benchmarks.accesslog.peers import grep_broken, mtail_figures, run_mtail
from benchmarks.accesslog.strange_lines import STRANGE_LINES
from tests.programs import need_program

LINES = 2000
STRANGE_EVERY = 25


@dataclass(frozen=True)
class Sample:
    """A log with every strange line in it, and the truth about it."""

    log: Path
    truth: Truth


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    log = tmp_path_factory.mktemp("benchmark") / "sample.log"
    return Sample(log, write_log(log, LINES, STRANGE_EVERY))


def test_the_log_has_lines_of_every_kind(sample: Sample) -> None:
    true = sample.truth.figures
    assert len(STRANGE_LINES) <= LINES // STRANGE_EVERY
    assert sample.log.read_bytes().count(b"\n") == true.lines == LINES
    assert min(true.unparsed, true.broken, sum(true.failures.values()), len(sample.truth.broken_accounts)) > 0
    assert sum(true.deliveries.values()) == pytest.approx(0.35 * LINES, rel=0.1)
    assert sum(true.callbacks.values()) == pytest.approx(0.05 * LINES, rel=0.3)


def test_the_same_lines_are_written_again(sample: Sample, tmp_path: Path) -> None:
    assert write_log(tmp_path / "again.log", LINES, STRANGE_EVERY) == sample.truth
    assert (tmp_path / "again.log").read_bytes() == sample.log.read_bytes()


def test_scanner_and_tally_arrive_at_the_true_figures(sample: Sample) -> None:
    figures, _ = count(sample.log)
    assert figures == sample.truth.figures


def test_the_follower_arrives_at_the_true_figures(sample: Sample, tmp_path: Path) -> None:
    need_program("taskset")
    followed = follow_to_end(sample.log, LINES, tmp_path)
    assert followed.figures == sample.truth.figures
    assert followed.broken_accounts == len(sample.truth.broken_accounts)


def test_mtail_arrives_at_the_true_figures(sample: Sample) -> None:
    need_program("taskset")
    output = run_mtail(sample.log, need_program("mtail")).output
    assert mtail_figures(output).fold(frozenset(DOMAINS)) == sample.truth.figures


def test_grep_prints_each_broken_callback(sample: Sample) -> None:
    need_program("taskset")
    assert len(grep_broken(sample.log).output.splitlines()) == sample.truth.figures.broken


def test_figures_that_differ_end_the_benchmark(sample: Sample) -> None:
    with pytest.raises(SystemExit, match="mtail counts lines 0, and there are 2000"):
        Figures().must_equal(sample.truth.figures, "mtail")
