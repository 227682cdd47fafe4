"""A program that counts key after key, to be killed: `python -m tests.ledger.counting_writer FOLDER FIRST`.

Each number, from FIRST on, is counted as confirmed under a key of its own, and then printed.
"""

import sys
from pathlib import Path

from exporter.ledger import RESUBSCRIBE, Ledger
from tests.ledger.worlds import CONFIRMED


def write(folder: Path, number: int) -> None:
    """Go on until killed."""
    with Ledger.open(folder).start(RESUBSCRIBE) as job:
        while True:
            job.count_once(f"attempt {number}", CONFIRMED)
            sys.stdout.write(f"{number}\n")
            sys.stdout.flush()
            number += 1


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]))
