"""What Mastodon's database tells of its server's logs: what the server speaks, whom it knows, which accounts it has.

It is asked in a thread of its own, for nothing that follows logs may wait for a database.
"""

import logging
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from exporter.accesslog.accounts import Verdict
from exporter.accesslog.known_domains import KNOWN_DOMAINS_NAME
from exporter.config import AccessLog, DatabaseSettings
from exporter.errors import DatabaseError
from exporter.mastodon.database import Database
from exporter.mastodon.known import Domains, known_accounts
from exporter.mastodon.shape import Shape, read_shape
from exporter.server.reload import Running
from exporter.state import write_atomically

LOOK_SECONDS = 600.0
PAUSE_SECONDS = 10.0
"""After so long a connection that is not needed is closed, and a database that failed is asked again."""

FIRST_LOOK_SECONDS = 1.0

_log = logging.getLogger(__name__)


class DatabaseWatch:
    """Watches the database of the configuration in force; `start` and `stop` once each, the rest from any thread."""

    def __init__(self, running: Running, folder: Path) -> None:
        self._running = running
        self._file = folder / KNOWN_DOMAINS_NAME
        self._wake = threading.Condition()
        self._stopping = False
        self._looked = threading.Event()
        self._shape: Shape | None = None
        self._to_vet: tuple[int, ...] = ()
        self._verdict: tuple[DatabaseSettings, Verdict] | None = None
        self._told = ""
        self._thread = threading.Thread(target=self._run, name="database of the logs", daemon=True)

    @property
    def known_domains(self) -> Path | None:
        """The file of the domains that the database knows, which may not be there yet; None without a database."""
        return self._file if self._settings is not None else None

    def start(self) -> None:
        """Begin to ask, without waiting for an answer."""
        self._running.call_when_reloaded(self._reloaded)
        self._thread.start()

    def stop(self) -> None:
        """Ask nothing more. A question under way is left alone: a database that hangs must not hold up the end."""
        with self._wake:
            self._stopping = True
            self._wake.notify()

    def covers(self, log: AccessLog) -> bool:
        """Tell whether the database is that of the log's server."""
        settings = self._settings
        return settings is not None and settings.instance == log.instance

    def shape(self) -> Shape | None:
        """Return the database's shape as last seen, None while it is not known.

        Once, right after `start`, it waits for a second: a database that answers has mostly done so by then.
        """
        if self._settings is None:
            return None
        self._looked.wait(FIRST_LOOK_SECONDS)
        self._looked.set()
        return self._shape

    def vet(self, ids: Sequence[int]) -> Verdict | None:
        """Ask about accounts, without waiting; return a verdict, once, when there is one."""
        with self._wake:
            answered, self._verdict = self._verdict, None
            if answered is not None and answered[0] == self._settings:
                return answered[1]
            self._to_vet = tuple(ids)
            if ids:
                self._wake.notify()
            return None

    @property
    def _settings(self) -> DatabaseSettings | None:
        return self._running.config.database

    def _run(self) -> None:
        while not self._stopping:
            settings = self._settings
            self._shape, self._to_vet, self._told = None, (), ""
            if settings is None:
                self._pause(settings)
                continue
            with closing(Database(settings, "mastodon-exporter access logs")) as database:
                self._accompany(settings, database)

    def _accompany(self, settings: DatabaseSettings, database: Database) -> None:
        """Ask one database until another one is configured."""
        domains = Domains()
        next_look = 0.0
        while not self._is_over(settings):
            try:
                if time.monotonic() >= next_look:
                    self._look(database, domains)
                    next_look = time.monotonic() + LOOK_SECONDS
                self._answer(settings, database)
            except (DatabaseError, OSError) as error:
                self._tell(str(error))
                database.close()
                self._pause(settings)
            else:
                self._tell("")
                if not self._await_question(settings):
                    database.close()
            finally:
                self._looked.set()

    def _look(self, database: Database, domains: Domains) -> None:
        with database.reading() as reading:
            self._shape = read_shape(reading)
        self._looked.set()
        text = "".join(f"{domain}\n" for domain in sorted(domains.refresh(database)))
        if not self._file.exists() or self._file.read_text(encoding="utf-8", errors="replace") != text:
            write_atomically(self._file, text)

    def _answer(self, settings: DatabaseSettings, database: Database) -> None:
        with self._wake:
            asked, self._to_vet = self._to_vet, ()
        if asked:
            verdict = Verdict(asked, known_accounts(database, asked))
            with self._wake:
                self._verdict = (settings, verdict)

    def _await_question(self, settings: DatabaseSettings) -> bool:
        with self._wake:
            self._wake.wait_for(lambda: self._to_vet or self._is_over(settings), PAUSE_SECONDS)
            return bool(self._to_vet)

    def _pause(self, settings: DatabaseSettings | None) -> None:
        with self._wake:
            self._wake.wait_for(lambda: self._is_over(settings), PAUSE_SECONDS)

    def _is_over(self, settings: DatabaseSettings | None) -> bool:
        return self._stopping or self._settings != settings

    def _reloaded(self) -> None:
        with self._wake:
            self._wake.notify()

    def _tell(self, error: str) -> None:
        """Log what is wrong once, and again only when it changes."""
        if error and error != self._told:
            _log.warning("the database tells nothing of the access logs", extra={"error": error})
        self._told = error
