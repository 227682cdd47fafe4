"""The other sides: a raw read, Debian's mtail, and the pipeline that administrators use."""

import shlex
import tempfile
from collections import Counter
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from benchmarks.accesslog.figures import Figures
from benchmarks.accesslog.pinned import Run, run_pinned

MTAIL_PROGRAM = Path(__file__).with_name("accesslog.mtail")

# egrep itself only prints a warning and starts grep -E.
_PIPELINE = """cat {log} | grep /api/subscriptions/ | grep -E '" [34][0-9][0-9] ' | grep -v '" 429 '"""


def read_raw(log: Path) -> Run:
    """Read a log and do nothing with it."""
    command = f"cat {shlex.quote(str(log))} >/dev/null"
    return run_pinned(["sh", "-c", command])


def grep_broken(log: Path) -> Run:
    """Print the broken callbacks of a log, as the pipeline does."""
    return run_pinned(["sh", "-c", _PIPELINE.format(log=shlex.quote(str(log)))])


def run_mtail(log: Path, mtail: str = "mtail") -> Run:
    """Count a log from its beginning to its end with mtail."""
    with tempfile.TemporaryDirectory() as folder:
        return run_pinned(
            [mtail, "-progs", str(MTAIL_PROGRAM), "-logs", str(log), "-log_dir", folder, "-address", "127.0.0.1",
             "-port", "0", "-one_shot", "-one_shot_format", "prometheus"]
        )  # fmt: skip


def mtail_figures(output: str) -> Figures:
    """Return what mtail printed as figures. It takes a status for a number, and so drops the zeros before it."""
    totals: Counter[str] = Counter()
    callbacks, deliveries, failures = Counter[tuple[str, str]](), Counter[str](), Counter[str]()
    for sample in (one for family in text_string_to_metric_families(output) for one in family.samples):
        labels, count = sample.labels, int(sample.value)
        totals[sample.name] += count
        if sample.name == "callbacks_total":
            callbacks[labels["method"], labels["code"].zfill(3)] += count
        elif sample.name == "deliveries_total":
            deliveries[labels["code"].zfill(3)] += count
        elif sample.name == "failures_total":
            failures[labels["domain"]] += count
    lines, unparsed = totals["lines_total"], totals["unparsed_lines_total"]
    return Figures(lines, unparsed, callbacks, totals["callbacks_broken_total"], deliveries, failures)
