"""The domains that the server's database knows, as the exporter hands them to its follower: a file, one a line."""

from itertools import islice
from pathlib import Path

from exporter.mastodon.known import MOST_DOMAINS

KNOWN_DOMAINS_NAME = "known-domains.txt"
LOOK_SECONDS = 10.0


class KnownDomains:
    """Reads the file again once it has changed. For one thread."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._modified_ns = 0
        self._domains: frozenset[str] = frozenset()
        self._next_look = 0.0

    def read(self, path: Path | None, now_monotonic: float) -> frozenset[str]:
        """Return the domains: the very same set while nothing has changed, and while the file cannot be read."""
        if path != self._path:
            self._path, self._modified_ns, self._domains, self._next_look = path, 0, frozenset(), 0.0
        if path is not None and now_monotonic >= self._next_look:
            self._next_look = now_monotonic + LOOK_SECONDS
            self._look(path)
        return self._domains

    def _look(self, path: Path) -> None:
        try:
            modified_ns = path.stat().st_mtime_ns
            if modified_ns != self._modified_ns:
                with path.open(encoding="utf-8", errors="replace") as file:
                    # Line by line, and cut off beyond what a database is asked for: it takes memory as it is.
                    self._domains = frozenset(line.strip() for line in islice(file, MOST_DOMAINS))
                self._modified_ns = modified_ns
        except OSError:
            return  # it is not there before the database was asked for the first time
