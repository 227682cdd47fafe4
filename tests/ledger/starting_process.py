"""A program that starts a job in each folder it is told: `python -m tests.ledger.starting_process`.

It reads a folder from a line of its standard input, opens a ledger there, starts the job and prints "won", or
why not; at the next line it ends the job and prints "ended".
"""

import sys
from contextlib import closing
from pathlib import Path

from exporter.errors import JobRunning
from exporter.ledger import RESUBSCRIBE, Ledger


def start_each() -> None:
    """Go on until the input ends."""
    tell("ready")
    while folder := sys.stdin.readline().strip():
        with closing(Ledger.open(Path(folder))) as ledger:
            try:
                with ledger.start(RESUBSCRIBE):
                    tell("won")
                    sys.stdin.readline()
            except JobRunning as refusal:
                tell(str(refusal))
                sys.stdin.readline()
        tell("ended")


def tell(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    start_each()
