"""What /metrics shows of the configured logs, from the store and from what the follower reports."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from exporter.accesslog.collector import AccessLogCollector
from exporter.accesslog.metrics import TROUBLE
from exporter.accesslog.position import Progress, Trouble
from exporter.accesslog.schema import STORE_NAME
from exporter.accesslog.store import Store
from exporter.config import AccessLog
from tests.accesslog.observations import delivery, new_tally, scan

LOGS = (AccessLog("first", "/a", instance="qdon"), AccessLog("second", "/b"))


def series(folder: Path, logs: Sequence[AccessLog] = LOGS, *troubles: Trouble) -> dict[str, float]:
    """Return all samples by name and labels."""
    collector = AccessLogCollector(folder, lambda: logs, lambda: frozenset(troubles))
    samples = [sample for family in collector.collect() for sample in family.samples]
    return {f"{one.name}{sorted(one.labels.values())}": float(one.value) for one in samples}


def count(folder: Path, log: str, *codes: str, troubles: frozenset[Trouble] = frozenset()) -> None:
    with closing(Store.open(folder)) as store:
        store.load(log)
        tally = new_tally()
        tally.apply(scan(*map(delivery, codes)))
        store.commit({log: (Progress("/a", troubles=troubles), tally)})


def test_every_log_is_at_0_before_anything_was_counted(tmp_path: Path) -> None:
    shown = series(tmp_path)
    assert shown["mastodon_accesslog_lines_total['first']"] == 0
    assert shown["mastodon_accesslog_lines_total['second']"] == 0
    assert shown["mastodon_subscription_broken_accounts['second']"] == 0


def test_what_was_committed_is_shown(tmp_path: Path) -> None:
    count(tmp_path, "first", "202", "500")
    shown = series(tmp_path)
    assert shown["mastodon_accesslog_lines_total['first']"] == 2
    assert shown["mastodon_inbox_deliveries_total['500', 'first']"] == 1


def test_a_log_that_is_not_configured_any_more_is_not_shown(tmp_path: Path) -> None:
    count(tmp_path, "former", "202")
    assert not [name for name in series(tmp_path) if "former" in name]


def test_without_a_configured_log_there_is_nothing(tmp_path: Path) -> None:
    count(tmp_path, "first", "202")
    assert series(tmp_path, ()) == {}


def test_the_troubles_of_a_log_and_those_of_all_logs_are_shown(tmp_path: Path) -> None:
    count(tmp_path, "first", troubles=frozenset({Trouble.MISSING}))
    shown = series(tmp_path, LOGS, Trouble.LOCKED)
    raised = {name for name, value in shown.items() if name.startswith(TROUBLE) and value}
    assert raised == {f"{TROUBLE}{labels}" for labels in (
        ["first", "locked"], ["first", "missing"], ["locked", "second"],
    )}  # fmt: skip


def test_counters_that_cannot_be_read_are_left_out_rather_than_shown_as_0(tmp_path: Path) -> None:
    (tmp_path / STORE_NAME).write_bytes(b"not a database, but long enough to be taken for one" * 100)
    shown = series(tmp_path)
    assert {name.partition("[")[0] for name in shown} == {TROUBLE}
    assert shown[f"{TROUBLE}['checkpoint', 'first']"] == 1
