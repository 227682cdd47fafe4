"""Writes docs/commands.md from the help texts of the two commands.

Run it with `make docs`; tests/test_documentation.py fails where the page is not what this writes.
"""

from collections.abc import Iterator
from pathlib import Path

import click

from exporter.cli.arguments import HELP_OPTIONS, WIDTH
from exporter.cli.remedy import remedy
from exporter.cli.watch import watch

PAGE = Path(__file__).parents[1] / "docs" / "commands.md"

_HEAD = """# Commands

This page is written from the help texts by `make docs`.

Exit codes: 0 it worked, 1 it failed (`check`: something is down), 2 it was used wrongly, 130 it was interrupted.
The options `--config`, `--log-level` and `--log-format` may stand before or after the name of a command.
"""


def page() -> str:
    """Return the whole page."""
    sections = [*_sections("mastodon-exporter", watch), *_sections("mastodon-remedy", remedy)]
    return "\n".join([_HEAD, *sections])


def _sections(name: str, command: click.Command, parent: click.Context | None = None) -> Iterator[str]:
    yield _section(name, command, parent)
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=name, parent=parent)
        for key in command.list_commands(context):
            subcommand = command.get_command(context, key)
            if subcommand is not None:
                yield from _sections(key, subcommand, context)


def _section(name: str, command: click.Command, parent: click.Context | None) -> str:
    context = click.Context(
        command, info_name=name, parent=parent, terminal_width=WIDTH, help_option_names=HELP_OPTIONS
    )
    return f"## {context.command_path}\n\n```\n{command.get_help(context)}\n```\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
