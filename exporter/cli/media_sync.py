"""`mastodon-remedy media sync`: which rows are meant, and how."""

from dataclasses import replace
from datetime import UTC, datetime

import click

from exporter.cli.arguments import Command, everywhere
from exporter.cli.media_filters import of_some_media, some_media
from exporter.cli.media_sync_run import FORMS, Manner, sync
from exporter.media.skipping import SkipBy

_MOMENTS = "2024-05-01, 2024-05-01T12:00 or 2024-05-01T12:00+09:00"


def _moment(_context: click.Context, _parameter: click.Parameter, text: str | None) -> datetime | None:
    try:
        moment = None if text is None else datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment is not None and moment.tzinfo else moment
    except (ValueError, OverflowError):
        raise click.BadParameter(f"must be a time such as {_MOMENTS}") from None


@click.command("sync", cls=Command)
@of_some_media
@click.option(
    "--since", metavar="TIME", callback=_moment,
    help="Only files that were written, or hidden, from then on; UTC unless it carries another zone.",
)  # fmt: skip
@click.option("--limit", metavar="N", type=click.IntRange(0), help="At most so many rows.")
@click.option("--offset", metavar="N", type=click.IntRange(0), default=0, help="Leave out the first rows.")
@click.option(
    "--skip-by", type=click.Choice([one.value for one in SkipBy]),
    help="How to tell what is there already: by the ledger of earlier runs, by listing the destination, or by asking "
    "for each object (default: the ledger, and a listing for what it does not know).",
)  # fmt: skip
@click.option("--refetch", is_flag=True, help="Ask the servers they came from for originals that are missing.")
@click.option("--strict", is_flag=True, help="End with 1 where objects are missing, too.")
@click.option("--dry-run", is_flag=True, help="Only tell how much there is to do; ask neither store.")
@click.option("--yes", is_flag=True, help="Do not ask, however much it is.")
@click.option("--format", "form", type=click.Choice(FORMS), default="text", show_default=True)
@everywhere
def sync_command(  # noqa: PLR0913 click hands over each option as an argument
    *,
    classes: tuple[str, ...],
    local_only: bool,
    remote_only: bool,
    since: datetime | None,
    limit: int | None,
    offset: int,
    skip_by: str | None,
    refetch: bool,
    strict: bool,
    dry_run: bool,
    yes: bool,
    form: str,
) -> int:
    """Copy every object that the database names to the destination, under the key that Mastodon will ask for.

    A run that was broken off is carried on by the same command; one over what is there already copies nothing. Ctrl-C
    ends it with all that it has done recorded, a second one at once. Objects that are nowhere are told of by `media
    missing`. Ends with 1 if an object could not be moved.

    \b
    Example: mastodon-remedy media sync --local-only
    """
    filters = some_media(classes, local_only=local_only, remote_only=remote_only)
    filters = replace(filters, since=since, limit=limit, offset=offset)
    choice = None if skip_by is None else SkipBy(skip_by)
    return sync(filters, Manner(choice, refetch, strict, dry_run, yes, form))
