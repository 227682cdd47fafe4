"""Bringing back subscriptions from a backup: those that are missing, and of those only what still holds."""

from psycopg2 import sql
from psycopg2.extensions import cursor

from exporter.errors import UnknownShape
from exporter.mastodon.database import Database
from exporter.mastodon.shape import Shape
from exporter.subscriptions.backup import Progress
from exporter.subscriptions.backup_file import BackupFile
from exporter.subscriptions.hub_table import lock_table, read_hub_shape, see_what_others_commit
from exporter.subscriptions.restore_plan import judge, stage
from exporter.subscriptions.row_outcome import Outcomes, read_outcomes

_SEQUENCE = "SELECT pg_get_serial_sequence('subscriptions', 'id')"
_RAISE_SEQUENCE = """
SELECT setval(%s::regclass, kept.highest_id)
FROM (SELECT max(id) AS highest_id FROM judged_subscriptions WHERE reason IS NULL AND keeps_id) AS kept,
    {} AS sequence
WHERE kept.highest_id >= sequence.last_value
"""
_NEW_IDS = "UPDATE judged_subscriptions SET new_id = nextval(%s::regclass) WHERE reason IS NULL AND NOT keeps_id"
_INSERT = """
INSERT INTO subscriptions (id, {columns})
SELECT coalesce(judged.new_id, judged.id), {values}
FROM judged_subscriptions AS judged JOIN staged_subscriptions AS staged USING (id),
    LATERAL json_populate_record(NULL::subscriptions, staged.content) AS backed_up
WHERE judged.reason IS NULL
"""


def plan_restore(database: Database, file: BackupFile, progress: Progress) -> Outcomes:
    """Return what `restore` would do with each row of a backup; nothing is changed, and nobody has to wait.

    Raises BackupError and DatabaseError.
    """
    with database.writing() as writing:
        see_what_others_commit(writing)
        shape = read_hub_shape(writing)
        stage(writing, file.rows(), progress)
        judge(writing, shape)
        return _outcomes(writing, file, shape)


def restore(database: Database, file: BackupFile, progress: Progress) -> Outcomes:
    """Bring back, all or none, the rows of a backup that are missing, still hold, and whose account exists.

    A row that is there is never changed. Others have to wait only while the rows are compared and added.
    Raises BackupError and DatabaseError; then nothing is changed.
    """
    with database.writing() as writing:
        see_what_others_commit(writing)
        shape = read_hub_shape(writing)
        stage(writing, file.rows(), progress)
        lock_table(writing, shape)
        judge(writing, shape)
        _give_ids(writing)
        _insert(writing, _shared_columns(file, shape))
        return _outcomes(writing, file, shape)


def _give_ids(writing: cursor) -> None:
    """See to it that no id that is kept is given out again, and give new ones to the rest."""
    writing.execute(_SEQUENCE)
    ((sequence,),) = writing.fetchall()
    if sequence is None:
        raise UnknownShape(
            "the table `subscriptions` has no sequence for its ids, as Mastodon's has; nothing was changed"
        )
    # Its name comes quoted from the database.
    writing.execute(sql.SQL(_RAISE_SEQUENCE).format(sql.SQL(sequence)), (sequence,))
    writing.execute(_NEW_IDS, (sequence,))


def _insert(writing: cursor, columns: list[str]) -> None:
    names = [sql.Identifier(name) for name in columns]
    values = [sql.Identifier("backed_up", name) for name in columns]
    comma = sql.SQL(", ")
    writing.execute(sql.SQL(_INSERT).format(columns=comma.join(names), values=comma.join(values)))


def _shared_columns(file: BackupFile, shape: Shape) -> list[str]:
    return [name for name in file.header.columns if name != "id" and shape.has("subscriptions", name)]


def _outcomes(writing: cursor, file: BackupFile, shape: Shape) -> Outcomes:
    outcomes = read_outcomes(writing)
    columns = shape.columns["subscriptions"]
    left_out = [name for name in file.header.columns if name not in columns]
    missing = sorted(columns.difference(file.header.columns))
    if left_out:
        outcomes.notes.append(
            f"the database lacks these columns of the backup, which are left out: {', '.join(left_out)}"
        )
    if missing:
        outcomes.notes.append(f"the backup lacks these columns, which get their defaults: {', '.join(missing)}")
    return outcomes
