"""Whom a server is about: the accounts whose inbox it takes, and their followers here."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from psycopg2.extensions import cursor

from exporter.mastodon.shape import Shape

# Mastodon delivers to the shared inbox where there is one. An account's own domain may be another than its inbox's.
_AUDIENCES = """
WITH reached AS MATERIALIZED (
    SELECT id, lower(split_part(split_part(coalesce(nullif(shared_inbox_url, ''), inbox_url), '/', 3), ':', 1)) AS host
    FROM accounts
    WHERE domain IS NOT NULL
)
SELECT reached.host, count(DISTINCT reached.id), count(DISTINCT followers.id)
FROM reached
LEFT JOIN follows ON follows.target_account_id = reached.id
LEFT JOIN accounts AS followers ON followers.id = follows.account_id AND followers.domain IS NULL
WHERE reached.host = ANY(%s)
GROUP BY reached.host
"""


@dataclass(frozen=True)
class Audience:
    """How many accounts there are, and how many of ours follow any of them."""

    accounts: int = 0
    followers: int = 0


def read_audiences(reading: cursor, shape: Shape, hosts: Collection[str]) -> Mapping[str, Audience]:
    """Return the audiences of hosts, of those that the database knows. It looks at every account once."""
    if not hosts or not shape.has("accounts", "inbox_url", "shared_inbox_url"):
        return {}
    reading.execute(_AUDIENCES, (list(hosts),))
    return {host: Audience(accounts, followers) for host, accounts, followers in reading.fetchall()}
