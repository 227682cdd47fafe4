"""A program that commits batch after batch, to be killed: `python -m tests.accesslog.committing_writer FOLDER`.

Batch n is n deliveries and a broken callback of account n, in each of two logs. After each commit its number
is printed.
"""

import sys
from pathlib import Path

from exporter.accesslog.position import Progress
from exporter.accesslog.store import Store
from exporter.accesslog.tally import Tally
from tests.accesslog.observations import callback, delivery, scan, tally_settings

LOGS = ("first", "second")


def write(folder: Path) -> None:
    """Go on from what was committed last, until killed."""
    store = Store.open(folder)
    tallies = {}
    batch = 0
    for log in LOGS:
        progress, state = store.load(log)
        tallies[log] = Tally(tally_settings(), state)
        batch = progress.lag_bytes if progress else 0
    while True:
        batch += 1
        for tally in tallies.values():
            tally.apply(scan(*[delivery("202")] * batch, callback("404", batch)))
        store.commit({log: (Progress(log, lag_bytes=batch), tally) for log, tally in tallies.items()})
        sys.stdout.write(f"{batch}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    write(Path(sys.argv[1]))
