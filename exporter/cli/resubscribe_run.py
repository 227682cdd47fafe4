"""One run of `mastodon-remedy subscriptions resubscribe`, from the question whether to go on to the exit code."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import click

from exporter import __version__
from exporter.addresses import AddressRule
from exporter.cli.ending import FAILED, INTERRUPTED
from exporter.cli.resubscribe_output import tell_planned, tell_results
from exporter.cli.row_progress import row_progress
from exporter.cli.stoppable import stoppable
from exporter.config import Config, Instance
from exporter.errors import DatabaseError, StoreError
from exporter.ledger import RESUBSCRIBE, Job, JobState, Ledger
from exporter.ledger import ResubscribeResult as Result
from exporter.mastodon.database import Database
from exporter.mastodon.shape import Shape
from exporter.state import state_folder
from exporter.subscriptions.account_rows import AccountRows, server_name, subscriber_shape
from exporter.subscriptions.attempt import AccountResult, Attempt
from exporter.subscriptions.callbacks import callback_url, own_instance
from exporter.subscriptions.hub_answer import HubAnswer
from exporter.subscriptions.hub_client import HubClient
from exporter.subscriptions.resubscribe import Plan, Resubscribing, Way, planned_for
from exporter.subscriptions.run_record import RunRecord
from exporter.subscriptions.secrets_file import SECRETS_NAME, SecretsFile
from exporter.subscriptions.selection import Candidate, Candidates, Form, Selection
from exporter.subscriptions.settling import Settling
from exporter.subscriptions.signature import Signer
from exporter.subscriptions.signing_account import read_signer
from exporter.third_party_connection import EXEMPTIBLE

APPLICATION = "mastodon-remedy resubscribe"
STATEMENT_TIMEOUT_SECONDS = 120.0
HUBS_REMEMBERED = 65_536
"""Of so many URLs a dry run remembers whether they would be refused; accounts of one server share few."""


@dataclass(frozen=True)
class Manner:
    """How the command was called."""

    dry_run: bool
    yes: bool
    form: str


def resubscribe(config: Config, selection: Selection, manner: Manner) -> int:
    """Do, or show, what was asked for and return the exit code."""
    if config.database is None:
        raise click.UsageError(
            "no database is configured: write `database: {env_file: /home/mastodon/live/.env.production}` "
            "into a file and name it with -c"
        )
    with closing(Database(config.database, APPLICATION, STATEMENT_TIMEOUT_SECONDS)) as database:
        remedy = _Remedy(config, own_instance(config), database, subscriber_shape(database))
        if manner.dry_run:
            tell_planned(remedy.planned(selection), manner.form)
            return 0
        return remedy.run(selection, manner)


@dataclass(frozen=True)
class _Remedy:
    config: Config
    instance: Instance
    database: Database
    shape: Shape

    @property
    def folder(self) -> Path:
        return state_folder(self.config, os.environ)

    @property
    def name(self) -> str:
        """What the attempts on this server are kept under."""
        return server_name(self.database, self.instance.url)

    @property
    def candidates(self) -> Candidates:
        return Candidates(self.database, self.shape)

    def planned(self, selection: Selection) -> Iterator[AccountResult]:
        """Yield what would be done with each account."""
        if selection.form is Form.PENDING:
            words = "its hub would be given another chance to have verified it"
            return (AccountResult(one.account_id, Result.PLANNED, words) for one in pending(self.folder, self.name))
        refusal = lru_cache(HUBS_REMEMBERED)(self._hubs(None).refusal)
        return (_planned(candidate, refusal) for candidate in self.candidates.chosen(selection))

    def run(self, selection: Selection, manner: Manner) -> int:
        """Ask whether to go on, go on, and tell what came of it."""
        AccountRows(self.database).check_may_write()
        is_pending = selection.form is Form.PENDING
        plan = None if is_pending else planned_for(self.candidates.chosen(selection))
        touched = len(pending(self.folder, self.name)) if plan is None else len(plan.turns)
        self._announce(plan, touched)
        if not _may_go_on(touched, yes=manner.yes):
            click.echo("mastodon-remedy: nothing was changed", err=True)
            return FAILED
        with (
            closing(Ledger.open(self.folder)) as ledger,
            ledger.start(RESUBSCRIBE) as job,
            closing(SecretsFile.open(self.folder, self.name)) as secrets,
        ):
            _tell_of_others(secrets)
            record = RunRecord.begin(secrets, selection.key, time.time())
            try:
                is_interrupted = self._carry_out(plan, record, job)
            except (DatabaseError, StoreError):
                _tell_broken_off(record, manner.form)
                raise
            tell_results(record, manner.form)
            return _ended(job, record, is_interrupted=is_interrupted)

    def _carry_out(self, plan: Plan | None, record: RunRecord, job: Job) -> bool:
        """Do what was planned, or settle what is pending; return whether that was interrupted."""
        total = len(plan.turns) + len(plan.skipped) if plan else record.secrets.count()
        with row_progress("accounts", total) as advance, stoppable(job, "settling what is under way") as check:
            settling = Settling(AccountRows(self.database), record.secrets, job, lambda _told: advance(1))
            run = Resubscribing(record, self._way(), self.candidates, settling, check)
            try:
                run.run_pending() if plan is None else run.run(plan)
            except KeyboardInterrupt:
                return True
        return False

    def _way(self) -> Way:
        settings = self.config.subscriptions
        signer = read_signer(self.database, self.shape, self.instance.domain) if settings.sign else None
        return Way(settings, self._hubs(signer), self.instance.url)

    def _hubs(self, signer: Signer | None) -> HubClient:
        user_agent = f"mastodon-exporter/{__version__} (+{self.instance.url})"
        rule = AddressRule(EXEMPTIBLE) if self.config.allow_private_addresses else AddressRule()
        return HubClient(user_agent, rule, signer=signer)

    def _announce(self, plan: Plan | None, touched: int) -> None:
        if plan is None:
            click.echo(f"mastodon-remedy: {touched} attempts are to be settled; no hub is asked", err=True)
            return
        callback = callback_url(self.instance.url, 0).removesuffix("0") + "ID"
        click.echo(
            f"mastodon-remedy: the hubs of {touched} accounts, on {plan.hosts} hosts, are to be asked to subscribe"
            f" {callback} again; {len(plan.skipped)} accounts are skipped",
            err=True,
        )


def pending(folder: Path, server: str) -> list[Attempt]:
    """Return the attempts of earlier runs on a server that are not settled."""
    if not (folder / SECRETS_NAME).exists():
        return []
    with closing(SecretsFile.open(folder, server)) as secrets:
        return [*secrets.unsettled(), *secrets.kept()]


def _tell_broken_off(record: RunRecord, form: str) -> None:
    with suppress(StoreError):  # what comes next tells of it
        tell_results(record, form)
        click.echo(
            f"mastodon-remedy: the run broke off; {record.secrets.count()} accounts are open, and until they are"
            " settled their hubs may sign with a secret that is not the stored one: run the same command again, which"
            " carries on, or `resubscribe --pending`, which settles them and asks nobody",
            err=True,
        )


def _tell_of_others(secrets: SecretsFile) -> None:
    for server, count in secrets.of_others().items():
        click.echo(
            f"mastodon-remedy: {count} attempts of another server ({server}) are open in the same state folder, and"
            " are left alone; settle them with `resubscribe --pending` and that server's configuration",
            err=True,
        )


def _planned(candidate: Candidate, refusal: Callable[[str], HubAnswer | None]) -> AccountResult:
    if candidate.why_not is not None:
        return AccountResult(candidate.account_id, Result.SKIPPED, candidate.why_not)
    if refused := refusal(candidate.hub_url):
        return AccountResult(candidate.account_id, Result.REFUSED, refused.detail)
    return AccountResult(candidate.account_id, Result.PLANNED, f"{candidate.hub_url} would be asked")


def _may_go_on(count: int, *, yes: bool) -> bool:
    if yes or count <= 1:
        return True
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise click.UsageError(f"{count} accounts, and nobody to ask: say --yes; --dry-run shows which they are")
    return click.confirm("Go on?", err=True)


def _ended(job: Job, record: RunRecord, *, is_interrupted: bool) -> int:
    if is_interrupted:
        job.finish(JobState.INTERRUPTED)
        return INTERRUPTED
    counts = record.counts()
    if counts.get(Result.REFUSED) or counts.get(Result.FAILED):
        job.finish(JobState.FAILED)
        return FAILED
    return 0
