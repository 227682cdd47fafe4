import subprocess
from collections.abc import Iterator, Sequence

from prometheus_client import Metric, generate_latest
from prometheus_client.registry import Collector

from exporter.accesslog.counts import Counted, LogRecord, Series
from exporter.accesslog.metrics import families
from exporter.accesslog.position import Trouble
from tests.golden_files import assert_golden, golden_text
from tests.programs import need_program

FULL = LogRecord(
    "qdon",
    {
        Series(Counted.LINES): 1000,
        Series(Counted.UNPARSED, ("empty",)): 3,
        Series(Counted.UNPARSED, ("format",)): 4,
        Series(Counted.ROTATIONS): 5,
        Series(Counted.TRUNCATIONS): 6,
        Series(Counted.LOST_FILES): 7,
        Series(Counted.CALLBACKS, ("POST", "404")): 8,
        Series(Counted.CALLBACKS, ("GET", "200")): 9,
        Series(Counted.CALLBACKS_BROKEN): 8,
        Series(Counted.CALLBACK_AGENTS, ("mastodon",)): 17,
        Series(Counted.ACCOUNTS_DROPPED): 10,
        Series(Counted.DELIVERIES, ("202",)): 500,
        Series(Counted.DELIVERIES, ("503",)): 11,
        Series(Counted.FAILURES, ("other",)): 2,
        Series(Counted.FAILURES, ("a.example",)): 9,
    },
    broken_accounts=12,
    last_line_timestamp_seconds=1.79e9,
    lag_bytes=13,
    troubles=frozenset({Trouble.PERMISSION}),
)


class Families(Collector):
    def __init__(self, metrics: Iterator[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> Iterator[Metric]:
        return iter(self._metrics)


def exposition(records: Sequence[LogRecord], names: Sequence[str]) -> str:
    return generate_latest(Families(families(records, names))).decode()


def samples(text: str) -> dict[str, str]:
    return dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))


def test_the_whole_exposition_of_a_log_is_the_stored_one() -> None:
    assert_golden("accesslog.prom", exposition([FULL], ["qdon"]))


def test_promtool_finds_no_fault_in_the_stored_exposition() -> None:
    promtool = need_program("promtool")
    linted = subprocess.run(
        [promtool, "check", "metrics"],
        input=golden_text("accesslog.prom"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert linted.stdout + linted.stderr == ""


def test_a_log_that_nothing_is_known_of_has_its_series_at_zero() -> None:
    found = samples(exposition([], ["qdon"]))
    assert set(found.values()) == {"0.0"}
    expected = {
        'mastodon_accesslog_lines_total{log="qdon"}',
        'mastodon_accesslog_unparsed_lines_total{log="qdon"}',
        'mastodon_accesslog_unparsed_reasons_total{log="qdon",reason="too_long"}',
        'mastodon_accesslog_lag_bytes{log="qdon"}',
        'mastodon_accesslog_rotations_total{log="qdon"}',
        'mastodon_accesslog_truncations_total{log="qdon"}',
        'mastodon_accesslog_lost_files_total{log="qdon"}',
        'mastodon_subscription_callbacks_broken_total{log="qdon"}',
        'mastodon_subscription_callback_agents_total{agent="gnusocial",log="qdon"}',
        'mastodon_subscription_broken_accounts_dropped_total{log="qdon"}',
        'mastodon_subscription_broken_accounts{log="qdon"}',
        'mastodon_inbox_failures_total{domain="other",log="qdon"}',
        *(f'mastodon_accesslog_trouble{{log="qdon",reason="{trouble}"}}' for trouble in Trouble),
    }
    assert expected <= found.keys()


def test_the_time_of_the_last_line_is_absent_until_it_is_known() -> None:
    assert "last_line_timestamp" not in exposition([], ["qdon"])


def test_a_log_that_is_configured_no_longer_is_not_shown() -> None:
    text = exposition([FULL, LogRecord("other")], ["other"])
    assert 'log="other"' in text
    assert "qdon" not in text


def test_no_log_gives_no_family() -> None:
    assert list(families([FULL], [])) == []


def test_unparsed_lines_are_the_sum_over_all_reasons() -> None:
    found = samples(exposition([FULL], ["qdon"]))
    reasons = [float(value) for name, value in found.items() if name.startswith("mastodon_accesslog_unparsed_reasons")]
    assert float(found['mastodon_accesslog_unparsed_lines_total{log="qdon"}']) == sum(reasons) == 7
