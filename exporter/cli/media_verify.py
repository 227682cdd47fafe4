"""`mastodon-remedy media verify`: whether the destination has everything, and has it right."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field

import click

from exporter.cli.arguments import Command, everywhere
from exporter.cli.ending import FAILED
from exporter.cli.long_list import print_json, print_lines
from exporter.cli.media_filters import of_some_media, some_media
from exporter.cli.media_reader import MediaReader, media_reader, searched, tell_notes
from exporter.cli.media_setup import MediaSetup, media_setup
from exporter.cli.row_progress import row_progress
from exporter.config.media_model import AclChoice
from exporter.errors import StoreRefused
from exporter.ledger import MediaRecord
from exporter.media.byte_budget import ByteBudget
from exporter.media.contents import Contents
from exporter.media.destination import destination_digest
from exporter.media.findings import Finding, FindingFile
from exporter.media.open_stores import open_destination
from exporter.media.placing import Placing
from exporter.media.plan import Plan
from exporter.media.verify import DeepLook, PageVerdict, Verification
from exporter.media.whereabouts import Whereabouts, proper_place
from exporter.probes.debug import visible
from exporter.state import state_folder

FORMS = ("text", "json")
UNREAD_SHOWN = 10


@dataclass
class _Report:
    """What was found; as much as there may be of it lies in files."""

    missing: FindingFile
    different: FindingFile
    checked: int = 0
    missing_at_source: int = 0
    unread: int = 0
    unread_shown: list[str] = field(default_factory=list)

    @property
    def is_bad(self) -> bool:
        """Whether anything is wrong, or unknown."""
        return bool(self.missing.count or self.different.count or self.unread)

    def add(self, page: PageVerdict) -> list[Finding]:
        """Add a page and return its findings."""
        self.checked += page.objects
        found = [finding for verdict in page.verdicts for finding in verdict.findings]
        self.missing.add(one for one in found if one.what is None)
        self.different.add(one for one in found if one.what is not None)
        self.missing_at_source += sum(verdict.is_missing_at_source for verdict in page.verdicts)
        unread = [verdict.unread for verdict in page.verdicts if verdict.unread]
        self.unread += len(unread)
        self.unread_shown += unread[: UNREAD_SHOWN - len(self.unread_shown)]
        return found


@click.command("verify", cls=Command)
@click.option("--deep", is_flag=True, help="Read every object again, and look at its headers and at who may read it.")
@of_some_media
@click.option("--format", "form", type=click.Choice(FORMS), default="text", show_default=True)
@everywhere
def verify_command(  # noqa: PLR0913 click hands over each option as an argument
    *, deep: bool, classes: tuple[str, ...], local_only: bool, remote_only: bool, form: str
) -> int:
    """Look whether the destination has every object that the database names, the same as at the source.

    Both stores are listed along the database: sizes are compared, and MD5 sums where the stores tell them. What is
    wrong is written into the ledger, so that the next `media sync` puts it right. Objects that the source does not
    have either are only counted. Ends with 1 if anything is missing or different.

    \b
    Example: mastodon-remedy media verify --deep --only accounts
    """
    filters = some_media(classes, local_only=local_only, remote_only=remote_only)
    with media_setup("verify") as setup, FindingFile() as missing, FindingFile() as different:
        report = _Report(missing, different)
        _verify(setup, Plan(setup.database, setup.shape, filters), report, deep=deep)
        _tell(report, form)
    return FAILED if report.is_bad else 0


def _verify(setup: MediaSetup, plan: Plan, report: _Report, *, deep: bool) -> None:
    record = MediaRecord(state_folder(setup.config, os.environ))
    digest = destination_digest(setup.stores.destination)
    rows = sum(one.rows for one in plan.census().values())
    click.echo(
        f"mastodon-remedy: {setup.to_where} is compared with {setup.from_where}, the files of {rows} rows", err=True
    )
    with media_reader(setup) as reader, row_progress("verified", rows) as advance:
        for page in _verification(reader, plan, deep=deep).verify(plan.pages()):
            if found := report.add(page):
                record.reopen(digest, (finding.trouble() for finding in found))
            advance(page.rows)


def _verification(reader: MediaReader, plan: Plan, *, deep: bool) -> Verification:
    stores, memory_bytes = reader.setup.stores, reader.setup.settings.memory_bytes
    source, destination = reader.source(), reader.destination()
    ask_each = reader.workers.map
    return Verification(
        destination=Whereabouts(searched(destination, stores.destination), proper_place, ask_each),
        source=Whereabouts(searched(source, stores.source), ask_each=ask_each),
        contents=Contents(source, destination, ByteBudget(memory_bytes), memory_bytes),
        rows=plan,
        workers=reader.workers,
        both_sides=reader.both_sides,
        deep=DeepLook(_placing(reader), destination.acl_of) if deep else None,
    )


def _placing(reader: MediaReader) -> Placing:
    """Return how objects should lie at the destination; a small object is written to find out what that one can do."""
    setup = reader.setup
    settings = setup.stores.destination
    try:
        pace, memory_bytes = reader.destination_pace(), setup.settings.memory_bytes
        opening = reader.both_sides.submit(open_destination, settings, pace, memory_bytes, reader.patience)
        abilities = opening.result().abilities
    except StoreRefused as error:
        abilities = None
        tell_notes([f"who may read the objects is not looked at: {error}"])
    shows_acl = abilities is not None and abilities.checks.shows_acl
    if abilities is not None and not shows_acl and settings.acl is not AclChoice.NONE:
        tell_notes([f"who may read the objects is not looked at: {abilities.notes[0]}"])
    return Placing.chosen(settings.prefix, settings.acl if shows_acl else AclChoice.NONE, store_takes_acl=shows_acl)


def _tell(report: _Report, form: str) -> None:
    for words in report.unread_shown:
        click.echo(f"mastodon-remedy: not looked at: {visible(words)}", err=True)
    if report.unread:
        click.echo(f"mastodon-remedy: {report.unread} objects could not be looked at; run it again", err=True)
    if form == "json":
        _tell_json(report)
    else:
        print_lines(_lines(report))


def _tell_json(report: _Report) -> None:
    click.echo(f'{{"checked": {report.checked}, "missing":')
    print_json(report.missing)
    click.echo(', "different":')
    print_json(report.different)
    click.echo(f', "missing_at_source": {report.missing_at_source}}}')


def _lines(report: _Report) -> Iterator[str]:
    for one in report.missing:
        domain, key = visible(str(one["domain"] or "-")), visible(str(one["key"]))
        yield f"{'missing':<13}  {one['class']}  {one['id']}  {domain}  {key}"
    for one in report.different:
        yield f"{one['what']:<13}  {visible(str(one['key']))}"
    yield (
        f"{report.checked} objects: {report.missing.count} missing, {report.different.count} differences, "
        f"{report.missing_at_source} that the source does not have either"
    )
    if report.missing.count or report.different.count:
        yield "the next `mastodon-remedy media sync` puts them right"
