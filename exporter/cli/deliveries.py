"""`mastodon-remedy deliveries`: servers that ours has given up, or fails at."""

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial

import click

from exporter.accesslog.reader import read_failing_domains
from exporter.cli.arguments import CONTEXT_SETTINGS, Command, everywhere, read_named_config
from exporter.cli.delivery_tables import tell_troubled
from exporter.cli.ending import FAILED
from exporter.config import Config
from exporter.config.hosts import host_name
from exporter.deliveries.listing import find_troubled
from exporter.deliveries.restart import DeliveryStores, RestartResult, Standing
from exporter.errors import InvalidValue
from exporter.ledger import Ledger, Series
from exporter.mastodon.database import Database
from exporter.mastodon.redis_server import RedisServer
from exporter.state import state_folder

RESTART_JOB = "deliveries_restart"
INBOUND_SECONDS = 7 * 86400.0
"""How long ago a server may have failed to reach us to be listed."""

_LIST_TIMEOUT_SECONDS = 300.0
_FORMAT = click.option("--format", "form", type=click.Choice(("text", "json")), default="text", show_default=True)
_CACHE = (
    "Mastodon remembers for up to 10 minutes whom it has given up, so that deliveries may begin only then; "
    "its admin log has no entry of this"
)
_ROW_ALONE = (
    "no `redis` is configured, and without it the days of failures stay: the next failure would bring the domain back "
    "at once. Configure `redis`, or say --row-only"
)


@click.group("deliveries", context_settings=CONTEXT_SETTINGS)
@everywhere
def deliveries() -> None:
    """Deliveries of ActivityPub: whom our server has given up, whom it fails at, who fails to reach it.

    \b
    Example: mastodon-remedy deliveries list
    """


@deliveries.command("list", cls=Command)
@_FORMAT
@everywhere
def list_command(*, form: str) -> int:
    """List the servers given up, those that deliveries fail at now, and those that failed to reach us this week.

    A server is listed by the host of its inboxes, which may be another than what stands after the @ of its accounts.
    Nothing is changed. Ends with 0 whatever is found.

    \b
    Example: mastodon-remedy deliveries list --format json
    """
    with _configured("deliveries list") as (config, stores):
        tell_troubled(find_troubled(stores.database, stores.redis, _inbound(config)), form)
    return 0


def _domain(_context: click.Context, _parameter: click.Parameter, texts: Sequence[str]) -> tuple[str, ...]:
    try:
        return tuple(dict.fromkeys(host_name(text) for text in texts))
    except InvalidValue as error:
        raise click.BadParameter(str(error)) from error


@deliveries.command("restart", cls=Command)
@click.argument("domains", metavar="DOMAIN...", nargs=-1, required=True, callback=_domain)
@click.option("--dry-run", is_flag=True, help="Only tell what would be done.")
@click.option("--yes", is_flag=True, help="Do not ask, however many domains it is.")
@click.option("--row-only", is_flag=True, help="Without Redis: remove the row alone, and leave the days of failures.")
@_FORMAT
@everywhere
def restart_command(  # noqa: PLR0913 click hands over each option as an argument
    *, domains: tuple[str, ...], dry_run: bool, yes: bool, row_only: bool, form: str
) -> int:
    """Deliver again to servers that were given up, named as `deliveries list` names them.

    It does what "Restart delivery" in Mastodon's administration does: it removes the row and the days of failures.
    Mastodon's cache lasts up to 10 minutes, and its admin log gets no entry.

    \b
    Example: mastodon-remedy deliveries restart social.example --dry-run
    """
    with _configured("deliveries restart") as (config, stores):
        if stores.redis is None and not (row_only or dry_run):
            raise click.UsageError(_ROW_ALONE)
        standings = stores.standings(domains)
        todo = [one for one in standings if one.is_troubled]
        click.echo(f"mastodon-remedy: {len(todo)} of {len(standings)} are to be delivered to again", err=True)
        if dry_run:
            _tell(standings, RestartResult.PLANNED, form)
            return 0
        if not _may_go_on(len(todo), yes=yes):
            click.echo("mastodon-remedy: nothing was changed", err=True)
            return FAILED
        _restart(config, stores, standings)
    _tell(standings, RestartResult.RESTARTED, form)
    if any(one.is_given_up for one in todo):
        click.echo(f"mastodon-remedy: {_CACHE}", err=True)
    return 0


@contextmanager
def _configured(command: str) -> Iterator[tuple[Config, DeliveryStores]]:
    config = read_named_config()
    if config is None or config.database is None:
        raise click.UsageError(
            "no database is configured: write `database: {env_file: /home/mastodon/live/.env.production}` "
            "into a file and name it with -c"
        )
    redis = RedisServer(config.redis) if config.redis else None
    database = Database(config.database, f"mastodon-remedy {command}", _LIST_TIMEOUT_SECONDS)
    with closing(database):
        try:
            yield config, DeliveryStores(database, redis)
        finally:
            if redis:
                redis.close()


def _inbound(config: Config) -> dict[str, int]:
    instance = config.database.instance if config.database else None
    logs = [log.name for log in config.access_logs if log.instance == instance]
    counts: Counter[str] = Counter()
    for log in logs:
        for one in read_failing_domains(state_folder(config, os.environ), log):
            if one.used_seconds >= time.time() - INBOUND_SECONDS:
                counts[one.domain] += one.failures
    return counts


def _may_go_on(count: int, *, yes: bool) -> bool:
    if yes or count <= 1:
        return True
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise click.UsageError(f"{count} domains, and nobody to ask: say --yes; --dry-run shows which they are")
    return click.confirm("Go on?", err=True)


def _restart(config: Config, stores: DeliveryStores, standings: Sequence[Standing]) -> None:
    restarted = Series("delivery_domains", (RestartResult.RESTARTED.value,))
    with closing(Ledger.open(state_folder(config, os.environ))) as ledger, ledger.start(RESTART_JOB) as job:
        # A run that was killed may have done all of these but this.
        job.forget(*(standing.key for standing in standings if not standing.is_troubled))
        for standing in (one for one in standings if one.is_troubled):
            job.check()
            stores.restart(standing, partial(job.count_once, standing.key, restarted))
            job.forget(standing.key)


def _tell(standings: Sequence[Standing], done: RestartResult, form: str) -> None:
    results = [(one, done if one.is_troubled else RestartResult.SKIPPED) for one in standings]
    if form == "json":
        objects = [{"domain": one.domain, "result": result.value, "detail": one.detail} for one, result in results]
        click.echo(json.dumps(objects, indent=2))
        return
    for one, result in results:
        click.echo(f"{one.domain:<40}  {result.value:<9}  {one.detail}")
