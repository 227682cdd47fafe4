"""What became of each row of a restore or an undelete, as text for people and as JSON for programs."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import click

from exporter.probes.debug import visible
from exporter.subscriptions.row_outcome import Outcomes, RowOutcome

LONGEST_CALLBACK = 200
LINES_A_PAGE = 1000

_ROW = "{:>12}  {:>19}  {:<9}  {}"
_HEADINGS = ("subscription", "account", "result", "callback")


@dataclass(frozen=True)
class Wording:
    """What a command calls what it does. In a dry run every row is told of, otherwise in text those brought back."""

    dry_run: bool
    done: str

    @property
    def result(self) -> str:
        """The word for a row that comes back."""
        return "planned" if self.dry_run else self.done


def tell_outcomes(outcomes: Outcomes, form: str, wording: Wording) -> None:
    """Print them to standard output, and notes to standard error."""
    for note in outcomes.notes:
        click.echo(f"mastodon-remedy: {visible(note)}", err=True)
    lines = _json(outcomes, wording) if form == "json" else _text(outcomes, wording)
    # A line at a time would take longer than the restore itself.
    while page := list(islice(lines, LINES_A_PAGE)):
        click.echo("\n".join(page))


def _json(outcomes: Outcomes, wording: Wording) -> Iterator[str]:
    """Yield one list line by line: there may be a million rows."""
    before = "["
    for outcome in outcomes:
        yield before + json.dumps(_object(outcome, wording))
        before = ","
    yield "[]" if before == "[" else "]"


def _object(outcome: RowOutcome, wording: Wording) -> dict[str, object]:
    return {
        "id": outcome.subscription_id,
        "account_id": outcome.account_id,
        "callback_url": outcome.callback_url,
        "result": "skipped" if outcome.reason else wording.result,
        "reason": outcome.reason,
        "detail": _detail(outcome),
        "new_id": outcome.new_id,
    }


def _detail(outcome: RowOutcome) -> str:
    if outcome.reason:
        return outcome.reason.in_words
    if outcome.keeps_id:
        return ""
    return "its old id cannot be kept; the new one is " + (str(outcome.new_id) if outcome.new_id else "given then")


def _text(outcomes: Outcomes, wording: Wording) -> Iterator[str]:
    shown = (outcome for outcome in outcomes if wording.dry_run or not outcome.reason)
    heading = click.style(_ROW.format(*_HEADINGS), bold=True)
    for number, outcome in enumerate(shown):
        if not number:
            yield heading
        yield _row(outcome, wording)
    yield _summary(outcomes, wording)
    for reason, count in outcomes.counts.most_common():
        if reason:
            yield f"{count:>12}  skipped: {reason.in_words}"


def _row(outcome: RowOutcome, wording: Wording) -> str:
    result = "skipped" if outcome.reason else wording.result
    callback = visible(outcome.callback_url[:LONGEST_CALLBACK])
    why = f"  ({detail})" if (detail := _detail(outcome)) else ""
    return _ROW.format(outcome.subscription_id, outcome.account_id, result, callback) + why


def _summary(outcomes: Outcomes, wording: Wording) -> str:
    count, total = outcomes.brought_back, outcomes.counts.total()
    if wording.dry_run:
        return f"{count} of {total} would be {wording.done}; nothing was changed"
    return f"{count} of {total} {wording.done}"
