"""Rows of a Mastodon database for the tests, of whatever version the database is.

Each function takes the URL of a database, or a cursor (for many rows at once), and the columns that matter
to the test; the rest is what Mastodon would have written. A default whose column is not there is left out.
"""

import itertools
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import cursor

Target = str | cursor

_ACTIVITYPUB = 1
_NUMBERS = itertools.count(1)
_COLUMNS = "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped"


def now() -> datetime:
    """Return this moment as Rails keeps it: UTC without a time zone."""
    return datetime.now(UTC).replace(tzinfo=None)


def in_days(days: float) -> datetime:
    """Return the moment in so many days, or before so many where it is negative, as Rails keeps it."""
    return now() + timedelta(days=days)


def add_account(target: Target, **columns: object) -> int:
    """Add an account and return its id: a local one, or, with `domain`, one of another Mastodon of that age."""
    name = columns.setdefault("username", f"user{next(_NUMBERS)}")
    domain = columns.get("domain")
    return _insert(target, "accounts", columns, {} if domain is None else _remote(str(name), str(domain)))


def add_remote_account(target: Target, domain: str = "remote.example", **columns: object) -> int:
    """Add an account of another server and return its id."""
    return add_account(target, domain=domain, **columns)


def add_follow(target: Target, follower_id: int, followed_id: int, **columns: object) -> int:
    """Let an account follow another, and return the id of the row."""
    return _insert(target, "follows", {"account_id": follower_id, "target_account_id": followed_id, **columns})


def add_followed_account(target: Target, domain: str = "remote.example", **columns: object) -> int:
    """Add an account of another server, and one of ours that follows it; return the id of the first."""
    followed = add_remote_account(target, domain, **columns)
    add_follow(target, add_account(target), followed)
    return followed


def add_subscription(target: Target, account_id: int, **columns: object) -> int:
    """Add a subscription of another server to an account of ours, by default one that lives; return its id."""
    callback = f"https://subscriber.example/api/subscriptions/{next(_NUMBERS)}"
    defaults = {"callback_url": callback, "secret": "0f" * 16, "confirmed": True, "expires_at": in_days(7)}
    return _insert(target, "subscriptions", {"account_id": account_id, **columns}, defaults)


def add_unavailable_domain(target: Target, domain: str, **columns: object) -> int:
    """Add a server that was given up, and return the id of the row."""
    return _insert(target, "unavailable_domains", {"domain": domain, **columns})


def add_user(target: Target, account_id: int, **columns: object) -> int:
    """Add the user of a local account, by default one who has confirmed the address; return its id."""
    defaults = {"email": f"user{next(_NUMBERS)}@qdon.example", "confirmed_at": now(), "confirmation_sent_at": now()}
    return _insert(target, "users", {"account_id": account_id, **columns}, defaults)


def add_media(target: Target, file_name: str | None = "0123456789abcdef.jpeg", **columns: object) -> int:
    """Add a media attachment, by default a local JPEG without a post, and return its id."""
    return add_file(target, "media_attachments", "file", file_name, **columns)


def add_file(target: Target, table: str, attachment: str, file_name: str | None, **columns: object) -> int:
    """Add a row with a file, written just now by the newest rules of that version, and return its id."""
    defaults = {
        f"{attachment}_content_type": "image/jpeg",
        f"{attachment}_file_size": 20_000,
        f"{attachment}_updated_at": now(),
        f"{attachment}_storage_schema_version": 1,
        "shortcode": f"smile{next(_NUMBERS)}" if table == "custom_emojis" else None,
        "url": f"https://news.example/{next(_NUMBERS)}",
        "account_id": 1 if table == "imports" else None,
        "type": 0,
    }
    return _insert(target, table, {f"{attachment}_file_name": file_name, **columns}, defaults)


def add_row(target: Target, table: str, **columns: object) -> int:
    """Add a row of any other table, and return its id."""
    return _insert(target, table, columns)


def _remote(name: str, domain: str) -> dict[str, object]:
    actor = f"https://{domain}/users/{name}"
    return {
        "uri": actor,
        "url": f"https://{domain}/@{name}",
        "remote_url": f"{actor}.atom",
        "salmon_url": f"https://{domain}/api/salmon/1",
        "hub_url": f"https://{domain}/api/push",
        "inbox_url": f"{actor}/inbox",
        "shared_inbox_url": f"https://{domain}/inbox",
        "protocol": _ACTIVITYPUB,
    }


def _insert(target: Target, table: str, columns: dict[str, object], defaults: dict[str, object] | None = None) -> int:
    with _cursor(target) as writing:
        values = _usual(_columns(writing, table), defaults or {}) | columns
        statement = sql.SQL("INSERT INTO {} ({}) VALUES ({}) RETURNING id").format(
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, values)),
            sql.SQL(", ").join(sql.Placeholder() * len(values)),
        )
        writing.execute(statement, list(values.values()))
        ((identifier,),) = writing.fetchall()
        return int(identifier)


def _columns(reading: cursor, table: str) -> set[str]:
    reading.execute(_COLUMNS, (table,))
    return {name for (name,) in reading.fetchall()}


def _usual(known: set[str], defaults: dict[str, object]) -> dict[str, object]:
    # Where there are hubs, the tests are about them: an account is of ActivityPub where it says so.
    left_out = {"inbox_url", "shared_inbox_url", "protocol"} if "hub_url" in known else set()
    usual = {"created_at": now(), "updated_at": now(), **defaults}
    return {name: value for name, value in usual.items() if name in known - left_out}


@contextmanager
def _cursor(target: Target) -> Iterator[cursor]:
    if not isinstance(target, str):
        yield target
        return
    with closing(psycopg2.connect(target)) as connection, connection, connection.cursor() as opened:
        yield opened
