"""The accounts whose deliveries were broken, and those of them that came through again: bounded, newest kept."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct

from exporter.accesslog.entry import LogTime
from exporter.mastodon.answers import came_through, is_broken_callback

BROKEN_LIMIT = 100_000
RECOVERED_LIMIT = 10_000

# Failures, last code, Unix time; the time's text follows. One bytes object takes a fifth of what objects would.
_RECORD = Struct("<QHd")


@dataclass(frozen=True)
class AccountDeliveries:
    """What is known of one account's broken deliveries.

    `failures` counts the broken answers since the last one before them that came through;
    `last_code` and `last_seen` (None where the log tells no time) are those of the last broken answer.
    """

    account_id: int
    failures: int
    last_code: int
    last_seen: LogTime | None = None
    recovered: bool = False


class Accounts:
    """Accounts by their callbacks' answers, in the order of the log. For one thread.

    Beyond `broken_limit` the account that broke longest ago is dropped and counted in `dropped`;
    beyond `recovered_limit` the one that recovered first is dropped.
    Iterating gives the recovered ones, then the broken ones, each newest last.
    """

    def __init__(self, broken_limit: int = BROKEN_LIMIT, recovered_limit: int = RECOVERED_LIMIT) -> None:
        self.dropped = 0
        self._broken_limit = broken_limit
        self._recovered_limit = recovered_limit
        self._broken: OrderedDict[int, bytes] = OrderedDict()
        self._recovered: OrderedDict[int, bytes] = OrderedDict()
        self._changed: dict[int, None] = {}

    def __iter__(self) -> Iterator[AccountDeliveries]:
        for account_id, record in self._recovered.items():
            yield _unpacked(account_id, record, recovered=True)
        for account_id, record in self._broken.items():
            yield _unpacked(account_id, record, recovered=False)

    def __contains__(self, account_id: object) -> bool:
        """Tell whether an account is broken now."""
        return account_id in self._broken

    @property
    def unwritten(self) -> int:
        """How many accounts changed since the last `clear_changes`."""
        return len(self._changed)

    @property
    def broken(self) -> int:
        """How many accounts are broken now."""
        return len(self._broken)

    def answer(self, account_id: int, code: int, time: LogTime | None = None) -> None:
        """Take note of an answer to a callback. Only a broken one's time is looked at."""
        if is_broken_callback(code):
            before = self._broken.pop(account_id, None)
            failures = 1 if before is None else _RECORD.unpack_from(before)[0] + 1
            self._keep(AccountDeliveries(account_id, failures, code, time))
        elif came_through(code):
            record = self._broken.pop(account_id, None)
            if record is not None:
                self._recovered[account_id] = record
                self._touch(account_id)
                self._fit()

    def restore(self, account: AccountDeliveries) -> None:
        """Put back, as the newest, what iterating gave once; it is no change."""
        kept = self._recovered if account.recovered else self._broken
        kept[account.account_id] = _packed(account)
        self._fit()

    def forget(self) -> None:
        """Let all accounts go; none counts as dropped."""
        for account_id in (*self._broken, *self._recovered):
            self._touch(account_id)
        self._broken.clear()
        self._recovered.clear()

    def changes(self) -> Iterator[tuple[int, AccountDeliveries | None]]:
        """Yield the accounts that changed since the last `clear_changes`, newest last, None for one that left."""
        for account_id in self._changed:
            yield account_id, self._find(account_id)

    def clear_changes(self) -> None:
        """Take what has changed so far as written down."""
        self._changed.clear()

    def _find(self, account_id: int) -> AccountDeliveries | None:
        for kept, recovered in ((self._broken, False), (self._recovered, True)):
            record = kept.get(account_id)
            if record is not None:
                return _unpacked(account_id, record, recovered=recovered)
        return None

    def _keep(self, account: AccountDeliveries) -> None:
        self._recovered.pop(account.account_id, None)
        self._broken[account.account_id] = _packed(account)
        self._touch(account.account_id)
        self._fit()

    def _touch(self, account_id: int) -> None:
        self._changed.pop(account_id, None)  # so that it comes last
        self._changed[account_id] = None

    def _fit(self) -> None:
        if len(self._broken) > self._broken_limit:
            self._touch(self._broken.popitem(last=False)[0])
            self.dropped += 1
        if len(self._recovered) > self._recovered_limit:
            self._touch(self._recovered.popitem(last=False)[0])


def _packed(account: AccountDeliveries) -> bytes:
    time = account.last_seen or LogTime(0.0, "")
    return _RECORD.pack(account.failures, account.last_code, time.timestamp_seconds) + time.text.encode()


def _unpacked(account_id: int, record: bytes, *, recovered: bool) -> AccountDeliveries:
    failures, code, seconds = _RECORD.unpack_from(record)
    text = record[_RECORD.size :].decode()
    return AccountDeliveries(account_id, failures, code, LogTime(seconds, text) if text else None, recovered)
