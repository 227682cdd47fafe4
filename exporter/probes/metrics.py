"""A report as metrics: the names that dashboards and alerts rely on."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from prometheus_client import generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from exporter.probes.result import PHASES, InstanceReport, ProbeResult

LABEL_VALUE_CHARACTERS = 100
"""Versions and domains are third-party text, and a label is no place for a long one."""


def exposition(report: InstanceReport) -> bytes:
    """Return a report in the Prometheus text format."""
    return generate_latest(ReportCollector(report))


class ReportCollector(Collector):
    """One report as metric families, built afresh for each request and registered nowhere.

    It stands where an encoder of prometheus_client takes a registry, so that requests
    running side by side never share a metric. Families without samples are left out.
    """

    def __init__(self, report: InstanceReport) -> None:
        self._report = report

    def collect(self) -> Iterator[Metric]:
        """Yield the families in a fixed order."""
        yield from _probe_gauges(self._report)
        for family in (*_check_families(self._report.results), *_instance_families(self._report)):
            if family.samples:
                yield family


@dataclass(frozen=True)
class _CheckGauge:
    """A gauge with one sample for each check that has a value."""

    name: str
    documentation: str
    value: Callable[[ProbeResult], float | None]

    def family(self, results: Iterable[ProbeResult]) -> Metric:
        family = GaugeMetricFamily(self.name, self.documentation)
        for result in results:
            value = self.value(result)
            if value is not None:
                family.samples.append(Sample(self.name, {"check": result.check}, value))
        return family


_SUCCESS = _CheckGauge("mastodon_check_success", "Whether the check passed.", lambda result: result.success)
_CHECK_GAUGES = (
    _CheckGauge(
        "mastodon_check_http_status_code",
        "Status code of the answer that decided the check; absent when none came.",
        lambda result: result.http_status,
    ),
    _CheckGauge(
        "mastodon_check_cached",
        "Whether the answer came from a cache in front of the server.",
        lambda result: result.cached,
    ),
    _CheckGauge(
        "mastodon_check_restricted",
        "Whether the server answered as one that is closed to strangers, which is not a failure.",
        lambda result: result.restricted,
    ),
    _CheckGauge(
        "mastodon_check_certificate_expiry_timestamp_seconds",
        "When the first certificate of the check's hosts expires, as Unix time; absent without TLS.",
        lambda result: result.certificate_expiry_timestamp_seconds,
    ),
    _CheckGauge(
        "mastodon_check_bucket_listing_open",
        "Whether anybody may list the files in the media storage; absent when that was not found out.",
        lambda result: result.bucket_listing_open,
    ),
)


def _probe_gauges(report: InstanceReport) -> Iterator[Metric]:
    yield GaugeMetricFamily("probe_success", "Whether every check of the instance passed.", report.success)
    yield GaugeMetricFamily(
        "probe_duration_seconds", "How long all checks together took, side by side.", report.duration_seconds
    )
    yield GaugeMetricFamily(
        "probe_timeout_seconds", "The deadline that all checks together were given.", report.timeout_seconds
    )


def _check_families(results: Iterable[ProbeResult]) -> Iterator[Metric]:
    yield _SUCCESS.family(results)
    yield _durations(results)
    yield _failures(results)
    for gauge in _CHECK_GAUGES:
        yield gauge.family(results)
    yield _address_families(results)


def _durations(results: Iterable[ProbeResult]) -> Metric:
    name = "mastodon_check_duration_seconds"
    family = GaugeMetricFamily(name, "How long each phase of the check's requests took, summed over its requests.")
    for result in results:
        for phase in PHASES:
            family.samples.append(Sample(name, {"check": result.check, "phase": phase}, getattr(result.phases, phase)))
    return family


def _failures(results: Iterable[ProbeResult]) -> Metric:
    family = InfoMetricFamily("mastodon_check_failure", "Why the check fails; absent while it passes.")
    for result in results:
        if not result.success and result.reason is not None:
            family.add_metric([], {"check": result.check, "reason": result.reason.value})
    return family


def _address_families(results: Iterable[ProbeResult]) -> Metric:
    name = "mastodon_check_family_success"
    family = GaugeMetricFamily(name, "Whether the check passed over IPv4 and over IPv6, where both are checked apart.")
    for result in results:
        for one in result.families:
            family.samples.append(Sample(name, {"check": result.check, "family": f"ipv{one.family}"}, one.success))
    return family


def _instance_families(report: InstanceReport) -> Iterator[Metric]:
    details = report.details
    yield _gauge(
        "mastodon_instance_status_page_same_host",
        "Whether the announced status page lies on the server that it reports on.",
        details.status_page_same_host,
    )
    info = InfoMetricFamily("mastodon_instance", "What the server says of itself.")
    if details.version is not None or details.domain is not None:
        info.add_metric([], {"version": _label(details.version), "domain": _label(details.domain)})
    yield info
    yield _gauge("mastodon_instance_users", "Accounts on the server, as it says.", details.users)
    yield _gauge("mastodon_instance_statuses", "Posts by the server's accounts, as it says.", details.statuses)
    yield _gauge("mastodon_instance_peers", "Other servers this one knows, as it says.", details.peers)


def _gauge(name: str, documentation: str, value: float | None) -> Metric:
    return GaugeMetricFamily(name, documentation, value)


def _label(text: str | None) -> str:
    return "".join(character for character in text or "" if character.isprintable())[:LABEL_VALUE_CHARACTERS]
