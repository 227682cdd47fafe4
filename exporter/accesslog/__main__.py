"""The follower as a process of its own; the exporter starts it with the number of an inherited socket."""

import os
import signal
import sys
from multiprocessing.connection import Connection

from exporter.accesslog.service import NICENESS, follow


def main() -> None:
    """Follow the logs until the exporter closes its end of the socket, or is killed."""
    # Ctrl-C, and systemd when it stops a unit, signal every process; this one ends when the exporter does.
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    os.nice(NICENESS)
    follow(Connection(int(sys.argv[1])))


if __name__ == "__main__":
    main()
