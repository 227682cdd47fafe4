"""`mastodon-exporter check-config`: is the configuration right?"""

import click

from exporter.accesslog.look import look_over
from exporter.cli.arguments import Command, config_path, everywhere
from exporter.cli.ending import FAILED
from exporter.config import AccessLog, Config, read_config
from exporter.errors import ConfigError
from exporter.probes.debug import visible
from exporter.server.web_config import read_web_config


@click.command("check-config", cls=Command)
@everywhere
def check_config() -> int:
    """Read the configuration and name everything that is wrong with it.

    Each access log is looked at too: can it be read, does the format fit its last lines?
    What does not is a warning. Ends with 0 if the configuration can be used, 1 if not.

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
        _tell_of_log(log)
    return 0


def _contents(config: Config) -> str:
    instances = "1 instance" if len(config.instances) == 1 else f"{len(config.instances)} instances"
    logs = "1 access log" if len(config.access_logs) == 1 else f"{len(config.access_logs)} access logs"
    return f"{instances}, {logs}" if config.access_logs else instances


def _tell_of_log(log: AccessLog) -> None:
    findings = look_over(log)
    click.echo(visible(findings.summary))
    for warning in findings.warnings:
        click.echo(f"warning: {visible(warning)}", err=True)
