"""Bringing back subscriptions that were soft-deleted, on servers that have the patch for it."""

from psycopg2.extensions import cursor

from exporter.errors import DatabaseError
from exporter.mastodon.database import Database
from exporter.mastodon.shape import Shape
from exporter.mastodon.subscription_rules import NOW
from exporter.subscriptions.hub_table import lock_table, read_hub_shape, see_what_others_commit
from exporter.subscriptions.row_outcome import Outcomes, read_outcomes

_NO_SOFT_DELETION = (
    "this server's table `subscriptions` has no column `deleted_at`: a subscription that was given up is gone there,"
    " and there is nothing to undelete; `mastodon-remedy subscriptions restore` takes it from a backup"
)

# Of several of one callback and account, the one that was confirmed and lived last holds the secret that the
# subscriber knows now, even where it has ended since: an older one would sign with a secret nobody believes.
_JUDGE = f"""
CREATE TEMPORARY TABLE judged_subscriptions ON COMMIT DROP AS
SELECT deleted.id, deleted.account_id, deleted.callback_url, true AS keeps_id, NULL::bigint AS new_id,
    CASE
        WHEN EXISTS (
            SELECT 1 FROM subscriptions AS live WHERE live.account_id = deleted.account_id
            AND live.callback_url = deleted.callback_url AND live.deleted_at IS NULL
        ) THEN 'replaced'
        WHEN NOT deleted.confirmed THEN 'unconfirmed'
        WHEN deleted.place > 1 THEN 'superseded'
        WHEN deleted.expires_at IS NULL OR deleted.expires_at <= {NOW} THEN 'expired'
        WHEN accounts.id IS NULL THEN 'no_account'
    END AS reason
FROM (
    SELECT id, account_id, callback_url, confirmed, expires_at, row_number() OVER (
        PARTITION BY account_id, callback_url ORDER BY confirmed DESC, deleted_at DESC, id DESC
    ) AS place
    FROM subscriptions WHERE deleted_at IS NOT NULL
) AS deleted
LEFT JOIN accounts ON accounts.id = deleted.account_id
"""  # noqa: S608 - our own words
_INDEX = "ALTER TABLE judged_subscriptions ADD PRIMARY KEY (id)"
_UNDELETE = """
UPDATE subscriptions SET deleted_at = NULL FROM judged_subscriptions AS judged
WHERE judged.id = subscriptions.id AND judged.reason IS NULL
"""


def plan_undelete(database: Database) -> Outcomes:
    """Return what `undelete` would do with each soft-deleted row; nothing is changed, and nobody has to wait.

    Raises DatabaseError, also where the server does not soft-delete.
    """
    with database.writing() as writing:
        see_what_others_commit(writing)
        _need_soft_deletion(writing)
        _judge(writing)
        return read_outcomes(writing)


def undelete(database: Database) -> Outcomes:
    """Bring back, all or none, each soft-deleted row that still holds and that nothing has taken the place of.

    Raises DatabaseError, also where the server does not soft-delete; then nothing is changed.
    """
    with database.writing() as writing:
        see_what_others_commit(writing)
        lock_table(writing, _need_soft_deletion(writing))
        _judge(writing)
        writing.execute(_UNDELETE)
        return read_outcomes(writing)


def _need_soft_deletion(reading: cursor) -> Shape:
    shape = read_hub_shape(reading)
    if not shape.soft_deletes_subscriptions:
        raise DatabaseError(_NO_SOFT_DELETION)
    return shape


def _judge(writing: cursor) -> None:
    writing.execute(_JUDGE)
    writing.execute(_INDEX)
