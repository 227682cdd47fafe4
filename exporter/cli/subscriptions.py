"""`mastodon-remedy subscriptions`: PuSH subscriptions of our server with others."""

import os

import click

from exporter.accesslog.broken import BrokenAccounts, find_broken
from exporter.accesslog.writing import Hints
from exporter.cli.arguments import CONTEXT_SETTINGS, Command, everywhere, read_named_config
from exporter.cli.broken_accounts import FORMS, tell_broken
from exporter.cli.lazy_group import LazyGroup
from exporter.config import Config, LogFormat, log_format
from exporter.errors import InvalidValue
from exporter.state import state_folder

_COMMANDS = {
    "resubscribe": "exporter.cli.resubscribe:resubscribe_command",
    "backup": "exporter.cli.hub_subscriptions:backup_command",
    "restore": "exporter.cli.hub_subscriptions:restore_command",
    "undelete": "exporter.cli.hub_subscriptions:undelete_command",
}


@click.group("subscriptions", cls=LazyGroup, lazy_commands=_COMMANDS, context_settings=CONTEXT_SETTINGS)
@everywhere
def subscriptions() -> None:
    """Subscriptions of servers up to Mastodon 2.9 (PubSubHubbub): which of them are broken?

    \b
    Example: mastodon-remedy subscriptions broken
    """


def _line_format(_context: click.Context, _parameter: click.Parameter, text: str | None) -> LogFormat | None:
    try:
        return None if text is None else log_format(text)
    except InvalidValue as error:
        raise click.BadParameter(str(error)) from error


@subscriptions.command("broken", cls=Command)
@click.option(
    "--from-log", "logs", metavar="FILE", multiple=True,
    help="Read this log instead, plain or gzip, - for standard input; repeatable, or with more files after it.",
)  # fmt: skip
@click.argument("more_logs", metavar="", nargs=-1)
@click.option(
    "--access-log-format", "line_format", metavar="FORMAT", callback=_line_format,
    help="How the files of --from-log were written where the configuration does not list them: combined, json or a "
    "log_format of nginx (default: what their first lines show).",
)  # fmt: skip
@click.option(
    "--log", "names", metavar="NAME", multiple=True,
    help="Only this log of the exporter's; repeatable. With --from-log: the files are of this log.",
)  # fmt: skip
@click.option("--format", "form", type=click.Choice(FORMS), default="text", show_default=True)
@everywhere
def broken(  # noqa: PLR0913 click hands over each option as an argument
    *,
    logs: tuple[str, ...],
    more_logs: tuple[str, ...],
    line_format: LogFormat | None,
    names: tuple[str, ...],
    form: str,
) -> int:
    """List the accounts whose deliveries our server refused, so that their hubs give the subscription up.

    It goes by what `mastodon-exporter serve` has counted, or by logs of any age. Accounts of which a delivery
    came through since are shown as such; `--format ids` leaves them out. Ends with 0 whatever is found.

    \b
    Example: mastodon-remedy subscriptions broken --from-log /var/log/nginx/access.log.2.gz
    """
    if not logs and (more_logs or line_format):
        raise click.UsageError("files and --access-log-format go with --from-log")
    if logs and len(names) > 1:
        raise click.UsageError("--from-log takes one --log at most")
    config = read_named_config() or Config(instances=())
    if logs:
        hints = Hints(config.access_logs, next(iter(names), None), line_format)
        tell_broken(find_broken((*logs, *more_logs), hints), form)
    else:
        tell_broken(_counted(config, names), form)
    return 0


def _counted(config: Config, names: tuple[str, ...]) -> BrokenAccounts:
    # Imported here, because reading old logs must not pay for what reading the store needs.
    from exporter.accesslog.broken_in_store import stored_broken

    return stored_broken(state_folder(config, os.environ), config.access_logs, names)
