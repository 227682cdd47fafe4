"""`mastodon-remedy`: the command that repairs."""

from typing import NoReturn

import click

from exporter.cli import ending
from exporter.cli.arguments import CONTEXT_SETTINGS, everywhere, version_option
from exporter.cli.subscriptions import subscriptions


@click.group(context_settings=CONTEXT_SETTINGS)
@version_option
@everywhere
def remedy() -> None:
    """Repair what `mastodon-exporter` finds. This version tells what is broken, and changes nothing yet.

    \b
    Example: mastodon-remedy subscriptions broken
    """


remedy.add_command(subscriptions)


def main() -> NoReturn:
    """Run the command and end the program."""
    ending.run(remedy, "mastodon-remedy")
