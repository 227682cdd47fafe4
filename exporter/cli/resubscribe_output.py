"""What became of each account that was to be subscribed again, as text for people and as JSON for programs."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

import click

from exporter.ledger import ResubscribeResult as Result
from exporter.probes.debug import visible
from exporter.subscriptions.attempt import AccountResult
from exporter.subscriptions.run_record import RunRecord

FORMS = ("text", "json")
ALL_SHOWN_UP_TO = 20
"""Of more accounts than these, text leaves out those that are confirmed."""

_AT_ONCE = 1000
_ROW = "{:>19}  {:<9}  {}"
_HEADING = _ROW.format("account", "result", "what")
_COLOURS = {
    Result.CONFIRMED: "green",
    Result.PLANNED: "green",
    Result.ACCEPTED: "yellow",
    Result.REFUSED: "red",
    Result.FAILED: "red",
}
_ROWS = {result: click.style(_ROW, fg=_COLOURS.get(result)) for result in Result}


def tell_planned(planned: Iterable[AccountResult], form: str) -> None:
    """Print what would be done with each account, as it is read."""
    counts: Counter[Result] = Counter()

    def counted() -> Iterator[AccountResult]:
        for one in planned:
            counts[one.result] += 1
            yield one

    if form == "json":
        _print(_json(counted()), at_once=1)
        return
    _print(_rows(counted()))
    _print([*_summary(counts), "nothing was changed"])


def tell_results(record: RunRecord, form: str) -> None:
    """Print what a run has told of each account."""
    if form == "json":
        _print(_json(record.results()), at_once=1)
        return
    counts = record.counts()
    shows_all = sum(counts.values()) <= ALL_SHOWN_UP_TO
    _print(_rows(one for one in record.results() if shows_all or one.result is not Result.CONFIRMED))
    _print(_summary(counts))


def _json(results: Iterable[AccountResult]) -> Iterator[str]:
    """Yield one list, many accounts a line: there may be hundreds of thousands."""
    remaining, before = iter(results), "["
    while batch := [_object(one) for one in islice(remaining, _AT_ONCE)]:
        yield before + json.dumps(batch)[1:-1]
        before = ","
    yield "[]" if before == "[" else "]"


def _object(one: AccountResult) -> dict[str, object]:
    return {"account_id": one.account_id, "result": one.result, "detail": one.detail}


def _rows(results: Iterable[AccountResult]) -> Iterator[str]:
    for number, one in enumerate(results):
        if not number:
            yield click.style(_HEADING, bold=True)
        yield _ROWS[one.result].format(one.account_id, one.result, visible(one.detail))


def _summary(counts: Mapping[Result, int]) -> Iterator[str]:
    yield ""
    yield click.style(f"{'accounts':>19}  result", bold=True)
    for result in Result:
        if counts.get(result):
            yield f"{counts[result]:>19}  {click.style(result.value, fg=_COLOURS.get(result))}"
    if not sum(counts.values()):
        yield f"{0:>19}  of any: there is nothing to do"


def _print(lines: Iterable[str], at_once: int = _AT_ONCE) -> None:
    remaining = iter(lines)
    while batch := list(islice(remaining, at_once)):
        click.echo("\n".join(batch))
