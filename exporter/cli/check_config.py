"""`mastodon-exporter check-config`: is the configuration right?"""

import click

from exporter.cli.arguments import Command, config_path, everywhere
from exporter.cli.ending import FAILED
from exporter.config import read_config
from exporter.errors import ConfigError
from exporter.server.web_config import read_web_config


@click.command("check-config", cls=Command)
@everywhere
def check_config() -> int:
    """Read the configuration and name everything that is wrong with it.

    Ends with 0 if it can be used, 1 if not.

    \b
    Example: mastodon-exporter check-config -c config.yml
    """
    path = config_path()
    if path is None:
        raise click.UsageError("name the file with -c, or in MASTODON_EXPORTER_CONFIG")
    try:
        config = read_config(path)
        if config.web.web_config is not None:
            read_web_config(config.web.web_config)
    except ConfigError as error:
        click.echo(str(error), err=True)
        return FAILED
    instances = "1 instance" if len(config.instances) == 1 else f"{len(config.instances)} instances"
    click.echo(f"{path}: good, {instances}")
    return 0
