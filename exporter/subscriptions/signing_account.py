"""Whose key signs what hubs are asked: that of the first local account, as with Mastodon from 1.5 on."""

from exporter.errors import DatabaseError
from exporter.mastodon.database import Database
from exporter.mastodon.shape import Shape
from exporter.mastodon.subscription_rules import is_not_suspended
from exporter.subscriptions.signature import Signer


def read_signer(database: Database, shape: Shape, domain: str) -> Signer:
    """Return who signs in the name of the server at `domain`; DatabaseError where no account has a key."""
    query = (
        "SELECT username, private_key FROM accounts"  # noqa: S608 - our own condition
        f" WHERE domain IS NULL AND private_key <> '' AND {is_not_suspended(shape)} ORDER BY id LIMIT 1"
    )
    with database.reading() as cursor:
        cursor.execute(query)
        found = cursor.fetchone()
    if found is None:
        raise DatabaseError("no local account has a key to sign with; write `subscriptions: {sign: false}`")
    name, private_key = found
    return Signer(f"acct:{name}@{domain}", private_key)
