"""The shape of a Mastodon database: its tables and columns. They decide what a server can do, never its version.

Known are the shapes of Mastodon 1.1 to 4.6.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from psycopg2.extensions import cursor

from exporter.errors import UnknownShape

TABLES = (
    *("accounts", "account_stats", "follows", "subscriptions", "unavailable_domains", "schema_migrations"),
    *("status_pins", "users", "statuses", "scheduled_statuses", "ip_blocks", "pghero_space_stats"),
    *("media_attachments", "domain_blocks", "instances"),
    *("site_uploads", "preview_cards", "preview_card_providers", "imports"),
    # What came with a version that also changed which jobs are scheduled; see schedule.py.
    *("conversations", "session_activations", "custom_emojis", "backups", "account_summaries"),
    *("account_statuses_cleanup_policies", "status_trends", "software_updates", "notification_policies"),
    *("fasp_follow_recommendations", "collection_items"),
)
"""The tables that anything here asks for."""

_COLUMNS = """
SELECT relname, attname
FROM pg_class
JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
WHERE relname = ANY(%s) AND relkind IN ('r', 'p', 'v', 'm', 'f') AND pg_table_is_visible(pg_class.oid)
"""


@dataclass(frozen=True)
class Shape:
    """Columns by table; a table that is not there has no entry."""

    columns: Mapping[str, frozenset[str]]

    def has(self, table: str, *columns: str) -> bool:
        """Tell whether a table is there, with all these columns."""
        return table in self.columns and self.columns[table].issuperset(columns)

    @property
    def speaks_pubsubhubbub(self) -> bool:
        """Whether the server subscribes to hubs and is one itself: 1.0 to 2.9; the table was dropped with 3.0."""
        return self.has("subscriptions") and self.has("accounts", "hub_url", "secret", "subscription_expires_at")

    @property
    def asks_only_the_subscribed(self) -> bool:
        """Whether an account without an expiry is left alone by the server's own refresh: from 1.6 on (PR 4653)."""
        return self.has("status_pins")

    @property
    def soft_deletes_subscriptions(self) -> bool:
        """Whether subscriptions that were given up stay, with the time of that: a patch some servers have."""
        return self.has("subscriptions", "deleted_at")


def read_shape(reading: cursor) -> Shape:
    """Return the shape of a database; UnknownShape where it is not Mastodon's. No right on its tables is needed."""
    reading.execute(_COLUMNS, (list(TABLES),))
    columns: dict[str, set[str]] = {}
    for table, column in reading.fetchall():
        columns.setdefault(table, set()).add(column)
    shape = Shape({table: frozenset(names) for table, names in columns.items()})
    if not shape.has("accounts", "username", "domain") or not shape.has("follows", "target_account_id"):
        raise UnknownShape(
            "this is not a database of Mastodon: it has no `accounts` and `follows` as Mastodon has them,"
            " or they are in a schema that this role may not use"
        )
    return shape
