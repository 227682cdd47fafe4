"""`mastodon-exporter`: the command that watches."""

from typing import NoReturn

import click

from exporter.cli import ending
from exporter.cli.arguments import CONTEXT_SETTINGS, everywhere, version_option
from exporter.cli.check import check
from exporter.cli.check_config import check_config
from exporter.cli.demo import demo
from exporter.cli.demo_server import demo_server
from exporter.cli.serve import serve


@click.group(context_settings=CONTEXT_SETTINGS)
@version_option
@everywhere
def watch() -> None:
    """Watch Mastodon servers: is each part of them up, and if not, which?

    It never writes to a server it watches; `mastodon-remedy` is the command that repairs.

    \b
    Example: mastodon-exporter check https://mastodon.example
    """


for command in (serve, check, check_config, demo, demo_server):
    watch.add_command(command)


def main() -> NoReturn:
    """Run the command and end the program."""
    ending.run(watch, "mastodon-exporter")
