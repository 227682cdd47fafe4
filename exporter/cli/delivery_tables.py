"""Servers that deliveries fail at, as text for people and as JSON for programs."""

import json
from collections.abc import Iterator, Mapping, Sequence

import click

from exporter.deliveries.listing import DeliveryState, TroubledDomain, TroubledDomains
from exporter.probes.debug import visible

_ROW = "{:<40}  {:<11}  {:<16}  {:>4}  {:>8}  {:>9}  {:>7}  {}"
_HEADINGS = ("domain", "state", "since", "days", "accounts", "followers", "pending", "what")
_COLOURS = {DeliveryState.UNAVAILABLE: "red", DeliveryState.FAILING: "yellow", DeliveryState.INBOUND: "cyan"}
_NONE = "no deliveries fail, as far as can be seen from here"


def tell_troubled(found: TroubledDomains, form: str) -> None:
    """Print them to standard output, and notes to standard error."""
    if form == "json":
        click.echo(json.dumps([_object(one) for one in found.domains], indent=2))
    else:
        click.echo("\n".join(_text(found.domains)))
    for note in found.notes:
        click.echo(f"mastodon-remedy: {note}", err=True)


def _object(one: TroubledDomain) -> dict[str, object]:
    return {
        "domain": one.domain,
        "state": one.state.value,
        "since": one.since.isoformat(timespec="seconds") if one.since else None,
        "failing_days": one.failing_days,
        "accounts": one.audience.accounts,
        "followers": one.audience.followers,
        "pending": sum(one.pending.values()),
        "pending_by_answer": _by_frequency(one.pending),
        "inbound_failures": one.inbound_failures,
    }


def _text(domains: Sequence[TroubledDomain]) -> Iterator[str]:
    if domains:
        yield click.style(_ROW.format(*_HEADINGS), bold=True)
        yield from map(_row, domains)
    counts = {state: sum(one.state is state for one in domains) for state in DeliveryState}
    yield (
        f"{counts[DeliveryState.UNAVAILABLE]} given up, {counts[DeliveryState.FAILING]} failing, "
        f"{counts[DeliveryState.INBOUND]} that fail to reach us"
        if domains
        else _NONE
    )


def _row(one: TroubledDomain) -> str:
    state = click.style(f"{one.state.value:<11}", fg=_COLOURS[one.state])
    since = f"{one.since:%Y-%m-%d %H:%M}" if one.since else "-"
    return _ROW.format(
        visible(one.domain),
        state,
        since,
        one.failing_days or "-",
        one.audience.accounts,
        one.audience.followers,
        sum(one.pending.values()),
        _what(one),
    )


def _what(one: TroubledDomain) -> str:
    words = [f"{answer} x {count}" for answer, count in _by_frequency(one.pending).items()]
    if one.inbound_failures:
        words.append(f"failed to reach us {one.inbound_failures} times")
    return ", ".join(words)


def _by_frequency(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
