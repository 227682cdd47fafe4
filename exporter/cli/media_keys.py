"""`mastodon-remedy media keys`: the keys of all objects, for programs that copy by a list."""

import sys
from collections.abc import Iterable
from itertools import islice

import click

from exporter.cli.arguments import Command, everywhere
from exporter.cli.media_filters import of_some_media, some_media
from exporter.cli.media_reader import media_reader, searched
from exporter.cli.media_setup import media_setup
from exporter.media.keys import keys_asked_for, keys_at_source
from exporter.media.plan import Plan
from exporter.media.whereabouts import Whereabouts

_AT_ONCE = 1000


@click.command("keys", cls=Command)
@click.option("--source", "at_source", is_flag=True, help="The keys under which the objects lie at the source now.")
@of_some_media
@everywhere
def keys_command(*, at_source: bool, classes: tuple[str, ...], local_only: bool, remote_only: bool) -> int:
    """Write the keys of all objects that the database names, one a line, for rclone or s5cmd.

    They are those that Mastodon will ask the destination for, with its `prefix`; no store is asked. With --source the
    source is asked, and what it does not have is left out; what lies there under another key than Mastodon's will
    stay out of Mastodon's sight when it is copied by that list, which `media sync` puts right.

    \b
    Example: mastodon-remedy media keys --source > keys.txt; rclone copy --files-from-raw keys.txt old:media new:media
    """
    filters = some_media(classes, local_only=local_only, remote_only=remote_only)
    with media_setup("keys") as setup:
        pages = Plan(setup.database, setup.shape, filters).pages()
        if not at_source:
            _write(keys_asked_for(pages, setup.stores.destination.prefix))
            return 0
        with media_reader(setup) as reader:
            source = Whereabouts(searched(reader.source(), setup.stores.source), ask_each=reader.workers.map)
            _write(keys_at_source(pages, lambda objects: reader.both_sides.submit(source.find, objects).result()))
    return 0


def _write(keys: Iterable[str]) -> None:
    """Write keys as the bytes that they are in the store."""
    remaining, left_out = iter(keys), 0
    while batch := [key.encode(errors="surrogateescape") for key in islice(remaining, _AT_ONCE)]:
        lines = [key for key in batch if b"\n" not in key and b"\r" not in key]
        left_out += len(batch) - len(lines)
        sys.stdout.buffer.write(b"".join(key + b"\n" for key in lines))
    sys.stdout.buffer.flush()
    if left_out:
        click.echo(f"mastodon-remedy: {left_out} keys are left out, for they have line breaks in them", err=True)
