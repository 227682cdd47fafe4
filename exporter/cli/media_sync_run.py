"""One run of `mastodon-remedy media sync`, from the question whether to go on to the exit code."""

import json
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import click

from exporter import __version__
from exporter.addresses import AddressRule
from exporter.authorities import trusted_authorities
from exporter.cli.ending import FAILED, INTERRUPTED, leave_at_once
from exporter.cli.media_progress import ClassProgress, media_progress
from exporter.cli.media_setup import MediaSetup, media_setup
from exporter.cli.media_summary import (
    count_of,
    print_run,
    print_totals,
    run_document,
    tell_not_begun,
    told_if_not_begun,
    totals_document,
)
from exporter.cli.stoppable import stoppable
from exporter.errors import MastodonExporterError, StoreError
from exporter.ledger import (
    MEDIA_SYNC,
    Job,
    JobRecord,
    JobState,
    Ledger,
    MediaRecord,
    MediaResult,
    MediaRun,
    Scope,
    read_ledger,
)
from exporter.mastodon.attachments import MediaClass
from exporter.mastodon.media_rules import read_rejected_domains
from exporter.media.access import Access
from exporter.media.byte_budget import ByteBudget
from exporter.media.comparing import Comparing
from exporter.media.copying import Copying, NoRefetching, Refetching
from exporter.media.destination import destination_digest
from exporter.media.missing_share import MissingShare
from exporter.media.mover import Mover
from exporter.media.plan import Census, Filters, Plan
from exporter.media.refetch import Refetch
from exporter.media.remote_file import Asker
from exporter.media.sides import Sides, open_sides
from exporter.media.skip_choice import Knowledge
from exporter.media.skipping import KnownRanges, SkipBy
from exporter.media.sync import CutShort, Sync, Watcher
from exporter.state import state_folder
from exporter.third_party_connection import EXEMPTIBLE

FORMS = ("text", "json")

_CLEARING_UP_SECONDS = 5.0
_SILENCE_SECONDS = 5.0
_STOPPING = "finishing what is under way; once more ends it at once"


@dataclass(frozen=True)
class Manner:
    """How the command was called."""

    skip_by: SkipBy | None
    refetch: bool
    strict: bool
    dry_run: bool
    yes: bool
    form: str


def sync(filters: Filters, manner: Manner) -> int:
    """Move, or show, what was asked for and return the exit code."""
    with ExitStack() as stack:
        with told_if_not_begun(manner.form):
            setup = stack.enter_context(media_setup("sync"))
            plan = Plan(setup.database, setup.shape, filters)
            census = plan.census()
        if manner.dry_run:
            _tell_planned(setup, census, manner.form)
            return 0
        run = _Run(setup, filters, manner, plan, census)
        run.announce()
        if not _may_go_on(sum(one.rows for one in census.values()), yes=manner.yes):
            click.echo("mastodon-remedy: nothing was changed", err=True)
            return FAILED
        return run.run()


@dataclass(frozen=True)
class _Run:
    setup: MediaSetup
    filters: Filters
    manner: Manner
    plan: Plan
    census: Mapping[MediaClass, Census]

    @property
    def folder(self) -> Path:
        return state_folder(self.setup.config, os.environ)

    @property
    def destination_name(self) -> str:
        """What is known of the destination is kept under this."""
        return destination_digest(self.setup.stores.destination)

    @property
    def key(self) -> str:
        """What a run must have been asked for, so that this one carries it on."""
        asked = self.filters
        since = asked.since.isoformat() if asked.since else None
        rows = (sorted(asked.classes), asked.part, since, asked.limit, asked.offset)
        return json.dumps([self.destination_name, *rows, self.manner.skip_by, self.manner.refetch])

    def announce(self) -> None:
        """Say what is about to happen."""
        rows = sum(one.rows for one in self.census.values())
        click.echo(
            f"mastodon-remedy: the files of {rows} rows of {len(self.census)} tables are to be copied from"
            f" {self.setup.from_where} to {self.setup.to_where}",
            err=True,
        )

    def run(self) -> int:
        """Move everything, and tell what came of it."""
        stopping = threading.Event()
        with told_if_not_begun(self.manner.form):
            sides = self._opened(stopping)
            ledger = Ledger.open(self.folder)
            job = ledger.start(MEDIA_SYNC, self.key)
        for note in sides.notes:
            click.echo(f"mastodon-remedy: {note}", err=True)
        with closing(ledger):
            return self._finish(job, sides, stopping)

    def _opened(self, stopping: threading.Event) -> Sides:
        """Return both stores; they are opened by another thread, for Ctrl-C would wait for what this one waits for."""
        opener = ThreadPoolExecutor(1, "opening")
        opening = opener.submit(open_sides, self.setup.stores, self.setup.settings, stopping)
        try:
            if not wait([opening], _SILENCE_SECONDS).done:
                click.echo("mastodon-remedy: a store has not answered yet; it is asked again", err=True)
            return opening.result()
        except KeyboardInterrupt:
            stopping.set()
            wait([opening], _CLEARING_UP_SECONDS)  # so that nothing is left in the destination that was to try it
            tell_not_begun(JobState.INTERRUPTED, self.manner.form)
            leave_at_once(INTERRUPTED)
        finally:
            opener.shutdown(wait=False)

    def _finish(self, job: Job, sides: Sides, stopping: threading.Event) -> int:
        try:
            with job:
                self._move(job, sides, stopping)
                job.finish(JobState.FAILED if self._count(MediaResult.FAILED) else JobState.DONE)
        except CutShort:
            self._tell()
            leave_at_once(INTERRUPTED)
        except KeyboardInterrupt:
            self._tell()
            return INTERRUPTED
        except MastodonExporterError:
            self._tell()
            raise
        self._tell()
        is_short = self._count(MediaResult.MISSING) > 0 and self.manner.strict
        return FAILED if is_short or self._count(MediaResult.FAILED) else 0

    def _move(self, job: Job, sides: Sides, stopping: threading.Event) -> None:
        if job.is_carried_on:
            click.echo("mastodon-remedy: carrying on with the run that was cut short", err=True)
        media_run = MediaRun(job)
        media_run.set_rows({str(media_class): one.rows for media_class, one in self.census.items()})
        done = {scope: KnownRanges(media_run.done(scope)) for scope in self._scopes()}
        knowledge = Knowledge(MediaRecord(self.folder), self.destination_name, sides.destination, sides.placing)
        sync = Sync(
            skipping=knowledge.skipping(self.manner.skip_by, self.plan.classes),
            see_to=self._mover(sides, stopping).see_to,
            recorder=media_run,
            stopping=stopping,
            workers=self.setup.settings.workers,
            done=done,
        )
        with media_progress(self._begun()) as progress, stoppable(job, _STOPPING) as check:
            share = MissingShare(_note, progress.recorded, self._results())
            sync.run(self.plan.pages(), self.destination_name, Watcher(check, progress.told, share.recorded))
            share.judge()
        if self.filters.is_of_all_rows:
            for scope in self._scopes():
                media_run.forget_beyond(scope)

    def _mover(self, sides: Sides, stopping: threading.Event) -> Mover:
        comparing = Comparing(sides.source, sides.destination, sides.source_prefix, sides.placing)
        copying = Copying(
            source=sides.source,
            destination=sides.destination,
            source_prefix=sides.source_prefix,
            placing=sides.placing,
            budget=ByteBudget(self.setup.settings.memory_bytes),
            memory_bytes=self.setup.settings.memory_bytes,
            rows=self.plan,
            refetching=self._refetching(),
            stopping=stopping,
        )
        return Mover(comparing, Access(sides.destination, sides.placing), copying)

    def _refetching(self) -> Refetching:
        if not self.manner.refetch:
            return NoRefetching()
        with self.setup.database.reading() as reading:
            rejected = read_rejected_domains(reading, self.setup.shape)
        rule = AddressRule(EXEMPTIBLE) if self.setup.config.allow_private_addresses else AddressRule()
        return Refetch(Asker(self._user_agent, rule, Path(trusted_authorities())), rejected)

    @property
    def _user_agent(self) -> str:
        instance = self.setup.settings.instance
        known = self.setup.config.instance(instance) if instance else next(iter(self.setup.config.instances), None)
        return f"mastodon-exporter/{__version__}" + (f" (+{known.url})" if known else "")

    def _scopes(self) -> Iterator[Scope]:
        return (Scope(self.destination_name, name, self.filters.part) for name in self.plan.classes)

    def _begun(self) -> Mapping[str, ClassProgress]:
        before = self._record().progress
        return {
            str(media_class): ClassProgress(one.rows, before[media_class].done if media_class in before else 0)
            for media_class, one in self.census.items()
        }

    def _record(self) -> JobRecord:
        record = read_ledger(self.folder)
        if record is None or MEDIA_SYNC not in record.latest():
            raise StoreError(f"the ledger in {self.folder} has lost this run; look whether somebody has moved it away")
        return record.latest()[MEDIA_SYNC]

    def _results(self) -> Mapping[str, int]:
        record = self._record()
        return {result: count_of(record, result) for result in MediaResult}

    def _count(self, result: MediaResult) -> int:
        return count_of(self._record(), result)

    def _tell(self) -> None:
        record = self._record()
        if self.manner.form == "json":
            click.echo(run_document(record))
            return
        print_run(record)
        for line in _advice(record):
            click.echo(line)


def _note(words: str) -> None:
    click.echo(f"mastodon-remedy: {words}", err=True)


def _advice(record: JobRecord) -> Iterator[str]:
    if missing := count_of(record, MediaResult.MISSING):
        yield f"{missing} objects are nowhere: `mastodon-remedy media missing` lists them"
    if not_moved := count_of(record, MediaResult.FAILED):
        yield (
            f"{not_moved} objects could not be moved: `mastodon-remedy media missing --failed` says why, and the same"
            " command tries them again"
        )
    if record.state is JobState.INTERRUPTED:
        yield "the run was interrupted: the same command carries it on"


def _tell_planned(setup: MediaSetup, census: Mapping[MediaClass, Census], form: str) -> None:
    if form == "json":
        click.echo(totals_document(census))
        return
    click.echo(f"from {setup.from_where} to {setup.to_where} would be copied:")
    print_totals(census)


def _may_go_on(rows: int, *, yes: bool) -> bool:
    if yes or not rows:
        return True
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise click.UsageError(f"files of {rows} rows, and nobody to ask: say --yes; --dry-run shows which they are")
    return click.confirm("Go on?", err=True)
