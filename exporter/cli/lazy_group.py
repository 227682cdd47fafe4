"""Groups whose commands are imported when they are called: reading a log must not wait for a database driver."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click


class LazyGroup(click.Group):
    """A group that also has the commands that `lazy_commands` names, as `module:attribute`."""

    def __init__(self, *arguments: Any, lazy_commands: Mapping[str, str], **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._lazy_commands = lazy_commands

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, sorted."""
        return sorted({*super().list_commands(ctx), *self._lazy_commands})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, imported now if it was not yet; None where there is none of that name."""
        place = self._lazy_commands.get(cmd_name)
        if place is None:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = place.partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command
