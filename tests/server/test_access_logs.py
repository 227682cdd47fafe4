"""Which logs the follower is told of, and for which of them a broken callback means harm."""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from exporter import logs
from exporter.config import AccessLog, Config, Instance, Subscriptions
from exporter.mastodon.instance import Announcement
from exporter.probes.memory import Memory
from exporter.probes.result import InstanceReport
from exporter.server import AccessLogs, Running
from tests.probes.sample_reports import QDON
from tests.server.fake_prober import Asked, FakeProber, all_good
from tests.server.serving import config

LOG = AccessLog("qdon", "/var/log/nginx/access.log", instance="qdon")


class Judging:
    """The configured logs with a prober that learns what `version` says, as the real one does."""

    def __init__(self, folder: Path, *access_logs: AccessLog) -> None:
        self.config = config(access_logs=access_logs)
        self.memory = Memory(folder)
        self.prober = FakeProber()
        self.prober.answer = self.announce
        self.version: str | None = None
        self.running = Running(lambda: self.config)
        self.access_logs = AccessLogs(self.running, self.memory, folder)
        self.access_logs._prober = self.prober  # no process is started here

    def announce(self, asked: Asked) -> InstanceReport:
        if self.version is not None:
            self.memory.learn(asked.instance, Announcement(version=self.version))
        return all_good(asked)

    @property
    def judged(self) -> frozenset[str]:
        return self.access_logs._assignment().judged

    def reload(self, new: Config) -> None:
        self.config = new
        assert self.running.reload() == ()


@pytest.fixture
def judging(tmp_path: Path) -> Callable[..., Judging]:
    return lambda *access_logs: Judging(tmp_path, *access_logs)


@pytest.mark.parametrize(
    ("version", "judged"),
    [
        ("2.9.4", {"qdon"}),
        ("1.4.1", {"qdon"}),
        ("2.9.0rc1+glitch", {"qdon"}),
        ("3.0.0", set()),
        ("4.6.0-alpha.1+qdon", set()),
        ("10.0.0", set()),
        (None, {"qdon"}),
        ("nonsense", {"qdon"}),
    ],
)
def test_broken_callbacks_mean_harm_unless_the_server_announces_3_0_or_newer(
    judging: Callable[..., Judging], version: str | None, judged: set[str]
) -> None:
    one = judging(LOG)
    one.version = version
    assert one.judged == judged


@pytest.mark.parametrize(("said", "judged"), [(Subscriptions.ON, {"qdon"}), (Subscriptions.OFF, set())])
def test_on_and_off_hold_whatever_the_server_announces(
    judging: Callable[..., Judging], said: Subscriptions, judged: set[str]
) -> None:
    for version in ("2.9.4", "4.6.0"):
        one = judging(replace(LOG, subscriptions=said))
        one.version = version
        assert one.judged == judged
        assert one.prober.asked == []


def test_a_log_of_no_instance_is_judged(judging: Callable[..., Judging]) -> None:
    assert judging(replace(LOG, instance=None)).judged == {"qdon"}


def test_a_server_never_heard_of_is_asked_for_its_version_once(judging: Callable[..., Judging]) -> None:
    one = judging(LOG, replace(LOG, name="second", path="/b"))
    assert one.judged == one.judged == {"qdon", "second"}
    assert [(asked.instance, asked.checks) for asked in one.prober.asked] == [(QDON, ("api",))]


def test_a_server_whose_version_is_known_is_not_asked(judging: Callable[..., Judging]) -> None:
    one = judging(LOG)
    one.memory.learn(QDON, Announcement(version="4.6.0"))
    assert one.judged == frozenset()
    assert one.prober.asked == []


def test_a_version_learnt_later_switches_the_judgement(judging: Callable[..., Judging]) -> None:
    one = judging(LOG)
    assert one.judged == {"qdon"}
    one.memory.learn(QDON, Announcement(version="4.6.0"))
    assert one.judged == frozenset()


def test_logs_and_instances_that_a_reload_brings_are_followed_and_asked(judging: Callable[..., Judging]) -> None:
    one = judging(LOG)
    assert one.judged == {"qdon"}
    other = Instance("other", "https://other.example", "other.example")
    second = AccessLog("other", "/b", instance="other")
    one.version = "4.6.0"
    one.reload(config(instances=(QDON, other), access_logs=(LOG, second)))
    assignment = one.access_logs._assignment()
    assert assignment.logs == (LOG, second)
    assert assignment.judged == {"qdon"}
    assert [asked.instance for asked in one.prober.asked] == [QDON, other]


def test_the_follower_logs_as_the_exporter_does(judging: Callable[..., Judging]) -> None:
    root, own = logging.getLogger(), logging.getLogger("exporter")
    before = list(root.handlers), root.level, own.level
    try:
        logs.configure("debug", "json")
        assignment = judging(LOG).access_logs._assignment()
    finally:
        root.handlers = before[0]
        root.setLevel(before[1])
        own.setLevel(before[2])
    assert (assignment.log_level, assignment.log_format) == ("debug", "json")


def test_without_logs_all_is_ready_and_nothing_is_shown(judging: Callable[..., Judging]) -> None:
    one = judging()
    one.access_logs.start(one.prober)
    give_up = time.monotonic() + 10
    while not one.access_logs.is_ready():
        assert time.monotonic() < give_up, "waited in vain"
        time.sleep(0.01)
    assert list(one.access_logs.collector.collect()) == []
    one.access_logs.stop()
