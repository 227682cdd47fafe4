"""Stopping a repair: by a signal, or by `mastodon-remedy jobs cancel`."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import click

from exporter.ledger import Job

_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def stoppable(job: Job, words: str) -> Iterator[Callable[[], None]]:
    """Give what raises KeyboardInterrupt once one of _STOPPING, or `jobs cancel`, came; a second one cuts all short.

    `words` say on standard error what happens after the first.
    """
    asked_to_stop = threading.Event()

    def stop(number: int, _frame: FrameType | None) -> None:
        click.echo(f"mastodon-remedy: {words}", err=True)
        asked_to_stop.set()
        signal.signal(number, signal.default_int_handler)

    def check() -> None:
        job.check()
        if asked_to_stop.is_set():
            raise KeyboardInterrupt

    # nohup ignores SIGHUP, and a shell SIGINT of what runs in the background: so it stays.
    heeded = [number for number in _STOPPING if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, stop) for number in heeded}
    try:
        yield check
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
