"""Options that every command takes, before or after its name."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from exporter import __version__, logs
from exporter.config import Config, config_from_flags, read_config

HELP_OPTIONS = ["-h", "--help"]
WIDTH = 100
CONTEXT_SETTINGS = {"help_option_names": HELP_OPTIONS, "max_content_width": WIDTH}
LEVELS = ("debug", "info", "warning", "error")
_KEPT = "exporter.cli.arguments."
_Decorated = TypeVar("_Decorated", bound=Callable[..., Any])


def _keep(context: click.Context, parameter: click.Parameter, value: object) -> None:
    if value is not None:
        context.meta[_KEPT + str(parameter.name)] = value


def _kept(name: str) -> Any:
    return click.get_current_context().meta.get(_KEPT + name)


def everywhere(command: _Decorated) -> _Decorated:
    """Give a command, or a group, the options that stand before or after the name; the later one holds."""
    options = (
        click.option(
            "-c", "--config", type=click.Path(path_type=Path), callback=_keep, expose_value=False,
            help="The configuration, a YAML file; else MASTODON_EXPORTER_CONFIG names it.",
        ),
        click.option(
            "--log-level", type=click.Choice(LEVELS), callback=_keep, expose_value=False,
            help="What is written to standard error (default: info).",
        ),
        click.option(
            "--log-format", type=click.Choice(logs.FORMATS), callback=_keep, expose_value=False,
            help="How it is written (default: text on a terminal, else JSON).",
        ),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


version_option = click.version_option(__version__, message="%(prog)s %(version)s")


class Command(click.Command):
    """A command that sets logging up before it runs."""

    def invoke(self, context: click.Context) -> Any:
        """Run the command."""
        logs.configure(_kept("log_level") or "info", _kept("log_format"))
        return super().invoke(context)


def config_path() -> Path | None:
    """Return the configuration file that was named, or None."""
    named = _kept("config") or os.environ.get("MASTODON_EXPORTER_CONFIG")
    return Path(named) if named else None


def read_named_config() -> Config | None:
    """Return the configuration of the file that was named, or None where none was; ConfigError if it is wrong."""
    return _read(config_path())


def load_config(
    path: Path | None, instances: tuple[str, ...], listen: str | None, access_logs: tuple[str, ...] = ()
) -> Config:
    """Return the configuration of a file, if there is one, with what the command line adds; or raise ConfigError."""
    return config_from_flags(_read(path), instances=instances, listen=listen, access_logs=access_logs)


def _read(path: Path | None) -> Config | None:
    return read_config(path, instances_required=False) if path else None
