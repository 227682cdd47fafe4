"""`mastodon-remedy`: the command that repairs."""

from typing import NoReturn

import click

from exporter.cli import ending
from exporter.cli.arguments import CONTEXT_SETTINGS, everywhere, version_option
from exporter.cli.lazy_group import LazyGroup

_COMMANDS = {
    "subscriptions": "exporter.cli.subscriptions:subscriptions",
    "deliveries": "exporter.cli.deliveries:deliveries",
    "media": "exporter.cli.media:media",
    "jobs": "exporter.cli.jobs:jobs",
}


@click.group(cls=LazyGroup, lazy_commands=_COMMANDS, context_settings=CONTEXT_SETTINGS)
@version_option
@everywhere
def remedy() -> None:
    """Repair what `mastodon-exporter` finds. Every command that changes something has --dry-run.

    \b
    Example: mastodon-remedy subscriptions broken
    """


def main() -> NoReturn:
    """Run the command and end the program."""
    ending.run(remedy, "mastodon-remedy")
