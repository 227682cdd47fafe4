"""The accounts whose deliveries were broken, and those of them that came through again: bounded, newest kept."""

from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
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


@dataclass(frozen=True)
class Verdict:
    """Which of some ids there are accounts of in the server's database; the others anybody may have made up."""

    asked: tuple[int, ...]
    known: frozenset[int]


class Accounts:
    """Accounts by their callbacks' answers, in the order of the log. For one thread.

    Beyond `broken_limit` the account that broke longest ago is dropped and counted in `dropped`: one that the
    database is known to have only where the others are few; beyond `recovered_limit` the one that recovered first.
    Iterating gives the recovered ones, the broken ones, and of these last those that the database is known to have;
    each newest last.
    """

    def __init__(self, broken_limit: int = BROKEN_LIMIT, recovered_limit: int = RECOVERED_LIMIT) -> None:
        self.dropped = 0
        self._broken_limit = broken_limit
        self._reserve = max(1, broken_limit // 100)
        self._recovered_limit = recovered_limit
        self._unvetted: OrderedDict[int, bytes] = OrderedDict()
        self._vetted: OrderedDict[int, bytes] = OrderedDict()
        self._doubted: deque[int] = deque()
        self._recovered: OrderedDict[int, bytes] = OrderedDict()
        self._changed: dict[int, None] = {}

    def __iter__(self) -> Iterator[AccountDeliveries]:
        for account_id, record in self._recovered.items():
            yield _unpacked(account_id, record, recovered=True)
        for broken in (self._unvetted, self._vetted):
            for account_id, record in broken.items():
                yield _unpacked(account_id, record, recovered=False)

    def __contains__(self, account_id: object) -> bool:
        """Tell whether an account is broken now."""
        return account_id in self._unvetted or account_id in self._vetted

    @property
    def unwritten(self) -> int:
        """How many accounts changed since the last `clear_changes`."""
        return len(self._changed)

    @property
    def broken(self) -> int:
        """How many accounts are broken now."""
        return len(self._unvetted) + len(self._vetted)

    def answer(self, account_id: int, code: int, time: LogTime | None = None) -> None:
        """Take note of an answer to a callback. Only a broken one's time is looked at."""
        if is_broken_callback(code):
            before = self._vetted.get(account_id) or self._unvetted.get(account_id)
            failures = 1 if before is None else _RECORD.unpack_from(before)[0] + 1
            self._keep(AccountDeliveries(account_id, failures, code, time))
        elif came_through(code):
            record = self._vetted.pop(account_id, None) or self._unvetted.pop(account_id, None)
            if record is not None:
                self._recovered[account_id] = record
                self._touch(account_id)
                self._fit()

    def restore(self, account: AccountDeliveries) -> None:
        """Put back, as the newest, what iterating gave once; it is no change."""
        kept = self._recovered if account.recovered else self._unvetted
        kept[account.account_id] = _packed(account)
        self._fit()

    def forget(self) -> None:
        """Let all accounts go; none counts as dropped."""
        for kept in (self._unvetted, self._vetted, self._recovered):
            for account_id in kept:
                self._touch(account_id)
            kept.clear()

    def to_vet(self, most: int) -> tuple[int, ...]:
        """Return the ids of broken accounts to ask the database about: first those that were never asked about."""
        ids = list(islice(self._unvetted, most))
        ids += islice(self._doubted, most - len(ids))
        return tuple(ids)

    def vet(self, verdict: Verdict) -> None:
        """Take note of what the database has; accounts that it does not have are let go, and count as no drop."""
        for account_id in verdict.asked:
            if self._doubted and self._doubted[0] == account_id:
                self._doubted.popleft()
            if account_id not in verdict.known:
                self._let_go(account_id)
            elif account_id in self._unvetted:
                self._vetted[account_id] = self._unvetted.pop(account_id)

    def doubt(self) -> None:
        """Have every account asked about again: the database may have lost some."""
        self._doubted = deque(self._vetted)

    def changes(self) -> Iterator[tuple[int, AccountDeliveries | None]]:
        """Yield the accounts that changed since the last `clear_changes`, newest last, None for one that left."""
        for account_id in self._changed:
            yield account_id, self._find(account_id)

    def clear_changes(self) -> None:
        """Take what has changed so far as written down."""
        self._changed.clear()

    def _find(self, account_id: int) -> AccountDeliveries | None:
        for kept, recovered in ((self._unvetted, False), (self._vetted, False), (self._recovered, True)):
            record = kept.get(account_id)
            if record is not None:
                return _unpacked(account_id, record, recovered=recovered)
        return None

    def _keep(self, account: AccountDeliveries) -> None:
        account_id = account.account_id
        self._recovered.pop(account_id, None)
        broken = self._vetted if account_id in self._vetted else self._unvetted
        broken[account_id] = _packed(account)
        broken.move_to_end(account_id)
        self._touch(account_id)
        self._fit()

    def _let_go(self, account_id: int) -> None:
        for kept in (self._unvetted, self._vetted, self._recovered):
            if kept.pop(account_id, None) is not None:
                self._touch(account_id)

    def _touch(self, account_id: int) -> None:
        self._changed.pop(account_id, None)  # so that it comes last
        self._changed[account_id] = None

    def _fit(self) -> None:
        if self.broken > self._broken_limit:
            # Ids that anybody may have made up go first; but the newest must have the time to be asked about.
            made_up = len(self._unvetted) > self._reserve or not self._vetted
            self._touch((self._unvetted if made_up else self._vetted).popitem(last=False)[0])
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
