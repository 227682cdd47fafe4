"""Accounts whose deliveries were answered so that their hub gives the subscription up, as old logs tell it."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from exporter.accesslog.accounts import AccountDeliveries, Accounts
from exporter.accesslog.callback_lines import NEEDLE, CallbackLines
from exporter.accesslog.old_logs import DatedLog, open_old_logs
from exporter.accesslog.scan import Scan
from exporter.accesslog.timestamps import read_time
from exporter.accesslog.writing import Hints
from exporter.mastodon.answers import is_broken_callback
from exporter.mastodon.routes import account_id

MOST_ACCOUNTS = 1_000_000
"""So many take 600 MB. Nobody is subscribed to that many; whoever asks for made-up ids would fill the memory."""


@dataclass(frozen=True)
class BrokenAccounts:
    """Accounts by id, those that recovered included, and sentences on what was left out."""

    accounts: tuple[AccountDeliveries, ...]
    notes: tuple[str, ...] = ()


def find_broken(names: Sequence[str], hints: Hints, most_accounts: int = MOST_ACCOUNTS) -> BrokenAccounts:
    """Return what logs of any age tell, `-` being standard input. All of them are read, or none is judged.

    At most so many accounts are kept, those that broke last. Raises UnreadableLog and UnclearLog.
    """
    accounts = Accounts(most_accounts, most_accounts)
    notes: list[str] = []
    with ExitStack() as opened:
        for dated in open_old_logs(names, hints, opened):
            notes += _judge(dated, accounts)
    if accounts.dropped:
        notes.append(f"only {most_accounts} accounts are kept; {accounts.dropped} that broke before them are left out")
    return BrokenAccounts(tuple(sorted(accounts, key=by_id)), tuple(notes))


def by_id(account: AccountDeliveries) -> int:
    """Return what accounts are sorted by."""
    return account.account_id


def _judge(dated: DatedLog, accounts: Accounts) -> Iterator[str]:
    """Take note of a log's callbacks; yield what to say of the lines that were passed over.

    A last line without a line feed is whole in an old log. In a live one it may be cut: one that fits nevertheless
    is whole where the format ends with text; where it ends with a variable nobody knows, and the line is let go.
    """
    lines = CallbackLines()
    scanner = dated.writing.scanner
    unfit = sum(_judge_block(scanner.scan(block), accounts) for block in map(lines.take, dated.log.pieces()) if block)
    last_line = lines.finish()
    if last_line:
        unfit += _judge_block(scanner.scan(last_line), accounts) if dated.writing.shows_its_end else 1
    if unfit or lines.too_long:
        yield _omission(dated, unfit, lines.too_long)


def _judge_block(scan: Scan, accounts: Accounts) -> int:
    """Take note of the callbacks of some lines; return how many of the lines did not fit."""
    for _, _, time, _, digits, code, _, _ in scan.observations:
        account = account_id(digits) if digits else None
        if account is not None:
            status = int(code)
            accounts.answer(account, status, read_time(time) if is_broken_callback(status) else None)
    accounts.clear_changes()  # nobody writes them down
    return sum(scan.unparsed.values())


def _omission(dated: DatedLog, unfit: int, too_long: int) -> str:
    unfit_lines = f"{_lines(unfit)} with `{NEEDLE.decode()}` that did not fit the format `{dated.writing.format.name}`"
    too_long_lines = f"{_lines(too_long)} longer than 4 MiB"
    parts = [words for number, words in ((unfit, unfit_lines), (too_long, too_long_lines)) if number]
    return f"{dated.log.title}: passed over {' and '.join(parts)}"


def _lines(number: int) -> str:
    return f"{number} line{'' if number == 1 else 's'}"
