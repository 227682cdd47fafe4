"""What Mastodon's version decides about media beyond the columns of its database, and whose media it does not want."""

from collections.abc import Mapping
from dataclasses import dataclass

from psycopg2.extensions import cursor

from exporter.mastodon.attachment_styles import StyleRules
from exporter.mastodon.senders import domain_name
from exporter.mastodon.shape import Shape

# The schema that Mastodon had when it began to hide the files of deleted posts.
_HIDES_DELETED_SINCE = "20250605110215"
_MAY_READ_MIGRATIONS = "SELECT has_column_privilege('schema_migrations', 'version', 'SELECT')"
_NEWEST_MIGRATION = "SELECT max(version) FILTER (WHERE version ~ '^[0-9]{14}$') FROM schema_migrations"

_SUSPENDED = 1
_BLOCKS = f"SELECT domain, coalesce(reject_media, false) OR coalesce(severity, 0) = {_SUSPENDED} FROM domain_blocks"  # noqa: S608 - our own number


@dataclass(frozen=True)
class MediaRules:
    """The rules of one server. `hides_deleted_posts`: nobody may see the media of posts that moderators deleted.

    `has_encoding` False: the database does not know in which encoding its texts are.
    """

    styles: StyleRules
    hides_deleted_posts: bool
    has_encoding: bool = True


class RejectedDomains:
    """The servers whose media this one does not want, by its domain blocks: the block that fits best decides."""

    def __init__(self, rejects: Mapping[str, bool]) -> None:
        self._rejects = {_normal(domain): is_rejected for domain, is_rejected in rejects.items()}

    def __contains__(self, domain: object) -> bool:
        labels = _normal(str(domain)).split(".")
        names = (".".join(labels[start:]) for start in range(len(labels)))
        return next((self._rejects[name] for name in names if name in self._rejects), False)


def read_rules(reading: cursor, shape: Shape) -> MediaRules:
    """Return the rules of the server that has this database."""
    styles = StyleRules(
        gif_previews_are_png=shape.has("accounts", "suspended_at"),  # came with 2.9, the rule with 2.9.1
        thumbnail_has_sizes=shape.has("site_uploads", "blurhash"),
        avif_previews_are_jpeg=shape.has("software_updates"),  # 4.2
    )
    reading.execute("SHOW server_encoding")
    ((encoding,),) = reading.fetchall()
    return MediaRules(styles, _hides_deleted_posts(reading, shape), has_encoding=encoding != "SQL_ASCII")


def read_rejected_domains(reading: cursor, shape: Shape) -> RejectedDomains:
    """Return whose media are not wanted: of servers whose media are rejected, or which are suspended."""
    if not shape.has("domain_blocks", "domain", "reject_media", "severity"):
        return RejectedDomains({})
    reading.execute(_BLOCKS)
    return RejectedDomains(dict(reading.fetchall()))


def _hides_deleted_posts(reading: cursor, shape: Shape) -> bool:
    """Return whether it does, which it has since 4.4 (#34872); where its version cannot be told, true."""
    if not shape.has("statuses", "deleted_at"):
        return False
    if shape.has("fasp_follow_recommendations"):  # 4.4
        return True
    newest = _newest_migration(reading) if shape.has("schema_migrations", "version") else None
    return newest is None or newest >= _HIDES_DELETED_SINCE


def _newest_migration(reading: cursor) -> str | None:
    reading.execute(_MAY_READ_MIGRATIONS)
    if reading.fetchall() != [(True,)]:
        return None
    reading.execute(_NEWEST_MIGRATION)
    ((newest,),) = reading.fetchall()
    return None if newest is None else str(newest)


def _normal(domain: str) -> str:
    return domain_name(domain) or domain.lower()
