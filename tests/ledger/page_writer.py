"""A media sync without media, to be killed: `python -m tests.ledger.page_writer FOLDER`; and how it must end.

Of each row there are two objects. Of every 7th row one is missing for ever; of every 11th one fails when it is tried
first, and comes through when it is tried again.
"""

import random
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

from exporter.ledger import MEDIA_SYNC, REOPENED, Asked, IdRange, Ledger, MediaRecord, MediaRun, RangeResult, Trouble
from tests.ledger.media_pages import ACCOUNTS, HERE, OBJECT_BYTES, ids, trouble

ROWS = 2000
ROWS_A_PAGE = 10
PAGES_AT_ONCE = 2
OBJECTS = 2 * ROWS
MISSING = sum(row % 7 == 0 for row in range(1, ROWS + 1))
FAILING = sum(row % 11 == 0 and row % 7 != 0 for row in range(1, ROWS + 1))


def write(folder: Path) -> None:
    """Go on from where the last one was killed."""
    with closing(Ledger.open(folder)) as ledger, ledger.start(MEDIA_SYNC, "all of it") as job:
        run = MediaRun(job)
        run.set_rows({"accounts": ROWS})
        try_again(folder, run)
        pages = [
            one for one in all_pages() if not any(seen.after <= one.after < seen.last for seen in run.done(ACCOUNTS))
        ]
        for start in range(0, len(pages), PAGES_AT_ONCE):
            run.write([seen_to(one) for one in pages[start : start + PAGES_AT_ONCE]])
            sys.stdout.write("written\n")
            sys.stdout.flush()
        try_again(folder, run)


def all_pages() -> list[IdRange]:
    """Return the pages in an order as workers end them."""
    pages = [ids(after, after + ROWS_A_PAGE) for after in range(0, ROWS, ROWS_A_PAGE)]
    order = random.Random(7)
    return sorted(pages, key=lambda one: one.after + order.uniform(0, 20 * ROWS_A_PAGE))


def seen_to(one: IdRange) -> RangeResult:
    """Return what becomes of a page when it is tried first."""
    found = (result_of(row) for row in range(one.after + 1, one.last + 1))
    troubles = tuple(each for each in found if each is not None)
    copied = 2 * ROWS_A_PAGE - len(troubles)
    objects = {"copied": copied, **Counter(each.result for each in troubles)}
    return RangeResult(ACCOUNTS, ROWS_A_PAGE, objects, copied * OBJECT_BYTES, one, one, troubles)


def result_of(row: int) -> Trouble | None:
    if row % 7 == 0:
        return trouble(row)
    return trouble(row, "failed") if row % 11 == 0 else None


def try_again(folder: Path, run: MediaRun) -> None:
    for one in MediaRecord(folder).troubles(Asked(HERE)):
        if one.result in ("failed", REOPENED):
            run.write([RangeResult(ACCOUNTS, 0, {"copied": 1}, OBJECT_BYTES, healed=(one.key,))])
        elif one.record_id % 50 == 0:  # so many are enough
            run.write([RangeResult(ACCOUNTS, 0, {"missing": 1}, troubles=(one,))])


if __name__ == "__main__":
    write(Path(sys.argv[1]))
