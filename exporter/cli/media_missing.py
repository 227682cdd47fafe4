"""`mastodon-remedy media missing`: the objects that no place had when media were last moved."""

import csv
import io
import os
from collections import Counter
from collections.abc import Iterable, Iterator

import click

from exporter.cli.arguments import Command, everywhere, read_named_config
from exporter.cli.long_list import print_json, print_lines
from exporter.config import Config
from exporter.ledger import REOPENED, Asked, MediaRecord, MediaResult, Trouble
from exporter.media.destination import destination_digest
from exporter.probes.debug import visible
from exporter.state import state_folder

FORMS = ("text", "json", "csv")
DOMAINS_SHOWN = 10

_ROW = "{:<22}  {:>19}  {:<30}  {}"
_HEADINGS = ("class", "id", "domain", "key")
_MISSING = (MediaResult.MISSING,)
_FAILED = (MediaResult.FAILED, REOPENED)


@click.command("missing", cls=Command)
@click.option("--failed", is_flag=True, help="List those that could not be moved for another reason instead, and why.")
@click.option("--format", "form", type=click.Choice(FORMS), default="text", show_default=True)
@everywhere
def missing_command(*, failed: bool, form: str) -> int:
    """List the objects that the database names and no place had, as `media sync` has found it.

    It goes by the ledger and asks neither store. Each run of `media sync` looks for them again. Without `media` in
    the configuration those of all destinations are listed. Where a key cannot be printed as it is, JSON alone has
    it exactly. Ends with 0 whatever is listed.

    \b
    Example: mastodon-remedy media missing --format csv > missing.csv
    """
    config = read_named_config() or Config(instances=())
    record = MediaRecord(state_folder(config, os.environ))
    destinations = (destination_digest(config.media.destination),) if config.media else record.destinations()
    troubles = _troubles(record, destinations, _FAILED if failed else _MISSING)
    if form == "json":
        print_json(_object(one, with_detail=failed) for one in troubles)
    else:
        print_lines({"text": _text, "csv": _csv}[form](troubles, with_detail=failed))
    return 0


def _troubles(record: MediaRecord, destinations: Iterable[str], results: tuple[str, ...]) -> Iterator[Trouble]:
    for destination in destinations:
        yield from record.troubles(Asked(destination, results=results))


def _text(troubles: Iterable[Trouble], *, with_detail: bool) -> Iterator[str]:
    classes: Counter[str] = Counter()
    domains: Counter[str] = Counter()
    for one in troubles:
        if not classes:
            yield click.style(_ROW.format(*_HEADINGS), bold=True)
        classes[one.media_class] += 1
        domains[one.domain or ""] += 1
        detail = f"  ({visible(one.detail)})" if with_detail and one.detail else ""
        yield _ROW.format(one.media_class, one.record_id, visible(one.domain or "-"), visible(one.key)) + detail
    yield from _summary(classes, domains)


def _summary(classes: Counter[str], domains: Counter[str]) -> Iterator[str]:
    if not classes:
        yield "nothing, as far as media have been moved"
        return
    yield f"{classes.total()} objects: " + ", ".join(f"{name} {count}" for name, count in classes.most_common())
    shown = domains.most_common(DOMAINS_SHOWN)
    words = ", ".join(f"{visible(name) or 'of this server'} {count}" for name, count in shown)
    more = f", and {len(domains) - len(shown)} more" if len(domains) > len(shown) else ""
    yield f"by domain: {words}{more}"


def _object(one: Trouble, *, with_detail: bool) -> dict[str, object]:
    told = {"class": one.media_class, "id": one.record_id, "domain": one.domain, "key": one.key}
    return {**told, "detail": one.detail} if with_detail else told


def _csv(troubles: Iterable[Trouble], *, with_detail: bool) -> Iterator[str]:
    headings = (*_HEADINGS, "detail") if with_detail else _HEADINGS
    yield _csv_line(headings)
    for one in troubles:
        cells = _object(one, with_detail=with_detail).values()
        yield _csv_line(tuple(visible(cell) if isinstance(cell, str) else cell for cell in cells))


def _csv_line(cells: tuple[object, ...]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(cells)
    return line.getvalue()
