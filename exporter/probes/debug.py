"""A report as a page of plain text that tells a person what was asked, what came back and which rule failed."""

from collections.abc import Iterator
from datetime import UTC, datetime

from exporter.probes.metrics import exposition
from exporter.probes.result import PHASES, AbsentCheck, Hop, InstanceReport, ProbeResult


def debug_text(report: InstanceReport) -> str:
    """Return the page. Whatever came from elsewhere is made visible: nothing in it can move a terminal's cursor."""
    blocks = [
        _heading(report),
        *(_check(result) for result in report.results),
        *(_absent(absent) for absent in report.absent),
        "Metrics of this probe:\n\n" + exposition(report).decode(),
    ]
    return "\n\n".join(blocks)


def visible(text: str) -> str:
    """Return one line of text with control, escape, direction and other unprintable characters spelled out."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def _heading(report: InstanceReport) -> str:
    failed = [result.check for result in report.results if not result.success]
    verdict = f"FAILED: {', '.join(failed)}" if failed else "all checks passed"
    started = datetime.fromtimestamp(report.started_timestamp_seconds, UTC).isoformat(sep=" ", timespec="seconds")
    took = f"{report.duration_seconds:.3f} s of {report.timeout_seconds:g} s"
    return f"{visible(report.instance)} ({visible(report.url)}): {verdict}\nprobed {started}, took {took}"


def _check(result: ProbeResult) -> str:
    lines = [f"== {result.check}: {_state(result)} =="]
    if result.detail:
        lines.append(f"   {visible(result.detail)}")
    lines += [f"   {fact}" for fact in _facts(result)]
    for number, hop in enumerate(result.trace, start=1):
        lines += _hop(number, hop)
    return "\n".join(lines)


def _state(result: ProbeResult) -> str:
    if not result.success:
        return f"FAILED ({result.reason})" if result.reason else "FAILED"
    return "ok (restricted)" if result.restricted else "ok"


def _facts(result: ProbeResult) -> Iterator[str]:
    phases = ", ".join(f"{name} {getattr(result.phases, name):.3f}" for name in PHASES)
    yield f"took {result.duration_seconds:.3f} s ({phases})"
    if result.cached:
        yield "the answer came from a cache"
    if result.certificate_expiry_timestamp_seconds is not None:
        expiry = datetime.fromtimestamp(result.certificate_expiry_timestamp_seconds, UTC)
        yield f"certificate expires {expiry.isoformat(sep=' ', timespec='seconds')}"
    if result.bucket_listing_open is not None:
        listing = "OPEN to anybody" if result.bucket_listing_open else "refused, as it should be"
        yield f"listing of the storage is {listing}"
    for family in result.families:
        yield f"over IPv{family.family}: {'ok' if family.success else 'FAILED'}"


def _hop(number: int, hop: Hop) -> Iterator[str]:
    address = f" at {visible(hop.address)}" if hop.address else ""
    yield ""
    yield f"   {number}. asked     {visible(hop.asked)}{address}"
    yield f"      answered  {visible(hop.answered)} in {hop.duration_seconds:.3f} s"
    for name, value in hop.headers:
        yield f"        {visible(name)}: {visible(value)}"
    for line in hop.excerpt.replace("\r\n", "\n").removesuffix("\n").split("\n") if hop.excerpt else ():
        yield f"      | {visible(line)}"


def _absent(absent: AbsentCheck) -> str:
    return f"== {absent.check}: not checked ==\n   {visible(absent.why)}"
