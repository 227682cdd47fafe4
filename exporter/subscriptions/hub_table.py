"""The table `subscriptions`: who is told of our posts. Servers from 3.0 on have none."""

from psycopg2.errors import LockNotAvailable
from psycopg2.extensions import cursor

from exporter.errors import DatabaseError, UnknownShape
from exporter.mastodon.shape import Shape, read_shape

NEEDED_COLUMNS = ("id", "account_id", "callback_url", "expires_at", "confirmed")
LOCK_TIMEOUT_SECONDS = 10

_NO_TABLE = (
    "this server has no table `subscriptions`: from Mastodon 3.0 on there is no PubSubHubbub,"
    " and nothing to back up or to bring back"
)
_NOT_OURS = "the table `subscriptions` is not one of Mastodon: it lacks {}"


def read_hub_shape(reading: cursor) -> Shape:
    """Return the shape of a database that has subscriptions; DatabaseError where it has none."""
    shape = read_shape(reading)
    if not shape.has("subscriptions"):
        raise DatabaseError(_NO_TABLE)
    missing = [name for name in NEEDED_COLUMNS if not shape.has("subscriptions", name)]
    if missing:
        raise UnknownShape(_NOT_OURS.format(", ".join(missing)))
    return shape


def see_what_others_commit(writing: cursor) -> None:
    """Let each statement of a transaction see what is committed by then; to be called before any other.

    It is the usual way, but a role or a database may have been given another; and what was read before a lock was
    got would then still be believed after it.
    """
    writing.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")


def lock_table(writing: cursor, shape: Shape) -> None:
    """Let nobody write the table until the transaction ends; DatabaseError if others do not let go of it.

    Mastodon asks in one transaction whether there is such a subscription, and adds it if not. Where a unique index
    catches what was added in between, it is enough to keep others from writing. With soft deletion there is no such
    index, so those who have asked must be waited for as well.
    """
    mode = "ACCESS EXCLUSIVE" if shape.soft_deletes_subscriptions else "SHARE ROW EXCLUSIVE"
    writing.execute("SET LOCAL lock_timeout = %s", (LOCK_TIMEOUT_SECONDS * 1000,))
    try:
        writing.execute(f"LOCK TABLE subscriptions IN {mode} MODE")
    except LockNotAvailable as error:
        raise DatabaseError(
            f"others held the table `subscriptions` for {LOCK_TIMEOUT_SECONDS} s, so nothing was changed; "
            "try again once the long transaction (a dump of the database?) has ended"
        ) from error


def is_live(shape: Shape, table: str) -> str:
    """Return the condition that a row, of the table or of an alias of it, is not soft-deleted."""
    return f"{table}.deleted_at IS NULL" if shape.soft_deletes_subscriptions else "true"
