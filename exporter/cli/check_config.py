"""`mastodon-exporter check-config`: is the configuration right?"""

from typing import Protocol

import click

from exporter.accesslog.look import look_over
from exporter.cli.arguments import Command, config_path, everywhere
from exporter.cli.ending import FAILED
from exporter.config import Config, read_config
from exporter.errors import ConfigError
from exporter.mastodon.database_look import look_over_database
from exporter.mastodon.redis_look import look_over_redis
from exporter.probes.debug import visible
from exporter.server.web_config import read_web_config


class _Findings(Protocol):
    """What there is of a log or a store, and what somebody should do about it."""

    @property
    def summary(self) -> str: ...

    @property
    def warnings(self) -> tuple[str, ...]: ...


@click.command("check-config", cls=Command)
@everywhere
def check_config() -> int:
    """Read the configuration and name everything that is wrong with it.

    Each access log is looked at too: can it be read, does the format fit its last lines? So are the database and
    Redis: do they answer, and may the database's role do more than read? What is not as it should be is a warning.
    Ends with 0 if the configuration can be used, 1 if not.

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
    click.echo(f"{path}: good, {_contents(config)}")
    for log in config.access_logs:
        _tell(look_over(log))
    if config.database is not None:
        _tell(look_over_database(config.database))
    if config.redis is not None:
        _tell(look_over_redis(config.redis))
    return 0


def _contents(config: Config) -> str:
    instances = "1 instance" if len(config.instances) == 1 else f"{len(config.instances)} instances"
    logs = "1 access log" if len(config.access_logs) == 1 else f"{len(config.access_logs)} access logs"
    return f"{instances}, {logs}" if config.access_logs else instances


def _tell(findings: _Findings) -> None:
    click.echo(visible(findings.summary))
    for warning in findings.warnings:
        click.echo(f"warning: {visible(warning)}", err=True)
