"""`mastodon-remedy subscriptions backup|restore|undelete`: the subscriptions that other servers have with ours."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

import click

from exporter.cli.arguments import Command, everywhere, read_named_config
from exporter.cli.ending import FAILED
from exporter.cli.row_outcomes import Wording, tell_outcomes
from exporter.cli.row_progress import row_progress
from exporter.config import Config
from exporter.ledger import Job, Ledger, Series
from exporter.mastodon.database import Database
from exporter.state import state_folder
from exporter.subscriptions.backup import back_up, count_subscriptions, dated
from exporter.subscriptions.backup_file import open_backup
from exporter.subscriptions.backup_header import BackupHeader
from exporter.subscriptions.restore import plan_restore, restore
from exporter.subscriptions.row_outcome import Outcomes
from exporter.subscriptions.undelete import plan_undelete, undelete

BACKUP_JOB = "subscriptions_backup"
RESTORE_JOB = "subscriptions_restore"
UNDELETE_JOB = "subscriptions_undelete"
STATEMENT_TIMEOUT_SECONDS = 600.0
"""For a million rows that are compared at once; a command that somebody waits for may take its time."""

_FORMAT = click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
_DRY_RUN = click.option(
    "--dry-run", is_flag=True, help="Show row by row what would happen, and why not; change nothing."
)
_YES = click.option("--yes", is_flag=True, help="Do not ask, however many rows it is.")


@click.command("backup", cls=Command)
@click.argument("file", metavar="FILE")
@click.option("--dry-run", is_flag=True, help="Only tell how many there are, and which file would be written.")
@_FORMAT
@everywhere
def backup_command(*, file: str, dry_run: bool, form: str) -> int:
    """Keep all subscriptions that other servers have with ours in FILE, replacing it in one step.

    {date} in FILE is the day, such as 2017-04-21. The file holds the secrets of the subscriptions, so only its owner
    can read it. It is made for cron: `mastodon-remedy jobs` and the exporter tell when it last went well.

    \b
    Example: mastodon-remedy subscriptions backup '/var/backups/subscriptions-{date}.gz'
    """
    moment = datetime.now().astimezone()
    path = dated(file, moment)
    with _configured(BACKUP_JOB) as (config, database):
        if dry_run:
            _tell_backup(path, count_subscriptions(database), None, form)
            return 0
        with _job(config, BACKUP_JOB) as job:
            with row_progress("backed up", count_subscriptions(database)) as advance:
                header = back_up(database, path, moment, _stoppable(job, advance))
            job.add(Series("subscriptions", ("backed up",)), header.count)
    _tell_backup(path, header.count, header, form)
    return 0


@click.command("restore", cls=Command)
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@_DRY_RUN
@_YES
@_FORMAT
@everywhere
def restore_command(*, file: Path, dry_run: bool, yes: bool, form: str) -> int:
    """Bring subscriptions back that are in the backup FILE and missing in the database.

    Only those that have not ended and whose account exists; a row that is there is never changed, nor is there ever
    a second one for the same callback and account. All of them come back, or none.

    \b
    Example: mastodon-remedy subscriptions restore /var/backups/subscriptions-2017-04-20.gz --dry-run
    """
    with _configured(RESTORE_JOB) as (config, database), open_backup(file) as backup:
        count = backup.header.count

        def plan() -> Outcomes:
            with row_progress("compared", count) as advance:
                return plan_restore(database, backup, advance)

        def carry_out(job: Job) -> Outcomes:
            with row_progress("read", count) as advance:
                return restore(database, backup, _stoppable(job, advance))

        return _Repair(RESTORE_JOB, "restored", plan, carry_out).run(config, form, dry_run=dry_run, yes=yes)


@click.command("undelete", cls=Command)
@_DRY_RUN
@_YES
@_FORMAT
@everywhere
def undelete_command(*, dry_run: bool, yes: bool, form: str) -> int:
    """Bring soft-deleted subscriptions back, on servers with a column `subscriptions.deleted_at`.

    Only those that were confirmed, have not ended, whose account exists, and that no other has taken the place of;
    of several of one callback and account, the newest.

    \b
    Example: mastodon-remedy subscriptions undelete --dry-run
    """
    with _configured(UNDELETE_JOB) as (config, database):
        repair = _Repair(UNDELETE_JOB, "undeleted", lambda: plan_undelete(database), lambda _job: undelete(database))
        return repair.run(config, form, dry_run=dry_run, yes=yes)


class _Repair:
    """What restore and undelete have in common: say what would happen, ask, do it, say what has happened."""

    def __init__(self, job: str, done: str, plan: Callable[[], Outcomes], carry_out: Callable[[Job], Outcomes]) -> None:
        self._job = job
        self._done = done
        self._plan = plan
        self._carry_out = carry_out

    def run(self, config: Config, form: str, *, dry_run: bool, yes: bool) -> int:
        """Return the exit code."""
        with closing(self._plan()) as planned:
            if dry_run:
                tell_outcomes(planned, form, Wording(dry_run=True, done=self._done))
                return 0
            count, total = planned.brought_back, planned.counts.total()
        click.echo(f"mastodon-remedy: {count} of {total} subscriptions are to be {self._done}", err=True)
        if not _may_go_on(count, yes=yes):
            click.echo("mastodon-remedy: nothing was changed", err=True)
            return FAILED
        with _job(config, self._job) as job:
            outcomes = self._carry_out(job)
            job.add(Series("subscriptions", (self._done,)), outcomes.brought_back)
        with closing(outcomes):
            tell_outcomes(outcomes, form, Wording(dry_run=False, done=self._done))
        return 0


def _may_go_on(count: int, *, yes: bool) -> bool:
    if yes or count <= 1:
        return True
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise click.UsageError(f"{count} subscriptions, and nobody to ask: say --yes; --dry-run shows which they are")
    return click.confirm("Go on?", err=True)


@contextmanager
def _configured(job: str) -> Iterator[tuple[Config, Database]]:
    config = read_named_config()
    if config is None or config.database is None:
        raise click.UsageError(
            "no database is configured: write `database: {env_file: /home/mastodon/live/.env.production}` "
            "into a file and name it with -c"
        )
    application = f"mastodon-remedy {job}"
    with closing(Database(config.database, application, STATEMENT_TIMEOUT_SECONDS)) as database:
        yield config, database


@contextmanager
def _job(config: Config, name: str) -> Iterator[Job]:
    with closing(Ledger.open(state_folder(config, os.environ))) as ledger, ledger.start(name) as job:
        yield job


def _stoppable(job: Job, advance: Callable[[int], None]) -> Callable[[int], None]:
    def advance_unless_cancelled(rows: int) -> None:
        job.check()
        advance(rows)

    return advance_unless_cancelled


def _tell_backup(path: Path, count: int, header: BackupHeader | None, form: str) -> None:
    """Tell what was written, or, without a header, what would be."""
    if form == "json":
        written = {"created": header.created, "sha256": header.sha256} if header else {"created": None, "sha256": None}
        click.echo(json.dumps({"file": str(path), "rows": count, **written}))
    else:
        click.echo(f"{count} subscriptions {'in' if header else 'would be written to'} {path}")
