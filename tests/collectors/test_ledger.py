"""What /metrics shows of repairs."""

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from exporter.collectors.ledger import LedgerFamilies
from exporter.errors import StoreError
from exporter.ledger import MEDIA_SYNC, RESUBSCRIBE, RESUBSCRIBE_ACCOUNTS, JobState, Ledger, MediaRun, Series
from exporter.ledger.schema import LEDGER_NAME
from tests.golden_files import assert_golden
from tests.ledger.media_pages import page as page_of_media
from tests.ledger.worlds import CONFIRMED, NEVER_SECONDS, NOON, PENDING, REFUSED, Clock

CLASSES = (
    "media_attachments", "accounts", "custom_emojis", "preview_cards", "site_uploads", "preview_card_providers",
    "backups", "imports",
)  # fmt: skip


class Shown(Collector):
    def __init__(self, families: LedgerFamilies) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        return list(self._families.families())


def page(folder: Path, clock: Clock) -> str:
    registry = CollectorRegistry()
    registry.register(Shown(LedgerFamilies(folder, clock)))
    return generate_latest(registry).decode()


def samples(folder: Path, clock: Clock) -> dict[str, float]:
    lines = [line for line in page(folder, clock).splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(tmp_path: Path, clock: Clock) -> Ledger:
    return Ledger.open(tmp_path, clock, NEVER_SECONDS)


def test_where_no_repair_ever_ran_there_are_no_series(tmp_path: Path, clock: Clock) -> None:
    assert page(tmp_path, clock) == ""


def test_every_result_is_at_0_once_there_is_a_ledger(ledger: Ledger, tmp_path: Path, clock: Clock) -> None:
    results = ("confirmed", "accepted", "refused", "failed", "skipped", "planned")
    moved = ("copied", "present", "repaired", "refetched", "missing", "gone", "failed")
    shown = samples(tmp_path, clock)
    assert shown == {
        **{f'mastodon_resubscribe_accounts_total{{result="{result}"}}': 0 for result in results},
        "mastodon_resubscribe_pending_accounts": 0,
        **{
            f'mastodon_media_sync_objects_total{{class="{name}",result="{result}"}}': 0
            for name in CLASSES
            for result in moved
        },
        **{f'mastodon_media_sync_bytes_total{{class="{name}"}}': 0 for name in CLASSES},
        **{f'mastodon_media_sync_rows{{class="{name}"}}': 0 for name in CLASSES},
        **{f'mastodon_media_sync_rows_done{{class="{name}"}}': 0 for name in CLASSES},
        'mastodon_remedy_running{job="media_sync"}': 0,
        'mastodon_remedy_running{job="resubscribe"}': 0,
    }


def test_the_whole_page_while_a_repair_runs(ledger: Ledger, tmp_path: Path, clock: Clock) -> None:
    with ledger.start(RESUBSCRIBE) as job:
        job.add(CONFIRMED, 40)
        clock.now += 60
    with ledger.start("restore") as job:
        job.add(Series("rows_that_no_metric_shows"), 9)
        job.finish(JobState.FAILED)
    clock.now += 60
    with ledger.start(RESUBSCRIBE) as job:
        job.count_once("a", CONFIRMED)
        job.count_once("b", REFUSED)
        job.set_gauge(PENDING, 3)
        MediaRun(ledger.start(MEDIA_SYNC)).write([page_of_media(0, 200)])
        assert_golden("ledger.prom", page(tmp_path, clock))


def test_counters_go_on_over_runs_and_never_back(ledger: Ledger, tmp_path: Path, clock: Clock) -> None:
    seen = []
    for number in range(3):
        again = Ledger.open(tmp_path, clock, NEVER_SECONDS)
        with again.start(RESUBSCRIBE) as job:
            seen.append(samples(tmp_path, clock)['mastodon_resubscribe_accounts_total{result="confirmed"}'])
            job.count_once(str(number), CONFIRMED)
            job.count_once("the same in each run", CONFIRMED)
            seen.append(samples(tmp_path, clock)['mastodon_resubscribe_accounts_total{result="confirmed"}'])
        again.close()
    assert seen == [0, 2, 2, 3, 3, 4]


def rows(folder: Path, clock: Clock) -> dict[str, float]:
    """Return the rows of media that are not at 0."""
    shown = samples(folder, clock)
    prefix = "mastodon_media_sync_"
    return {name.removeprefix(prefix): value for name, value in shown.items() if value and f"{prefix}rows" in name}


def test_rows_are_those_of_the_latest_media_sync(ledger: Ledger, tmp_path: Path, clock: Clock) -> None:
    with ledger.start(MEDIA_SYNC) as job:
        MediaRun(job).set_rows({"accounts": 1000, "backups": 3})
        MediaRun(job).write([page_of_media(0, 200)])
    with ledger.start("restore"):
        pass
    assert rows(tmp_path, clock) == {
        'rows{class="accounts"}': 1000,
        'rows{class="backups"}': 3,
        'rows_done{class="accounts"}': 200,
    }
    with ledger.start(MEDIA_SYNC) as job:
        MediaRun(job).set_rows({"accounts": 5})
    assert rows(tmp_path, clock) == {'rows{class="accounts"}': 5}


def test_media_that_were_moved_are_counted_over_all_runs(ledger: Ledger, tmp_path: Path, clock: Clock) -> None:
    for _ in range(2):
        with ledger.start(MEDIA_SYNC) as job:
            MediaRun(job).write([page_of_media(0, 200)])
    shown = samples(tmp_path, clock)
    assert shown['mastodon_media_sync_objects_total{class="accounts",result="copied"}'] == 800
    assert shown['mastodon_media_sync_bytes_total{class="accounts"}'] == 80_000


def test_a_repair_that_was_killed_is_not_running_after_30_seconds(ledger: Ledger, tmp_path: Path, clock: Clock) -> None:
    with ledger.start(RESUBSCRIBE):
        assert samples(tmp_path, clock)['mastodon_remedy_running{job="resubscribe"}'] == 1
        clock.now += 31
        shown = samples(tmp_path, clock)
    assert shown['mastodon_remedy_running{job="resubscribe"}'] == 0
    assert shown['mastodon_remedy_last_start_timestamp_seconds{job="resubscribe"}'] == NOON
    assert 'mastodon_remedy_last_success_timestamp_seconds{job="resubscribe"}' not in shown


def test_a_run_that_failed_keeps_the_time_of_the_success_before_it(
    ledger: Ledger, tmp_path: Path, clock: Clock
) -> None:
    for state in (JobState.DONE, JobState.FAILED, JobState.INTERRUPTED):
        with ledger.start(RESUBSCRIBE) as job:
            job.finish(state)
        clock.now += 60
    shown = samples(tmp_path, clock)
    assert shown['mastodon_remedy_last_success_timestamp_seconds{job="resubscribe"}'] == NOON
    assert shown['mastodon_remedy_last_start_timestamp_seconds{job="resubscribe"}'] == NOON + 120


def test_a_series_with_other_labels_than_the_metric_has_is_left_out(
    ledger: Ledger, tmp_path: Path, clock: Clock
) -> None:
    with ledger.start(RESUBSCRIBE) as job:
        job.add(Series(RESUBSCRIBE_ACCOUNTS, ("confirmed", "too many")), 1)
        job.add(Series(RESUBSCRIBE_ACCOUNTS, ("of a newer version",)), 2)
    shown = samples(tmp_path, clock)
    assert shown['mastodon_resubscribe_accounts_total{result="of a newer version"}'] == 2
    lines = [line for line in page(tmp_path, clock).splitlines() if 'result="confirmed"' in line]
    assert lines == ['mastodon_resubscribe_accounts_total{result="confirmed"} 0.0']


def test_a_damaged_ledger_is_an_error_and_not_a_page_of_zeros(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / LEDGER_NAME).write_bytes(b"what else" * 1000)
    with pytest.raises(StoreError, match="damaged"):
        list(LedgerFamilies(tmp_path, clock).families())
