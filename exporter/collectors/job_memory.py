"""What the exporter remembers of scheduled jobs in the state folder: since when it knows each, and its last run.

Without it a job that never ran could not be told from one that is new, and a daily run would be forgotten before the
next, since Sidekiq counts executions for some hours only.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from exporter.state import write_atomically

FILE_NAME = "scheduled_jobs.json"
MOST_REMEMBERED = 1000

_VERSION = 1
_LARGEST_BYTES = 1024 * 1024
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Remembered:
    """Unix times; `last_run` is 0 where none has been seen."""

    first_seen: float
    last_run: float = 0.0


class JobMemory:
    """Remembers jobs by name. What cannot be read is begun anew, what cannot be written is remembered until the end."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME
        self._jobs: dict[str, Remembered] | None = None

    def see(self, names: Mapping[str, float | None], now: float) -> dict[str, Remembered]:
        """Remember jobs with their last runs (None: nothing new), and return what is remembered of them."""
        known = self._known()
        for name, last_run in names.items():
            before = known.get(name, Remembered(first_seen=now))
            known[name] = replace(before, last_run=max(before.last_run, last_run or 0.0))
        return {name: known[name] for name in names}

    def get(self, name: str) -> Remembered | None:
        """Return what is remembered of a job."""
        return self._known().get(name)

    def write(self) -> None:
        """Write down what is remembered, if it is not what the file says."""
        text = json.dumps({"version": _VERSION, "jobs": self._document()}, indent=2) + "\n"
        try:
            if not self._path.exists() or self._path.read_text(encoding="utf-8", errors="replace") != text:
                write_atomically(self._path, text)
        except OSError as error:
            _log.warning("what is known of scheduled jobs cannot be written", extra={"reason": error.strerror})

    def _document(self) -> dict[str, dict[str, float]]:
        newest = sorted(self._known().items(), key=lambda item: item[1].first_seen)[-MOST_REMEMBERED:]
        return {name: {"first_seen": one.first_seen, "last_run": one.last_run} for name, one in sorted(newest)}

    def _known(self) -> dict[str, Remembered]:
        if self._jobs is None:
            self._jobs = _read(self._path)
        return self._jobs


def _read(path: Path) -> dict[str, Remembered]:
    try:
        with path.open("rb") as file:
            document = json.loads(file.read(_LARGEST_BYTES))
        jobs = document["jobs"]
        return {str(name): Remembered(float(one["first_seen"]), float(one["last_run"])) for name, one in jobs.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        _log.warning("what was known of scheduled jobs cannot be read", extra={"file": str(path), "reason": str(error)})
        return {}
