"""Runs the checks of one instance side by side and turns what they conclude into results."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from exporter.config.model import CHECK_NAMES, AddressFamilies, Instance
from exporter.probes import activitypub, api, health, profile, storage, streaming, web
from exporter.probes.details import gather_details
from exporter.probes.look import Look, Surroundings, end
from exporter.probes.result import (
    AbsentCheck,
    Failure,
    FamilyResult,
    InstanceDetails,
    InstanceReport,
    ProbeResult,
    Reason,
)
from exporter.probes.verdict import Verdict, failed
from exporter.probes.visit import Visit

_log = logging.getLogger(__name__)

Check = Callable[[Visit, Look], Awaitable[Verdict]]
CHECKS: dict[str, Check] = {
    "web": web.check,
    "api": api.check,
    "streaming": streaming.check,
    "profile": profile.check,
    "storage": storage.check,
    "activitypub": activitypub.check,
    "health": health.check,
}

DETAILS_GRACE_SECONDS = 1.0
"""How long details are waited for once the checks have ended."""

_FAMILIES = {AddressFamilies.BOTH: (AddressFamilies.IPV4, AddressFamilies.IPV6)}
Outcome = ProbeResult | AbsentCheck


@dataclass(frozen=True)
class Assignment:
    """What is to be probed: some checks of one instance, within a time."""

    instance: Instance
    checks: tuple[str, ...]
    timeout_seconds: float


def checks_to_run(instance: Instance, wanted: Sequence[str] | None) -> tuple[str, ...]:
    """Return the wanted checks, or all, without those that are switched off; in the order of CHECK_NAMES."""
    return tuple(name for name in CHECK_NAMES if (wanted is None or name in wanted) and instance.settings(name).enabled)


async def probe(surroundings: Surroundings, assignment: Assignment) -> InstanceReport:
    """Return what the checks found; takes at most the assignment's time, whatever the server does."""
    loop = asyncio.get_running_loop()
    started, started_timestamp = loop.time(), time.time()
    instance = assignment.instance
    families = _FAMILIES.get(instance.families, (instance.families,))
    looks = [Look(surroundings, instance, family, started + assignment.timeout_seconds) for family in families]
    details = asyncio.create_task(_details(looks[0], assignment))
    try:
        found = await asyncio.gather(*(_run_all(look, assignment) for look in looks))
        merged = [_merge(families, outcomes) for outcomes in zip(*found, strict=True)]
        told = await _within(details, min(loop.time() + DETAILS_GRACE_SECONDS, started + assignment.timeout_seconds))
    finally:
        await end(details)
        for look in looks:
            await look.close()
    return InstanceReport(
        instance=instance.name,
        url=instance.url,
        started_timestamp_seconds=started_timestamp,
        duration_seconds=loop.time() - started,
        timeout_seconds=assignment.timeout_seconds,
        results=tuple(outcome for outcome in merged if isinstance(outcome, ProbeResult)),
        absent=tuple(outcome for outcome in merged if isinstance(outcome, AbsentCheck)),
        details=told,
    )


async def _run_all(look: Look, assignment: Assignment) -> list[Outcome]:
    return await asyncio.gather(*(_run(name, look) for name in assignment.checks))


async def _run(name: str, look: Look) -> Outcome:
    visit = look.visit(name)
    try:
        verdict = await CHECKS[name](visit, look)
    except Exception as error:  # noqa: BLE001 one of the three catch points: a fault of ours must not hide the others
        _log.exception("a check failed by a fault of the exporter", extra={"check": name})
        verdict = failed(Failure(Reason.INTERNAL, f"a fault of the exporter itself: {type(error).__name__}"))
    if verdict.absent is not None:
        return AbsentCheck(name, verdict.absent)
    return _result(name, visit, verdict)


def _result(name: str, visit: Visit, verdict: Verdict) -> ProbeResult:
    failure = verdict.failure
    return ProbeResult(
        check=name,
        success=failure is None,
        reason=failure.reason if failure else None,
        detail=failure.detail if failure else verdict.detail,
        http_status=visit.http_status,
        duration_seconds=visit.duration_seconds,
        phases=visit.phases,
        cached=visit.cached,
        restricted=verdict.restricted,
        certificate_expiry_timestamp_seconds=min(visit.certificate_expiries, default=None),
        bucket_listing_open=verdict.bucket_listing_open,
        trace=tuple(visit.hops),
    )


def _merge(families: Sequence[AddressFamilies], outcomes: Sequence[Outcome]) -> Outcome:
    """Return one outcome for a check that ran over both families: good only if both are."""
    results = [outcome for outcome in outcomes if isinstance(outcome, ProbeResult)]
    if len(families) == 1 or not results:
        return outcomes[0]
    by_family = tuple(
        FamilyResult(family.value, outcome.success)
        for family, outcome in zip(families, outcomes, strict=True)
        if isinstance(outcome, ProbeResult)
    )
    worst = next((result for result in results if not result.success), results[0])
    broken = ", ".join(f"IPv{entry.family}" for entry in by_family if not entry.success)
    trace = tuple(hop for result in results for hop in result.trace)
    detail = f"over {broken}: {worst.detail}" if broken else worst.detail
    expiries = [result.certificate_expiry_timestamp_seconds for result in results]
    return replace(
        worst,
        detail=detail,
        families=by_family,
        trace=trace,
        cached=any(result.cached for result in results),
        restricted=any(result.restricted for result in results),
        certificate_expiry_timestamp_seconds=min((end for end in expiries if end is not None), default=None),
    )


async def _details(look: Look, assignment: Assignment) -> InstanceDetails:
    """Details come with the `api` check only: whoever asks for one other check wants nothing but that."""
    return await gather_details(look) if "api" in assignment.checks else InstanceDetails()


async def _within(details: "asyncio.Task[InstanceDetails]", until: float) -> InstanceDetails:
    try:
        async with asyncio.timeout_at(until):
            return await details
    except TimeoutError:
        return InstanceDetails()
    except Exception:  # noqa: BLE001 the same catch point: details are never worth a probe
        _log.exception("what a server tells of itself could not be read")
        return InstanceDetails()
