"""Counts that may take longer than a scrape: made in the background, and shown until the next one is."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from exporter.errors import MastodonExporterError

Answer = TypeVar("Answer")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Begun:
    seconds: float
    about: object


class BackgroundCount(Generic[Answer]):
    """Counts in a thread of its own, every so many seconds at most, whether the last time succeeded or failed.

    Meanwhile, and after a failure, the last good answer is given; a failure is logged. Thread-safe.
    """

    def __init__(self, what: str, interval_seconds: float, clock: Callable[[], float]) -> None:
        """`what` is counted, for logs. A `clock` that jumps back does not put the next count off."""
        self._what = what
        self._interval_seconds = interval_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._begun: _Begun | None = None
        self._thread = threading.Thread()
        self._answer: Answer | None = None
        self._error: MastodonExporterError | None = None

    def latest(self, count: Callable[[], Answer], about: object) -> Answer:
        """Return the last good answer; without any, wait for the count under way, and raise what the last one raised.

        A count begins where one is due, and before its time where it is `about` something else than the last.
        """
        with self._lock:
            if not self._thread.is_alive() and self._is_due(about):
                self._begin(count, about)
            thread = self._thread
        if self._answer is None and thread.is_alive():
            thread.join()
        if self._answer is not None:
            return self._answer
        assert self._error is not None, "the count has ended by a fault of its own"  # noqa: S101
        raise self._error.with_traceback(None)  # which would grow each time that it is raised

    @property
    def is_under_way(self) -> bool:
        """Whether it is counting."""
        return self._thread.is_alive()

    def forget(self) -> None:
        """Forget the answer, and when it was counted."""
        with self._lock:
            self._begun = self._answer = self._error = None

    def _is_due(self, about: object) -> bool:
        begun = self._begun
        return begun is None or begun.about != about or abs(self._clock() - begun.seconds) >= self._interval_seconds

    def _begin(self, count: Callable[[], Answer], about: object) -> None:
        self._begun = _Begun(self._clock(), about)
        # A daemon: a store that hangs must not keep the exporter from ending.
        self._thread = threading.Thread(target=self._run, args=(count,), name=f"counting {self._what}", daemon=True)
        self._thread.start()

    def _run(self, count: Callable[[], Answer]) -> None:
        told = str(self._error or "")
        try:
            self._answer, self._error = count(), None
        except MastodonExporterError as error:
            self._error = error
            if str(error) != told:
                _log.warning("a count has failed", extra={"counted": self._what, "error": str(error)})
