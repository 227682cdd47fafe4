"""A real PostgreSQL with databases of every age of Mastodon, for the tests that ask one.

The server is started once a run, when a test first asks for it, and takes connections on 127.0.0.1 and
on a socket in a folder of its own.
"""

import itertools
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote, urlsplit

import psycopg2
import pytest
from psycopg2 import sql

from tests.end_to_end.programs_under_test import free_port
from tests.programs import need_program
from tests.unprivileged import NOBODY

SCHEMAS = Path(__file__).parent / "mastodon_schemas"
VERSIONS = ("1.3", "1.6", "2.9", "3.5", "4.3", "4.6")
SUPERUSER = "mastodon"
PASSWORD = "p@ss word/of:mastodon?"

_SETTINGS: Mapping[str, str] = {
    # Nothing here must outlive a power cut.
    **dict.fromkeys(("fsync", "synchronous_commit", "full_page_writes"), "off"),
    "listen_addresses": "127.0.0.1",
    "shared_buffers": "32MB",
    "max_connections": "60",
    "max_wal_size": "256MB",
    # A server in another time zone than its clients must change nothing.
    "timezone": "Asia/Seoul",
    "log_statement": "none",
}


@pytest.fixture(scope="session")
def postgres() -> Iterator["Postgres"]:
    """A PostgreSQL server; see Postgres."""
    with postgres_server() as server:
        yield server


@contextmanager
def postgres_server() -> Iterator["Postgres"]:
    """Give a running server of its own."""
    with TemporaryDirectory(prefix="mastodon-postgres-") as name:
        server = Postgres(Path(name))
        server.initialize()
        server.start()
        try:
            yield server
        finally:
            server.stop()


class Postgres:
    """A server whose superuser is `mastodon`, as is the owner of every table."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.host = "127.0.0.1"
        self.port = free_port()
        self._programs = {name: need_program(name) for name in ("initdb", "postgres")}
        self._numbers = itertools.count(1)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def socket_folder(self) -> Path:
        """The folder of the socket, which asks for no password."""
        return self.folder / "socket"

    @property
    def data_folder(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> str:
        """Everything that the server has said."""
        return (self.folder / "server.log").read_text(encoding="utf-8", errors="replace")

    def initialize(self) -> None:
        """Make the folders of a server that has never run."""
        self.folder.chmod(0o755)
        for made in (self.data_folder, self.socket_folder):
            made.mkdir(mode=0o700 if made == self.data_folder else 0o755)
        password_file = self.folder / "password"
        password_file.write_text(PASSWORD)
        if os.geteuid() == 0:
            for path in (self.data_folder, self.socket_folder, password_file):
                shutil.chown(path, NOBODY, NOBODY)
        ways_in = ("--auth-local=trust", "--auth-host=scram-sha-256", f"--pwfile={password_file}")
        words = ("--no-sync", "--encoding=UTF8", "--no-locale", f"--username={SUPERUSER}", *ways_in)
        subprocess.run(
            [self._programs["initdb"], *words, f"--pgdata={self.data_folder}"],
            check=True,
            capture_output=True,
            **self._as_user(),
        )

    def start(self) -> None:
        """Start the server and wait until it takes connections."""
        settings = {**_SETTINGS, "port": str(self.port), "unix_socket_directories": str(self.socket_folder)}
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs["postgres"], "-D", str(self.data_folder), *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **self._as_user(),
            )
        give_up = time.monotonic() + 60
        while not self._answers():
            assert time.monotonic() < give_up, self.log
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop the server: whoever is connected is cut off."""
        stopped, self._process = self._process, None
        if stopped is not None:
            stopped.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown
            stopped.wait(timeout=60)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Let the server take connections, and answer nothing."""
        self._signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._signal(signal.SIGCONT)

    def restart(self) -> None:
        """Stop the server and start it again on the same port."""
        self.stop()
        self.start()

    def new_database(self, version: str) -> str:
        """Return the URL of a fresh, empty database as that version of Mastodon has it, for the superuser."""
        name = f"mastodon_{version.replace('.', '_')}_{next(self._numbers)}"
        self._execute("CREATE DATABASE {} TEMPLATE {}", name, self._template(version))
        return self.url(name)

    def url(self, database: str, user: str = SUPERUSER, password: str = PASSWORD) -> str:
        """Return the URL of a database by way of TCP, with the password."""
        return f"postgresql://{quote(user, '')}:{quote(password, '')}@{self.host}:{self.port}/{database}"

    def url_as(self, url: str, user: str, password: str) -> str:
        """Return the URL of the same database for another role."""
        return self.url(urlsplit(url).path.removeprefix("/"), user, password)

    def run(self, url: str, statement: str, parameters: Sequence[object] | None = None) -> list[tuple[Any, ...]]:
        """Return the rows of a statement, which is committed; none where it gives none."""
        with closing(psycopg2.connect(url)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement, parameters)
                return cursor.fetchall() if cursor.description else []

    def _template(self, version: str) -> str:
        name = f"template_{version}"
        if not self.run(self.url("postgres"), "SELECT 1 FROM pg_database WHERE datname = %s", [name]):
            self._execute("CREATE DATABASE {}", name)
            self.run(self.url(name), (SCHEMAS / f"{version}.sql").read_text(encoding="utf-8"))
        return name

    def _execute(self, statement: str, *names: str) -> None:
        with closing(psycopg2.connect(self.url("postgres"))) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log
        try:
            psycopg2.connect(self.url("postgres"), connect_timeout=2).close()
        except psycopg2.OperationalError:
            return False
        return True

    def _signal(self, number: signal.Signals) -> None:
        """Send a signal to every process of the server, which starts no more of them once it is stopped."""
        assert self._process is not None
        self._process.send_signal(number)
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        for child in map(int, children):
            with suppress(ProcessLookupError):  # some come and go
                os.kill(child, number)

    def _as_user(self) -> dict[str, Any]:
        # PostgreSQL refuses to run as root.
        user = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        return {"cwd": self.folder, **user}
