"""Which rows of a backup are missing in the database and may come back, judged inside the database.

The rows lie in temporary tables, which end with the transaction: `staged_subscriptions` as they were backed up,
`judged_subscriptions` with a reason for each that stays out.
"""

from collections.abc import Iterable
from itertools import islice

from psycopg2.extensions import cursor

from exporter.mastodon.shape import Shape
from exporter.mastodon.subscription_rules import NOW
from exporter.subscriptions.backup import Progress
from exporter.subscriptions.backup_row import HIGHEST_ID, BackupRow
from exporter.subscriptions.hub_table import is_live

ROWS_A_PAGE = 1000
HIGHEST_INTEGER_ID = 2**30
"""Where ids are of four bytes, as they were before 2.0: half of what they can be, for others must still come after."""

_STAGE_TABLE = """
CREATE TEMPORARY TABLE staged_subscriptions (
    id bigint PRIMARY KEY, account_id bigint NOT NULL, callback_url text NOT NULL, account_username text,
    expires_at timestamp, was_deleted boolean NOT NULL, content json NOT NULL
) ON COMMIT DROP
"""
_STAGE = """
INSERT INTO staged_subscriptions
SELECT entry.id, field.account_id, field.callback_url, field.account_username, field.expires_at,
    field.deleted_at IS NOT NULL, entry.content
FROM json_to_recordset(%s::json) AS entry(id bigint, content json),
    LATERAL json_to_record(entry.content) AS field(
        account_id bigint, callback_url text, account_username text, expires_at timestamp, deleted_at text
    )
"""
_ID_TYPE = (
    "SELECT format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = 'subscriptions'::regclass AND attname = 'id'"
)


def stage(writing: cursor, rows: Iterable[BackupRow], progress: Progress) -> None:
    """Put the rows of a backup into the database, where this transaction alone sees them."""
    writing.execute(_STAGE_TABLE)
    remaining = iter(rows)
    while page := list(islice(remaining, ROWS_A_PAGE)):
        entries = ",".join(f'{{"id": {row.subscription_id}, "content": {row.content}}}' for row in page)
        writing.execute(_STAGE, (f"[{entries}]",))
        progress(len(page))
    writing.execute("ANALYZE staged_subscriptions")


def judge(writing: cursor, shape: Shape) -> None:
    """Judge what was staged: NULL as the reason lets a row come back, under its old id where `keeps_id`.

    Of several that may come back for one callback and account, the one that was confirmed last does: a
    confirmation sets both the secret and the expiry.
    """
    writing.execute(_ID_TYPE)
    ((id_type,),) = writing.fetchall()
    highest_id = HIGHEST_INTEGER_ID if id_type == "integer" else HIGHEST_ID
    writing.execute(
        f"""
        CREATE TEMPORARY TABLE judged_subscriptions ON COMMIT DROP AS
        SELECT id, account_id, callback_url, keeps_id, NULL::bigint AS new_id,
            CASE WHEN reason IS NULL AND place > 1 THEN 'superseded' ELSE reason END AS reason
        FROM (
            SELECT *, row_number() OVER (
                PARTITION BY account_id, callback_url, reason IS NULL ORDER BY expires_at DESC, id DESC
            ) AS place
            FROM ({_first_look(shape)}) AS first_look
        ) AS ranked
        """,  # noqa: S608 - our own words
        {"highest_id": highest_id},
    )
    writing.execute("ALTER TABLE judged_subscriptions ADD PRIMARY KEY (id)")
    writing.execute("ANALYZE judged_subscriptions")


def _first_look(shape: Shape) -> str:
    same = "same.account_id = staged.account_id AND same.callback_url = staged.callback_url"
    return f"""
        SELECT staged.id, staged.account_id, staged.callback_url, staged.expires_at,
            same.id IS NULL AND staged.id <= %(highest_id)s AS keeps_id,
            CASE
                WHEN {same} AND {is_live(shape, "same")} THEN 'present'
                WHEN {same} THEN 'soft_deleted'
                WHEN staged.was_deleted THEN 'deleted_in_backup'
                WHEN {_exists(is_live(shape, "other"))} THEN 'replaced'
                WHEN staged.expires_at IS NULL OR staged.expires_at <= {NOW} THEN 'expired'
                WHEN staged.callback_url !~* '^https?://[^/?#]' THEN 'callback'
                WHEN accounts.id IS NULL THEN 'no_account'
                WHEN accounts.username <> staged.account_username THEN 'other_account'
                WHEN {_exists(f"other.confirmed AND other.expires_at > {NOW}")} THEN 'soft_deleted'
            END AS reason
        FROM staged_subscriptions AS staged
        LEFT JOIN subscriptions AS same ON same.id = staged.id
        LEFT JOIN accounts ON accounts.id = staged.account_id
    """  # noqa: S608 - our own words


def _exists(condition: str) -> str:
    return f"""EXISTS (
        SELECT 1 FROM subscriptions AS other WHERE other.account_id = staged.account_id
        AND other.callback_url = staged.callback_url AND {condition}
    )"""  # noqa: S608 - our own words
