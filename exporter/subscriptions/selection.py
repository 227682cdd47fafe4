"""Which accounts are meant, and why one of them is not asked: the server's own rules, asked of its database."""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from hashlib import sha256
from itertools import islice
from typing import Any

from exporter.mastodon.broken_connection import outlast
from exporter.mastodon.database import Database
from exporter.mastodon.shape import Shape
from exporter.mastodon.subscription_rules import (
    has_local_follower,
    is_expected,
    is_not_suspended,
    is_overdue,
    is_remote_with_hub,
)

PAGE_SIZE = 10_000
IDS_AT_ONCE = 1000

_FOLLOWED = """
    SELECT DISTINCT follows.target_account_id FROM follows
    JOIN accounts AS followers ON followers.id = follows.account_id WHERE followers.domain IS NULL ORDER BY 1
"""


class Form(StrEnum):
    """How accounts are chosen."""

    IDS = "ids"
    FROM_LOG = "from_log"
    BROKEN = "broken"
    OVERDUE = "overdue"
    PENDING = "pending"
    ALL = "all"


@dataclass(frozen=True)
class Selection:
    """What was chosen; `account_ids` where the form names them, `names` the logs they were found in."""

    form: Form
    account_ids: tuple[int, ...] = ()
    names: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The same for two runs of which the second carries on the first."""
        named = self.account_ids if self.form is Form.IDS else self.names
        digest = sha256("\n".join(sorted(map(str, set(named)))).encode()).hexdigest()
        return f"{self.form} {digest}"

    @property
    def keeps_only_the_expected(self) -> bool:
        """Whether an account is left out that the server would not subscribe to by itself."""
        return self.form in (Form.FROM_LOG, Form.BROKEN)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An account that was chosen. `why_not`: the reason why it is not asked, None where it is."""

    account_id: int
    domain: str = ""
    hub_url: str = ""
    topic: str = ""
    why_not: str | None = None


class Candidates:
    """The accounts of a server that subscribes to hubs. Every method raises DatabaseError."""

    def __init__(self, database: Database, shape: Shape) -> None:
        self._database = database
        self._shape = shape

    def chosen(self, selection: Selection) -> Iterator[Candidate]:
        """Yield the accounts of a selection by id, in pages of bounded size."""
        if selection.form is Form.ALL:
            yield from self._listed(self._expected_if_followed())
        elif selection.form is Form.OVERDUE:
            yield from self._listed(f"{self._expected_if_followed()} AND {is_overdue(self._shape)}")
        else:
            for ids in _chunks(sorted(set(selection.account_ids))):
                found = self.read(ids, expected_only=selection.keeps_only_the_expected)
                yield from (found[account_id] for account_id in ids)

    def read(self, account_ids: Sequence[int], *, expected_only: bool = False) -> Mapping[int, Candidate]:
        """Return these accounts as they are now, each of them, whether it exists or not."""
        rows = outlast(partial(self._rows, list(account_ids)))
        return {one: _judged(one, rows.get(one), expected_only=expected_only) for one in account_ids}

    def _rows(self, account_ids: list[int]) -> Mapping[int, tuple[Any, ...]]:
        with self._database.reading() as cursor:
            cursor.execute(self._query_by_id(), (account_ids,))
            return {row[0]: row for row in cursor.fetchall()}

    def _listed(self, condition: str) -> Iterator[Candidate]:
        query = (
            "SELECT id, domain, hub_url, remote_url FROM accounts"  # noqa: S608 - our own conditions
            f" WHERE id = ANY(%s::bigint[]) AND {condition} ORDER BY id"
        )
        for page in self._pages(query, self._followed()):
            for account_id, domain, hub_url, topic in page:
                yield Candidate(account_id, domain, hub_url, topic, _why_not_askable(hub_url, topic))

    def _pages(self, query: str, followed: "array[int]") -> Iterator[list[tuple[Any, ...]]]:
        """Yield the rows of these accounts by pages, one of which is read while the one before it is dealt with."""
        with ThreadPoolExecutor(1, "next page") as pool:
            ahead = pool.submit(self._page, query, followed[:PAGE_SIZE])
            for start in range(PAGE_SIZE, len(followed) + PAGE_SIZE, PAGE_SIZE):
                page = ahead.result()
                ahead = pool.submit(self._page, query, followed[start : start + PAGE_SIZE])
                yield page

    def _page(self, query: str, ids: "array[int]") -> list[tuple[Any, ...]]:
        if not ids:
            return []
        with self._database.reading() as cursor:
            # As one text, which PostgreSQL takes for one value instead of parsing each number.
            cursor.execute(query, (f"{{{','.join(map(str, ids))}}}",))
            return cursor.fetchall()

    def _followed(self) -> "array[int]":
        """Return the ids of all accounts that somebody here follows, in order: eight bytes each.

        They are read first, because PostgreSQL expects few of them and would look them up again for each page.
        """
        with self._database.reading() as cursor:
            cursor.execute(_FOLLOWED)
            return array("q", (account_id for (account_id,) in cursor))

    def _expected_if_followed(self) -> str:
        subscribed = "accounts.subscription_expires_at IS NOT NULL" if self._shape.asks_only_the_subscribed else "true"
        return f"{is_remote_with_hub(self._shape)} AND {subscribed}"

    def _query_by_id(self) -> str:
        by_activitypub = "accounts.protocol <> 0" if self._shape.has("accounts", "protocol") else "false"
        return (
            f"SELECT id, domain, hub_url, remote_url, {by_activitypub}, NOT ({is_not_suspended(self._shape)}),"  # noqa: S608 - our own conditions
            f" {has_local_follower()}, ({is_expected(self._shape)}) FROM accounts WHERE id = ANY(%s)"
        )


def _judged(account_id: int, row: tuple[Any, ...] | None, *, expected_only: bool) -> Candidate:
    if row is None:
        return Candidate(account_id, why_not="there is no such account")
    _, domain, hub_url, topic, by_activitypub, is_suspended, has_follower, is_expected_now = row
    reasons = (
        (domain is None, "it is an account of this server itself"),
        (by_activitypub, "its server delivers by ActivityPub"),
        (not hub_url, "it has no hub"),
        (is_suspended, "it is suspended"),
        (not has_follower, "nobody here follows it"),
        (expected_only and not is_expected_now, "the server is not subscribed to it, and would not ask by itself"),
    )
    why_not = next((reason for holds, reason in reasons if holds), None) or _why_not_askable(hub_url, topic)
    return Candidate(account_id, domain or "", hub_url, topic, why_not)


def _why_not_askable(hub_url: str, topic: str) -> str | None:
    if not hub_url.lower().startswith(("http://", "https://")):
        return "its hub is no http or https URL"
    return None if topic else "it has no feed to name (remote_url is empty)"


def _chunks(ids: Iterable[int]) -> Iterator[list[int]]:
    remaining = iter(ids)
    while chunk := list(islice(remaining, IDS_AT_ONCE)):
        yield chunk
