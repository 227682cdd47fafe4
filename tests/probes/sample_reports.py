"""Reports as a prober would make them, with fixed times."""

from dataclasses import replace

from exporter.config.model import CHECK_NAMES, Instance
from exporter.probes.result import (
    AbsentCheck,
    FamilyResult,
    Hop,
    InstanceDetails,
    InstanceReport,
    Phases,
    ProbeResult,
    Reason,
)

STARTED = 1_790_000_000.0
QDON = Instance(name="qdon", url="https://qdon.example", domain="qdon.example")
PHASES = Phases(resolve=0.001, connect=0.002, tls=0.011, processing=0.12, transfer=0.003)


def good(check: str) -> ProbeResult:
    return ProbeResult(
        check,
        success=True,
        detail="as it should be",
        http_status=200,
        duration_seconds=0.137,
        phases=PHASES,
        certificate_expiry_timestamp_seconds=1_795_000_000.0,
    )


def bad(check: str, reason: Reason, detail: str = "not as it should be") -> ProbeResult:
    return replace(good(check), success=False, reason=reason, detail=detail)


def report(*results: ProbeResult, instance: Instance = QDON, started: float = STARTED) -> InstanceReport:
    """A report of these results; without any, of all checks, all good."""
    return InstanceReport(
        instance.name, instance.url, started, 0.25, 8.0, results or tuple(good(check) for check in CHECK_NAMES)
    )


def mixed_report() -> InstanceReport:
    """One of everything: passed, restricted, cached, failed with and without an answer, absent, both families."""
    results = (
        replace(good("web"), families=(FamilyResult("4", success=True), FamilyResult("6", success=False))),
        replace(good("api"), restricted=True, http_status=401),
        bad("streaming", Reason.KEYWORD, "the body is not OK"),
        replace(bad("profile", Reason.CACHED_STALE), cached=True),
        replace(good("storage"), bucket_listing_open=True),
        ProbeResult(
            "activitypub",
            success=False,
            reason=Reason.DNS,
            detail="host-meta: the name qdon.example does not exist",
            duration_seconds=0.02,
            phases=Phases(resolve=0.02),
            trace=(Hop("GET https://qdon.example/.well-known/host-meta", "no such host", duration_seconds=0.02),),
        ),
    )
    return replace(
        report(*results),
        absent=(AbsentCheck("health", "servers before 3.0 have no /health"),),
        details=InstanceDetails("4.3.2", "qdon.example", 1200, 345_678, 9012, status_page_same_host=True),
    )
