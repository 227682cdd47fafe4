"""Which remote accounts a server should be subscribed to, by the rule of its own version, as SQL.

To 1.5 an account without an expiry is due, from 1.6 on it is left alone (Mastodon's scope `Account.expiring`).
A local follower is looked for in `follows`, for from 1.6.1 on `accounts.followers_count` counts others too.
"""

from exporter.mastodon.shape import Shape

NOW = "(now() AT TIME ZONE 'UTC')"
"""Rails keeps times in UTC, without a time zone."""


def is_remote_with_hub(shape: Shape) -> str:
    """Return the condition on `accounts` that an account can be asked for: remote, with a hub, not by ActivityPub."""
    conditions = ["accounts.domain IS NOT NULL", "accounts.hub_url <> ''", is_not_suspended(shape)]
    if shape.has("accounts", "protocol"):
        conditions.append("accounts.protocol = 0")
    return " AND ".join(conditions)


def is_not_suspended(shape: Shape) -> str:
    """Return the condition that an account is not suspended: a time from 2.9 on, a switch before."""
    return "accounts.suspended_at IS NULL" if shape.has("accounts", "suspended_at") else "NOT accounts.suspended"


def has_local_follower() -> str:
    """Return the condition that somebody here follows an account."""
    return (
        "EXISTS (SELECT 1 FROM follows JOIN accounts AS followers ON followers.id = follows.account_id"
        " WHERE follows.target_account_id = accounts.id AND followers.domain IS NULL)"
    )


def is_expected(shape: Shape) -> str:
    """Return the condition that the server should be subscribed to an account."""
    conditions = [is_remote_with_hub(shape), has_local_follower()]
    if shape.asks_only_the_subscribed:
        conditions.append("accounts.subscription_expires_at IS NOT NULL")
    return " AND ".join(conditions)


def is_overdue(shape: Shape) -> str:
    """Return the condition, beside `is_expected`, that a subscription has ended; of none at all to 1.5 too."""
    ended = f"accounts.subscription_expires_at < {NOW}"
    return ended if shape.asks_only_the_subscribed else f"({ended} OR accounts.subscription_expires_at IS NULL)"


def is_expiring() -> str:
    """Return the condition, beside `is_expected`, that a subscription ends within a day and has not yet."""
    return f"accounts.subscription_expires_at >= {NOW} AND accounts.subscription_expires_at < {NOW} + interval '1 day'"
