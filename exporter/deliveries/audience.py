"""Whom a server is about: the accounts whose inbox it takes, and their followers here."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from psycopg2.extensions import cursor

from exporter.mastodon.shape import Shape

# Mastodon delivers to the shared inbox where there is one. An account's own domain may be another than its inbox's.
# The hosts are joined, for PostgreSQL before 14 would compare each account with each host.
AUDIENCES = """
SELECT wanted.host, count(DISTINCT reached.id), count(DISTINCT followers.id)
FROM unnest(%s::text[]) AS wanted(host)
JOIN accounts AS reached ON reached.domain IS NOT NULL AND wanted.host = lower(
    split_part(split_part(coalesce(nullif(reached.shared_inbox_url, ''), reached.inbox_url), '/', 3), ':', 1)
)
LEFT JOIN follows ON follows.target_account_id = reached.id
LEFT JOIN accounts AS followers ON followers.id = follows.account_id AND followers.domain IS NULL
GROUP BY wanted.host
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
    reading.execute(AUDIENCES, (list(hosts),))
    return {host: Audience(accounts, followers) for host, accounts, followers in reading.fetchall()}
