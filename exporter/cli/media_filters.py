"""Options that name a part of the media."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from exporter.mastodon.attachments import MediaClass
from exporter.media.plan import Filters, Part

_Decorated = TypeVar("_Decorated", bound=Callable[..., Any])


def of_some_media(command: _Decorated) -> _Decorated:
    """Give a command --only, --local-only and --remote-only."""
    options = (
        click.option(
            "--only", "classes", metavar="CLASS", multiple=True, type=click.Choice([one.value for one in MediaClass]),
            help="Only this table; repeatable: " + ", ".join(MediaClass) + ".",
        ),
        click.option("--local-only", is_flag=True, help="Only the media of this server's own users, and of its pages."),
        click.option("--remote-only", is_flag=True, help="Only copies of what other servers have."),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def some_media(classes: tuple[str, ...], *, local_only: bool, remote_only: bool) -> Filters:
    """Return what those options mean. Raises UsageError where they leave nothing."""
    if local_only and remote_only:
        raise click.UsageError("--local-only and --remote-only leave nothing")
    part = Part.LOCAL if local_only else Part.REMOTE if remote_only else Part.ALL
    return Filters(frozenset(map(MediaClass, classes)), part)
