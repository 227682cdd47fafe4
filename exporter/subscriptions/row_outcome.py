"""What becomes of each row of a restore or an undelete, and why not where nothing does."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from enum import StrEnum
from operator import attrgetter
from tempfile import TemporaryFile
from typing import IO, Any

from psycopg2.extensions import cursor

ROWS_A_PAGE = 1000


class Reason(StrEnum):
    """Why a row stays as it is; `in_words` says it to people."""

    PRESENT = "present"
    REPLACED = "replaced"
    SOFT_DELETED = "soft_deleted"
    DELETED_IN_BACKUP = "deleted_in_backup"
    EXPIRED = "expired"
    UNCONFIRMED = "unconfirmed"
    SUPERSEDED = "superseded"
    NO_ACCOUNT = "no_account"
    OTHER_ACCOUNT = "other_account"
    CALLBACK = "callback"

    @property
    def in_words(self) -> str:
        """Why, as it follows the result."""
        return _WORDS[self]


_WORDS = {
    Reason.PRESENT: "it is there",
    Reason.REPLACED: "another subscription of the same callback to the same account is there, which is kept",
    Reason.SOFT_DELETED: "it is soft-deleted; `mastodon-remedy subscriptions undelete` brings it back",
    Reason.DELETED_IN_BACKUP: "it was soft-deleted when the backup was made",
    Reason.EXPIRED: "it has ended",
    Reason.UNCONFIRMED: "its callback never confirmed it",
    Reason.SUPERSEDED: "a newer one of the same callback to the same account holds the newer secret",
    Reason.NO_ACCOUNT: "its account is gone",
    Reason.OTHER_ACCOUNT: "its account has another name here, so the backup is of another server",
    Reason.CALLBACK: "its callback is not an http or https URL",
}


@dataclass(frozen=True)
class RowOutcome:
    """One row: brought back where `reason` is None, and under another id, told once it is given, unless `keeps_id`."""

    subscription_id: int
    account_id: int
    callback_url: str
    reason: Reason | None
    keeps_id: bool = True
    new_id: int | None = None


# `astuple` copies each value, which takes ten times as long.
_VALUES = attrgetter(*(one.name for one in fields(RowOutcome)))


@dataclass(frozen=True)
class Outcomes:
    """All outcomes of a run, on disk, for there may be a million; they outlive the transaction. Close it."""

    file: IO[str] = field(default_factory=lambda: TemporaryFile("w+"))  # noqa: SIM115 - open until `close`
    counts: Counter[Reason | None] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    def add(self, outcome: RowOutcome) -> None:
        """Take another one."""
        self.counts[outcome.reason] += 1
        self.file.write(json.dumps(_VALUES(outcome)) + "\n")

    @property
    def brought_back(self) -> int:
        """How many rows are brought back."""
        return self.counts[None]

    def __iter__(self) -> Iterator[RowOutcome]:
        """Yield them in the order of their ids, from the first each time."""
        self.file.seek(0)
        for line in self.file:
            yield _outcome(*json.loads(line))

    def close(self) -> None:
        """Let go of the disk."""
        self.file.close()


_PAGE = """
SELECT id, account_id, callback_url, reason, keeps_id, new_id FROM judged_subscriptions
WHERE id > %s ORDER BY id LIMIT %s
"""


def read_outcomes(reading: cursor) -> Outcomes:
    """Return what the table `judged_subscriptions` of this transaction holds."""
    outcomes = Outcomes()
    last_id = 0
    while True:
        reading.execute(_PAGE, (last_id, ROWS_A_PAGE))
        page = reading.fetchall()
        if not page:
            return outcomes
        for row in page:
            outcomes.add(_outcome(*row))
        last_id = page[-1][0]


def _outcome(subscription_id: int, account_id: int, callback_url: str, reason: str | None, *ids: Any) -> RowOutcome:
    return RowOutcome(subscription_id, account_id, callback_url, Reason(reason) if reason else None, *ids)
