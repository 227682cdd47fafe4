"""An attempt to subscribe to one account again: what is known of it at each moment, and what became of it."""

import secrets
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Self

from exporter.ledger import ResubscribeResult

SECRET_BYTES = 16
"""Mastodon's own secrets are as long, in hexadecimal digits."""


_SHORTEST_HIDDEN = 8


class Stage(StrEnum):
    """How far an attempt has come; the values are stored."""

    PREPARED = "prepared"  # the new secret may be in the database, and this time nobody was asked yet
    ASKED = "asked"  # the hub may have been asked; its answer is not known
    ACCEPTED = "accepted"  # the hub took it; its verification is awaited
    KEPT = "kept"  # told as it is and the old secret put back, but the hub may still come to take the new one


@dataclass(frozen=True)
class AccountResult:
    """What became of an account, for people and programs."""

    account_id: int
    result: ResubscribeResult
    detail: str


@dataclass(frozen=True)
class Attempt:
    """One account's attempt. Times are UTC by the database's clock, without a zone, as Rails keeps them.

    `old_expiry` and `started` are of the last time the new secret was stored. `may_be_known`: the hub may have
    taken the new secret. `decided`: what is to be told, once that is written down and before the database follows.
    """

    attempt_id: str
    run_id: str
    account_id: int
    hub_url: str
    old_secret: str = field(repr=False)
    new_secret: str = field(repr=False)
    old_expiry: datetime | None
    started: datetime
    stage: Stage = Stage.PREPARED
    may_be_known: bool = False
    decided: AccountResult | None = None

    def reached(self, stage: Stage, *, may_be_known: bool | None = None) -> Self:
        """Return the attempt at a later stage."""
        return replace(self, stage=stage, may_be_known=self.may_be_known if may_be_known is None else may_be_known)

    def deciding(self, told: AccountResult) -> Self:
        """Return the attempt as it is written down before anything follows from what is to be told."""
        stage = Stage.PREPARED if self.stage is Stage.KEPT else self.stage
        return replace(self, stage=stage, decided=told)

    def has_told(self, result: AccountResult) -> bool:
        """Tell whether this very result was told and counted before, so that its secret is merely kept."""
        return self.stage is Stage.KEPT and self.decided is not None and self.decided.result is result.result

    def conceal(self, text: str) -> str:
        """Return a text without the secrets, whole or cut short: a hub may quote what it was asked."""
        for secret in (self.new_secret, self.old_secret):
            for length in range(len(secret), _SHORTEST_HIDDEN - 1, -1):
                text = text.replace(secret[:length], "(secret)")
        return text


def new_secret() -> str:
    """Return a secret as Mastodon makes them."""
    return secrets.token_hex(SECRET_BYTES)
