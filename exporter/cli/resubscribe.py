"""`mastodon-remedy subscriptions resubscribe`: which accounts are meant, and how."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from exporter.accesslog.broken import BrokenAccounts, find_broken
from exporter.accesslog.broken_in_store import stored_broken
from exporter.accesslog.listed_log import listed_logs
from exporter.accesslog.writing import Hints
from exporter.cli.arguments import Command, everywhere, read_named_config
from exporter.cli.resubscribe_output import FORMS
from exporter.cli.resubscribe_run import Manner, resubscribe
from exporter.config import AccessLog, Config, LogFormat, log_format
from exporter.errors import InvalidValue
from exporter.mastodon.routes import MAINTENANCE_ACCOUNT_ID
from exporter.state import state_folder
from exporter.subscriptions.selection import Form, Selection

_ONE_OF = "name accounts, or say one of --from-log FILE, --broken, --overdue, --pending and --all"
_FORMS = (Form.IDS, Form.FROM_LOG, Form.BROKEN, Form.OVERDUE, Form.PENDING, Form.ALL)


def _line_format(_context: click.Context, _parameter: click.Parameter, text: str | None) -> LogFormat | None:
    try:
        return None if text is None else log_format(text)
    except InvalidValue as error:
        raise click.BadParameter(str(error)) from error


@click.command("resubscribe", cls=Command)
@click.argument("account_ids", metavar="[ACCOUNT_ID]...", nargs=-1, type=click.IntRange(1, MAINTENANCE_ACCOUNT_ID - 1))
@click.option(
    "--from-log", "logs", metavar="FILE", multiple=True,
    help="The accounts that `subscriptions broken --from-log FILE` lists; repeatable.",
)  # fmt: skip
@click.option(
    "--access-log-format", "line_format", metavar="FORMAT", callback=_line_format,
    help="How the files of --from-log were written (default: see `subscriptions broken`).",
)  # fmt: skip
@click.option("--broken", "broken_form", is_flag=True, help="The accounts that `subscriptions broken` lists.")
@click.option("--overdue", "overdue_form", is_flag=True, help="Those whose subscription has ended.")
@click.option("--pending", "pending_form", is_flag=True, help="Ask nobody; look again at what earlier runs left open.")
@click.option("--all", "all_form", is_flag=True, help="All that the server should be subscribed to.")
@click.option("--dry-run", is_flag=True, help="Show account by account what would be done; change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask, however many accounts it is.")
@click.option("--format", "output", type=click.Choice(FORMS), default="text", show_default=True)
@everywhere
def resubscribe_command(  # noqa: PLR0913 click hands over each option as an argument
    *,
    account_ids: tuple[int, ...],
    logs: tuple[str, ...],
    line_format: LogFormat | None,
    broken_form: bool,
    overdue_form: bool,
    pending_form: bool,
    all_form: bool,
    dry_run: bool,
    yes: bool,
    output: str,
) -> int:
    """Ask the hubs of accounts to deliver to this server again, and see them confirm it (Mastodon up to 2.9).

    Accounts that are found in a log are asked only if the server should be subscribed to them; the others are listed
    as skipped. A run that was broken off is carried on by the same command within a day. Ends with 1 if a hub
    refused, or failed to the last.

    \b
    Example: mastodon-remedy subscriptions resubscribe --broken --dry-run
    """
    flags = (broken_form, overdue_form, pending_form, all_form)
    forms = [form for form, is_given in zip(_FORMS, (account_ids, logs, *flags), strict=True) if is_given]
    if len(forms) != 1:
        raise click.UsageError(_ONE_OF)
    if line_format and not logs:
        raise click.UsageError("--access-log-format goes with --from-log")
    config = read_named_config() or Config(instances=())
    if logs:
        _refuse_logs_of_others(config, logs)
        selection = _found(find_broken(logs, Hints(_own_logs(config), None, line_format)), Form.FROM_LOG, logs)
    else:
        selection = _selection(config, forms[0], account_ids)
    return resubscribe(config, selection, Manner(dry_run, yes, output))


def _selection(config: Config, form: Form, account_ids: tuple[int, ...]) -> Selection:
    if form is Form.BROKEN:
        logs = _own_logs(config)
        if config.access_logs and not logs:
            raise click.UsageError(f"none of the `access_logs` is of {_whose(config)}, whose database this is")
        return _found(stored_broken(state_folder(config, os.environ), logs), form)
    return Selection(form, account_ids)


def _own_logs(config: Config) -> tuple[AccessLog, ...]:
    """Return the logs of the instance whose database it is: each instance has account ids of its own."""
    instance = config.database.instance if config.database else None
    return tuple(log for log in config.access_logs if instance is None or log.instance == instance)


def _refuse_logs_of_others(config: Config, names: Sequence[str]) -> None:
    own = _own_logs(config)
    for name in names:
        listed = [log for path in _paths(name) for log in listed_logs(path, config.access_logs)]
        if listed and not any(log in own for log in listed):
            raise click.UsageError(
                f"{name} is a log of the instance `{listed[0].instance}`, and the database is that of {_whose(config)}:"
                " account ids of the one mean nothing in the other"
            )


def _paths(name: str) -> Iterable[str]:
    return dict.fromkeys((os.path.normpath(Path(name).absolute()), os.path.realpath(name)))


def _whose(config: Config) -> str:
    return f"`{config.database.instance}`" if config.database else "no instance"


def _found(found: BrokenAccounts, form: Form, names: tuple[str, ...] = ()) -> Selection:
    for note in found.notes:
        click.echo(f"mastodon-remedy: {note}", err=True)
    return Selection(form, tuple(one.account_id for one in found.accounts if not one.recovered), names)
