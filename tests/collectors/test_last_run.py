"""When a job last ran, by evidence of every kind."""

import pytest

from exporter.collectors.job_effects import Effect
from exporter.collectors.job_traces import Execution, Trace
from exporter.collectors.last_run import Evidence, LastRun, last_run
from exporter.mastodon.schedule import DAY_SECONDS, HOUR_SECONDS, ScheduledJob

DAILY = ScheduledJob("vacuum_scheduler", "Scheduler::VacuumScheduler", DAY_SECONDS)
TASK = ScheduledJob("mastodon:push:refresh", "", DAY_SECONDS)
NOW = 1_763_000_000.0
HOUR_AGO = NOW - HOUR_SECONDS
LONG_AGO = NOW - 30 * DAY_SECONDS
EIGHT_HOURS_AGO = NOW - 8 * HOUR_SECONDS


def executed(begins: float, failed: bool = False) -> Execution:
    return Execution(begins, begins + 60, failed)


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        pytest.param(Evidence(DAILY, Trace()), LastRun(0, False), id="never triggered: never ran"),
        pytest.param(Evidence(DAILY, None), None, id="no Redis, no undone work: nothing is known"),
        pytest.param(
            Evidence(DAILY, Trace(triggered=HOUR_AGO)), LastRun(HOUR_AGO, False), id="no counters: when triggered"
        ),
        pytest.param(
            Evidence(DAILY, Trace(HOUR_AGO, executed(HOUR_AGO - 20)), EIGHT_HOURS_AGO),
            LastRun(HOUR_AGO, False),
            id="executed in the minute that it was triggered in",
        ),
        pytest.param(
            Evidence(DAILY, Trace(HOUR_AGO, executed(HOUR_AGO + 600)), EIGHT_HOURS_AGO),
            LastRun(HOUR_AGO + 600, False),
            id="executed after it had waited in its queue",
        ),
        pytest.param(
            Evidence(DAILY, Trace(HOUR_AGO), EIGHT_HOURS_AGO, remembered=LONG_AGO),
            LastRun(LONG_AGO, False),
            id="triggered, and never executed since",
        ),
        pytest.param(
            Evidence(DAILY, Trace(HOUR_AGO, executed(HOUR_AGO - 7200)), EIGHT_HOURS_AGO),
            LastRun(HOUR_AGO - 7140, False),
            id="triggered again, and not executed yet",
        ),
        pytest.param(
            Evidence(DAILY, Trace(NOW - 20 * HOUR_SECONDS), EIGHT_HOURS_AGO),
            LastRun(NOW - 20 * HOUR_SECONDS, False),
            id="so long ago that nothing is counted any more",
        ),
        pytest.param(
            Evidence(DAILY, Trace(HOUR_AGO, executed(HOUR_AGO, failed=True)), EIGHT_HOURS_AGO),
            LastRun(HOUR_AGO, True),
            id="executed, and failed",
        ),
        pytest.param(
            Evidence(DAILY, Trace(HOUR_AGO, died=HOUR_AGO + 5)), LastRun(HOUR_AGO, True), id="lies among the dead"
        ),
        pytest.param(
            Evidence(DAILY, Trace(HOUR_AGO, died=HOUR_AGO - DAY_SECONDS)),
            LastRun(HOUR_AGO, False),
            id="died the day before",
        ),
        pytest.param(
            Evidence(DAILY, Trace(HOUR_AGO), effect=Effect(LONG_AGO, is_bound=True)),
            LastRun(LONG_AGO, False),
            id="triggered daily, and its work is undone for a month",
        ),
        pytest.param(
            Evidence(DAILY, Trace(HOUR_AGO), effect=Effect(HOUR_AGO - DAY_SECONDS, is_bound=True)),
            LastRun(HOUR_AGO, False),
            id="work of a day may be left over",
        ),
        pytest.param(
            Evidence(DAILY, None, effect=Effect(LONG_AGO, is_bound=True)),
            LastRun(LONG_AGO, None),
            id="without Redis: not since its work is undone",
        ),
        pytest.param(
            Evidence(TASK, Trace(), effect=Effect(LONG_AGO, is_bound=True)),
            LastRun(LONG_AGO, None),
            id="Redis knows nothing of a rake task",
        ),
        pytest.param(Evidence(TASK, Trace()), None, id="nor is a rake task known that has nothing undone"),
        pytest.param(Evidence(DAILY, Trace(NOW + 90)), LastRun(NOW, False), id="a clock that is ahead"),
        pytest.param(
            Evidence(DAILY, Trace(), remembered=LONG_AGO), LastRun(LONG_AGO, False), id="Redis has lost everything"
        ),
    ],
)
def test_the_best_evidence_counts(evidence: Evidence, expected: LastRun | None) -> None:
    assert last_run(evidence, NOW) == expected
