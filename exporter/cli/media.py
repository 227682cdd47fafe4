"""`mastodon-remedy media`: files of users, from one store to another."""

import click

from exporter.cli.arguments import CONTEXT_SETTINGS, everywhere
from exporter.cli.lazy_group import LazyGroup

_COMMANDS = {
    "sync": "exporter.cli.media_sync:sync_command",
    "verify": "exporter.cli.media_verify:verify_command",
    "keys": "exporter.cli.media_keys:keys_command",
    "missing": "exporter.cli.media_missing:missing_command",
}


@click.group("media", cls=LazyGroup, lazy_commands=_COMMANDS, context_settings=CONTEXT_SETTINGS)
@everywhere
def media() -> None:
    """Move the files of a server to another store, by its database; docs/moving-media.md has the whole way.

    \b
    Example: mastodon-remedy media sync --dry-run
    """
