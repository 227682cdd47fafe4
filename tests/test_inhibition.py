"""What is muted by what: alertmanager.yml as it stands, with a real Alertmanager that is handed the alerts."""

import re
import time
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from tests.alertmanager_program import DOCUMENT, SHIPPED, Alertmanager, Labels, running
from tests.alerts.rule_files import ALERTS

NAMES = {alert.name for alert in ALERTS}
PARTS = ("Web", "Api", "Streaming", "Profile", "Storage", "ActivityPub")
PATIENCE_SECONDS = 20.0


# Alerts as the rules make them: the name, then the labels of one place. Places that begin alike are the same place.


def alert(name: str, severity: str = "warning", **labels: str) -> Labels:
    return {"alertname": name, "severity": severity, **labels}


def down(part: str) -> Labels:
    return alert(f"Mastodon{part}Down", "critical", mastodon="qdon", check=part.lower())


DOWN = alert("MastodonDown", "critical", mastodon="qdon")
BURNING = alert("MastodonErrorBudgetBurning", "critical", mastodon="qdon", check="web")
UNHEALTHY = alert("MastodonHealthFailing", mastodon="qdon", check="health")
EXPORTER_DOWN = alert("MastodonExporterDown", "critical", exporter="a:1", instance="a:1", job="mastodon_exporter")
NO_EXPORTER = alert("MastodonExporterDown", "critical", job="mastodon_exporter")
NO_SIDEKIQ = alert("MastodonSidekiqGone", "critical", mastodon="qdon", exporter="a:1")
QUEUE = alert("MastodonQueueSlow", mastodon="qdon", exporter="a:1", queue="default")
SLOW_QUEUE = QUEUE | {"severity": "critical"}
JOB = alert("MastodonScheduledJobMissed", mastodon="qdon", exporter="a:1", scheduled_job="vacuum_scheduler")
RENEWAL = JOB | {"severity": "critical", "scheduled_job": "subscriptions_scheduler"}
INBOX = alert("MastodonInboxFailing", mastodon="qdon", exporter="a:1", log="qdon")
CALLBACKS = alert("MastodonCallbacksBreaking", "critical", mastodon="qdon", exporter="a:1", log="qdon")
ACCOUNTS = alert("MastodonAccountsBroken", mastodon="qdon", exporter="a:1", log="qdon")
CERTIFICATE = alert("MastodonCertificateExpiring", mastodon="qdon")
UNREADABLE = alert("MastodonLogUnreadable", mastodon="qdon", exporter="a:1", log="qdon", reason="permission")
SILENT = alert("MastodonLogSilent", mastodon="qdon", exporter="a:1", log="qdon")
BEHIND = alert("MastodonLogBehind", mastodon="qdon", exporter="a:1", log="qdon")
LOST = alert("MastodonLogLost", mastodon="qdon", exporter="a:1", log="qdon")
COLLECTOR = alert("MastodonCollectorFailing", mastodon="qdon", exporter="a:1", collector="sidekiq")
NETWORK = alert("MastodonNetworkDown", exporter="a:1", instance="a:1", job="mastodon_exporter")
FAMILY = alert("MastodonFamilyDown", mastodon="qdon", family="ipv6")
SLOW = alert("MastodonCheckSlow", mastodon="qdon", check="web", instance="qdon")
STALE = alert("MastodonCacheStale", mastodon="qdon", check="web")
REMEDY = alert("MastodonRemedyFailed", mastodon="qdon", exporter="a:1", remedy="media_sync")
WATCHDOG = alert("Watchdog", "none")

MUTED = (
    *((DOWN, down(part)) for part in PARTS),
    *((DOWN, effect) for effect in (FAMILY, UNHEALTHY, SLOW, STALE, BURNING, INBOX, NO_SIDEKIQ)),
    *((DOWN, effect) for effect in (QUEUE, SLOW_QUEUE, JOB, RENEWAL, COLLECTOR, SILENT)),
    (SLOW_QUEUE, QUEUE),
    (INBOX | {"severity": "critical"}, INBOX),
    (CERTIFICATE | {"severity": "critical"}, CERTIFICATE),
    (BURNING, BURNING | {"severity": "warning"}),
    *((down(part), BURNING | {"check": part.lower()}) for part in PARTS if part != "Storage"),
    *((down(part), UNHEALTHY) for part in ("Web", "Api", "Profile", "ActivityPub")),
    *((EXPORTER_DOWN, told) for told in (NETWORK, LOST, COLLECTOR, CALLBACKS, SLOW_QUEUE, REMEDY)),
    *((NO_SIDEKIQ, effect) for effect in (QUEUE, SLOW_QUEUE, JOB, RENEWAL)),
    *((UNREADABLE, effect) for effect in (SILENT, BEHIND)),
    (CALLBACKS, ACCOUNTS),
)
TOLD = (
    (DOWN, CALLBACKS),
    (DOWN, ACCOUNTS),
    (DOWN, CERTIFICATE),
    (DOWN, REMEDY),
    (DOWN, down("Web") | {"mastodon": "another"}),
    (DOWN, EXPORTER_DOWN),
    (down("Web"), down("Api")),
    (down("Web"), BURNING | {"check": "api"}),
    (down("Web"), STALE),
    (down("Web"), UNHEALTHY | {"mastodon": "another"}),
    (down("Streaming"), UNHEALTHY),
    (down("Storage"), UNHEALTHY),
    (UNHEALTHY, down("Web")),
    (SLOW_QUEUE, QUEUE | {"queue": "push"}),
    (SLOW_QUEUE, QUEUE | {"mastodon": "another"}),
    (RENEWAL, JOB),
    (EXPORTER_DOWN, LOST | {"exporter": "b:1"}),
    (EXPORTER_DOWN, down("Web")),
    (EXPORTER_DOWN, EXPORTER_DOWN | {"exporter": "b:1", "instance": "b:1"}),
    (EXPORTER_DOWN, WATCHDOG),
    (NO_EXPORTER, down("Web")),
    (NO_EXPORTER, LOST),
    (NO_SIDEKIQ, COLLECTOR),
    (NO_SIDEKIQ, QUEUE | {"mastodon": "another"}),
    (UNREADABLE, SILENT | {"log": "another"}),
    (UNREADABLE, SILENT | {"exporter": "b:1"}),
    (UNREADABLE, LOST),
    (CALLBACKS, ACCOUNTS | {"log": "another"}),
    (ACCOUNTS, CALLBACKS),
)


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alertmanager]:
    """The shipped file, whose receivers are told nothing as long as the first group waits."""
    with running(SHIPPED, tmp_path_factory.mktemp("alertmanager")) as one:
        yield one


PLACES = count()


def elsewhere(labels: Labels, place: int) -> Labels:
    """Move an alert to a place of its own, so that no other case mutes it."""
    own = {name: f"{value} {place}" for name, value in labels.items() if name in {"mastodon", "exporter"}}
    return labels | own | {"place": str(place)}


def outcome(alertmanager: Alertmanager, source: Labels, target: Labels) -> bool:
    """Tell whether the one mutes the other, once Alertmanager has taken all that was sent."""
    place = next(PLACES)
    canary = alert("Canary", place=f"{place}")
    moved = elsewhere(target, place)
    # Alerts are taken in order: when the last pair has met, so have those before it.
    alertmanager.take([elsewhere(source, place), moved, canary | {"severity": "critical"}, canary])
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not alertmanager.is_muted(canary):
        assert time.monotonic() < give_up, "Alertmanager does not mute"
        time.sleep(0.02)
    return alertmanager.is_muted(moved)


def describe(labels: Labels) -> str:
    return "-".join(value for name, value in labels.items() if name != "job")


def as_cases(pairs: tuple[tuple[Labels, Labels], ...]) -> list[Any]:
    return [pytest.param(*pair, id=" > ".join(map(describe, pair))) for pair in pairs]


@pytest.mark.parametrize(("source", "target"), as_cases(MUTED))
def test_a_cause_mutes_its_effect(alertmanager: Alertmanager, source: Labels, target: Labels) -> None:
    assert outcome(alertmanager, source, target)


@pytest.mark.parametrize(("source", "target"), as_cases(TOLD))
def test_what_is_no_effect_is_told(alertmanager: Alertmanager, source: Labels, target: Labels) -> None:
    assert not outcome(alertmanager, source, target)


def test_every_case_is_of_an_alert_that_there_is_with_a_severity_that_it_has() -> None:
    severities = {(one.name, one.severity) for one in ALERTS}
    assert [
        one for pair in (*MUTED, *TOLD) for one in pair if (one["alertname"], one["severity"]) not in severities
    ] == []


def patterns_of_names() -> list[str]:
    """Return what the rules of inhibition and the routes match names with."""
    rules = DOCUMENT["inhibit_rules"]
    matchers = [matcher for rule in rules for matcher in rule["source_matchers"] + rule["target_matchers"]]
    matchers += [matcher for route in DOCUMENT["route"]["routes"] for matcher in route["matchers"]]
    return [match[1] for matcher in matchers if (match := re.fullmatch(r'alertname=~?"(.*)"', matcher))]


def test_every_name_in_the_file_is_that_of_an_alert() -> None:
    patterns = patterns_of_names()
    assert len(patterns) > len(DOCUMENT["inhibit_rules"])
    for pattern in patterns:
        assert len([name for name in NAMES if re.fullmatch(pattern, name)]) == 1 + pattern.count("|"), pattern


def test_every_pair_of_names_that_a_rule_joins_is_tried() -> None:
    tried = {(source["alertname"], target["alertname"]) for source, target in MUTED}
    for rule in DOCUMENT["inhibit_rules"]:
        sources, targets = (names_matched(rule[side]) for side in ("source_matchers", "target_matchers"))
        if sources and targets:
            assert {(source, target) for source in sources for target in targets} <= tried


def names_matched(matchers: list[str]) -> set[str]:
    """Return the alerts that matchers name; none where they do not go by the name."""
    patterns = [match[1] for matcher in matchers if (match := re.fullmatch(r'alertname=~?"(.*)"', matcher))]
    return {name for pattern in patterns for name in NAMES if re.fullmatch(pattern, name)}


def test_a_threshold_mutes_a_lower_one_only_where_every_label_of_the_alert_is_the_same() -> None:
    by_name: dict[str, set[str]] = {}
    for one in ALERTS:
        by_name.setdefault(one.name, set()).add(one.severity)
    several = {name for name, severities in by_name.items() if len(severities) > 1}
    (rule,) = [rule for rule in DOCUMENT["inhibit_rules"] if rule["source_matchers"] == ['severity="critical"']]
    grouped = {
        label
        for one in ALERTS
        if one.name in several
        for labels in re.findall(r"\bby \(([^)]*)\)", one.expression)
        for label in labels.split(", ")
    }
    assert "queue" in grouped
    assert grouped - set(rule["equal"]) <= {"instance"}


def test_every_rule_of_inhibition_says_why() -> None:
    before = ""
    for line in SHIPPED.read_text().partition("\ninhibit_rules:\n")[2].partition("\nreceivers:")[0].splitlines():
        if line.startswith("  - "):
            assert before.startswith("  # "), line
        before = line
