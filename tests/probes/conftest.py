from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from exporter.config.model import Instance
from exporter.probes.memory import Memory
from exporter.probes.prober import Prober
from exporter.probes.result import InstanceReport, ProbeResult
from tests.probes import mastodon_site
from tests.probes.site import Site

TIMEOUT_SECONDS = 5.0


@pytest.fixture
def prober(tmp_path: Path) -> Iterator[Prober]:
    with Prober(Memory(tmp_path)) as running:
        yield running


@pytest.fixture
def site() -> Iterator[Site]:
    """A healthy server of the newest version."""
    with Site() as running:
        running.routes.update(mastodon_site.newest(running))
        yield running


@pytest.fixture
def other_site() -> Iterator[Site]:
    """A second host, empty."""
    with Site() as running:
        yield running


def instance_at(site: Site, **settings: Any) -> Instance:
    return Instance(**{"name": "test", "url": site.url, "domain": site.domain, **settings})


@pytest.fixture
def look(prober: Prober, site: Site) -> Callable[..., InstanceReport]:
    """Probe the site with these settings of its instance."""

    def run(*checks: str, timeout_seconds: float = TIMEOUT_SECONDS, **settings: Any) -> InstanceReport:
        return prober.probe(instance_at(site, **settings), checks or None, timeout_seconds)

    return run


@pytest.fixture
def result_of(look: Callable[..., InstanceReport]) -> Callable[..., ProbeResult]:
    """Probe the site and return the result of one check."""

    def run(check: str, **settings: Any) -> ProbeResult:
        return by_name(look(check, **settings))[check]

    return run


def by_name(report: InstanceReport) -> dict[str, ProbeResult]:
    return {result.check: result for result in report.results}


def failures(report: InstanceReport) -> dict[str, str]:
    """Return the failing checks with their reasons."""
    return {result.check: str(result.reason) for result in report.results if not result.success}
